"""The table `events`: kloppy's standard columns of match events, with the same types for all providers.

The names are those of `to_df()` of kloppy. Beyond it are the names of teams and players, each of several qualifiers of
a kind (kloppy keeps the last one), xG, and the provider's own event as JSON.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library
from ingestify.tables.column_types import as_json
from ingestify.tables.definition import TableDefinition
from ingestify.tables.rows.people import name_of, text_of
from ingestify.tables.rows.pitch import Pitch
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FLAGS", "QUALIFIERS", "make_frame"]

QUALIFIERS = ("body_part_type", "set_piece_type", "pass_type", "duel_type", "goalkeeper_type", "card_type")
"""kloppy's qualifiers of an enumeration. An event may have several of a kind."""

FLAGS = ("is_counter_attack", "is_under_pressure")
"""kloppy's qualifiers that are true or false."""

_TEXT, _NUMBER, _WHOLE, _FLAG = "String", "Float64", "Int64", "Boolean"

COLUMNS = {
    "event_id": _TEXT,
    "event_type": _TEXT,
    "period_id": _WHOLE,
    "timestamp": _NUMBER,
    "end_timestamp": _NUMBER,
    "ball_state": _TEXT,
    "ball_owning_team": _TEXT,
    "team_id": _TEXT,
    "team_name": _TEXT,
    "player_id": _TEXT,
    "player_name": _TEXT,
    "coordinates_x": _NUMBER,
    "coordinates_y": _NUMBER,
    "end_coordinates_x": _NUMBER,
    "end_coordinates_y": _NUMBER,
    "receiver_player_id": _TEXT,
    "receiver_player_name": _TEXT,
    "result": _TEXT,
    "success": _FLAG,
    **dict.fromkeys(QUALIFIERS, _TEXT),
    **dict.fromkeys(FLAGS, _FLAG),
    "replacement_player_id": _TEXT,
    "formation_type": _TEXT,
    "xg": _NUMBER,
    "post_shot_xg": _NUMBER,
    "other": _TEXT,
    "qualifiers": _TEXT,
}
"""Name to polars type."""

_STATISTICS = {"xG": "xg", "PSxG": "post_shot_xg"}
_ENDS = ("receiver_coordinates", "end_coordinates", "result_coordinates")
_END_TIMES = ("receive_timestamp", "end_timestamp")
_DETAILS = (
    *(*_ENDS, *_END_TIMES, "result"),
    *("receiver_player", "replacement_player", "card_type", "formation_type"),
)
"""What only some kinds of events have. No kind has two ends."""


def make_frame(given: TableInput, definition: TableDefinition) -> pl.DataFrame:  # noqa: ARG001 - all of these have it
    """Return a row for each event; none if kloppy makes no events of the dataset."""
    polars, loaded = library("polars"), given.kloppy()
    from kloppy.domain import EventDataset  # not before kloppy has said that it is installed

    types = {name: getattr(polars, kind) for name, kind in COLUMNS.items()}
    if not isinstance(loaded, EventDataset):
        return polars.DataFrame(schema=types)  # type: ignore[no-any-return]
    pitch = Pitch(loaded.metadata)
    as_row = _RowMaker()
    rows = [as_row(event) for event in loaded.events]
    columns = {name: polars.Series(name, [row.get(name) for row in rows], kind) for name, kind in types.items()}
    flips = [pitch.has_to_flip(event.period, event.ball_owning_team, event.team) for event in loaded.events]
    flipped = polars.Series(flips, dtype=polars.Boolean)
    for name in ("coordinates", "end_coordinates"):
        x, y = pitch.place(columns[f"{name}_x"], columns[f"{name}_y"], flipped)
        columns[f"{name}_x"], columns[f"{name}_y"] = x, y
    return polars.DataFrame(columns)  # type: ignore[no-any-return]


class _RowMaker:
    """Makes the row of an event, with the provider's coordinates. Teams and players are those of one dataset."""

    def __init__(self) -> None:
        self._encode = _make_encoder()
        self._raw: tuple[Any, str | None] = (None, None)
        self._teams: dict[int, tuple[str | None, str | None]] = {}
        self._players: dict[int, tuple[str | None, str | None]] = {}
        self._kinds: dict[type, tuple[str, list[str]]] = {}

    def __call__(self, event: Any) -> dict[str, Any]:
        kind, details = self._kinds.get(type(event)) or self._learn(event)
        state = event.ball_state
        row = {
            "event_id": text_of(event.event_id),
            "event_type": f"GENERIC:{event.event_name}" if kind == "generic" else kind,
            "period_id": event.period.id,
            "timestamp": _seconds(event.timestamp),
            "ball_state": None if state is None else state.value,
            "ball_owning_team": self._team(event.ball_owning_team)[0],
            "qualifiers": self._raw_event(event.raw_event),
        }
        row["team_id"], row["team_name"] = self._team(event.team)
        row["player_id"], row["player_name"] = self._player(event.player)
        if event.coordinates is not None:
            row["coordinates_x"], row["coordinates_y"] = event.coordinates.x, event.coordinates.y
        for name in details:
            if (value := getattr(event, name)) is not None:
                self._add_detail(row, name, value)
        if event.qualifiers or event.statistics:
            _add_qualifiers(row, event.qualifiers or (), event.statistics or ())
        if kind == "SHOT" and "xg" not in row and isinstance(event.raw_event, dict):
            row["xg"] = _number_of(event.raw_event.get("xG"))  # Sportec's, which kloppy does not read
        return row

    def _learn(self, event: Any) -> tuple[str, list[str]]:
        """Return the kind of events of a class, and which details they have."""
        learned = event.event_type.value, [name for name in _DETAILS if name in event.__dict__]
        self._kinds[type(event)] = learned
        return learned

    def _add_detail(self, row: dict[str, Any], name: str, value: Any) -> None:
        """Add what only some kinds of events have."""
        if name in _ENDS:
            row["end_coordinates_x"], row["end_coordinates_y"] = value.x, value.y
        elif name in _END_TIMES:
            row["end_timestamp"] = _seconds(value)
        elif name == "result":
            row["result"], row["success"] = value.value, value.is_success
        elif name == "receiver_player":
            row["receiver_player_id"], row["receiver_player_name"] = self._player(value)
        elif name == "replacement_player":
            row["replacement_player_id"] = text_of(value.player_id)
        else:
            row[name] = value.value

    def _team(self, team: Any) -> tuple[str | None, str | None]:
        if (known := self._teams.get(id(team))) is None:
            known = (None, None) if team is None else (text_of(team.team_id), text_of(team.name))
            self._teams[id(team)] = known
        return known

    def _player(self, player: Any) -> tuple[str | None, str | None]:
        if (known := self._players.get(id(player))) is None:
            known = (None, None) if player is None else (text_of(player.player_id), name_of(player))
            self._players[id(player)] = known
        return known

    def _raw_event(self, raw: Any) -> str | None:
        """Return the provider's event as JSON. Of one of its events, kloppy may make several."""
        if raw is not self._raw[0]:
            self._raw = raw, None if raw is None else self._encode(raw)
        return self._raw[1]


def _add_qualifiers(row: dict[str, Any], qualifiers: Iterable[Any], statistics: Iterable[Any]) -> None:
    """Add kloppy's qualifiers and statistics; those of a kind that has no column are in `other`, as JSON."""
    other: dict[str, Any] = {}
    for qualifier in qualifiers:
        for name, value in qualifier.to_dict().items():
            if name in FLAGS:
                row[name] = value
            elif name in QUALIFIERS:
                values = row.get(name)
                row[name] = value if values in (None, value) else f"{values}|{value}"
            else:
                other.setdefault(name, []).append(value)
    for one in statistics:
        column = _STATISTICS.get(one.name)
        if column is not None:
            row[column] = one.value
        else:
            other.setdefault(one.name, []).append(dataclasses.asdict(one))
    if other:
        row["other"] = as_json(other)


def _seconds(time: Any) -> float:
    """Return the seconds of a duration, or of kloppy's `Time`."""
    seconds: float = (time if isinstance(time, dt.timedelta) else time.timestamp).total_seconds()
    return seconds


def _number_of(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None  # it stays in `qualifiers`


def _make_encoder() -> Callable[[Any], str]:
    import msgspec

    encoder = msgspec.json.Encoder(enc_hook=str)

    def encode(raw: Any) -> str:
        try:
            return encoder.encode(_without_freeze_frame(raw)).decode()
        except (TypeError, ValueError, OverflowError):  # such as a whole number of more than 64 bits
            return as_json(_without_freeze_frame(raw))

    return encode


def _without_freeze_frame(raw: Any) -> Any:
    """Return a provider's event without the places of the other players, which have a table of their own."""
    if isinstance(raw, dict) and isinstance(shot := raw.get("shot"), dict) and "freeze_frame" in shot:
        return {**raw, "shot": {name: value for name, value in shot.items() if name != "freeze_frame"}}
    return raw
