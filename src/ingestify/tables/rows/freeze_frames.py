"""The table `freeze_frames`: where the visible players were at the moment of an event.

StatsBomb gives them with the shots, and with most events as a feed of its own ("360"). They are read from what it
delivers, as kloppy needs seconds to make an object of each player. The places and players are those of kloppy: the one
who acts is added if he is lacking, and a goalkeeper is the one who is in goal at that moment. A shot may have both; of
these, kloppy has the first one only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library
from ingestify.tables.column_types import as_json
from ingestify.tables.definition import TableDefinition
from ingestify.tables.rows.people import name_of, text_of
from ingestify.tables.rows.pitch import Pitch
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["make_frame"]

_FEED = "360-frames"
_FINE_KINDS = ("Carry", "Dribble", "Pass")


def make_frame(given: TableInput, definition: TableDefinition) -> pl.DataFrame:  # noqa: ARG001 - all of these have it
    """Return a row for each visible player of each event."""
    loaded = given.kloppy()
    from kloppy.domain import EventDataset  # not before kloppy has said that it is installed

    frames = _Frames()
    if not isinstance(loaded, EventDataset):
        return frames.to_frame(None)
    if given.loader == "statsbomb":
        _StatsBomb(loaded).add_to(frames, _read_360(given))
    else:
        for event in loaded.events:
            if event.freeze_frame:
                frames.begin(event, "event")
                _add_players(frames, event)
    return frames.to_frame(Pitch(loaded.metadata))


class _Frames:
    """The rows, as columns, with the provider's coordinates."""

    def __init__(self) -> None:
        self._frames: list[tuple[Any, ...]] = []
        self._of_frame: list[int] = []
        self._rows: list[tuple[Any, ...]] = []
        self._areas: list[Sequence[float]] = []

    def begin(self, event: Any, source: str, area: Sequence[float] = (), event_id: str | None = None) -> None:
        """Begin the frame of an event; without the event, only its id is known."""
        record = (None, None, None) if event is None else (event.period, event.ball_owning_team, event.team)
        self._frames.append((event_id or text_of(event.event_id), source, record))
        self._areas.append(area)

    def add(self, player: Any, team: Any, place: Sequence[float], *, teammate: bool, actor: bool, keeper: bool) -> None:
        """Add a player to the frame that was begun last. Each of player and team is None if it is not known."""
        team = team if player is None else player.team
        self._of_frame.append(len(self._frames) - 1)
        who = (None, None) if player is None else (text_of(player.player_id), name_of(player))
        team_id = None if team is None else text_of(team.team_id)
        self._rows.append((teammate, actor, keeper, team_id, *who, float(place[0]), float(place[1])))

    def to_frame(self, pitch: Pitch | None) -> pl.DataFrame:
        polars = library("polars")
        text, flag, number = polars.String, polars.Boolean, polars.Float64
        flips = [pitch is not None and pitch.has_to_flip(*record) for _, _, record in self._frames]
        heads = polars.DataFrame(
            {
                "event_id": polars.Series([one[0] for one in self._frames], dtype=text),
                "source": polars.Series([one[1] for one in self._frames], dtype=text),
                "flip": polars.Series(flips, dtype=flag),
                "visible_area": polars.Series(self._place_areas(pitch, flips), dtype=text),
            }
        )[polars.Series(self._of_frame, dtype=polars.UInt32)]
        kinds = {"teammate": flag, "actor": flag, "keeper": flag, "team_id": text, "player_id": text}
        rows = polars.DataFrame(
            self._rows, schema={**kinds, "player_name": text, "x": number, "y": number}, orient="row"
        )
        if pitch is not None:
            x, y = pitch.place(rows["x"], rows["y"], heads["flip"])
            rows = rows.with_columns(x.alias("x"), y.alias("y"))
        return heads.select("event_id", "source").hstack(rows).with_columns(heads["visible_area"])  # type: ignore[no-any-return]

    def _place_areas(self, pitch: Pitch | None, flips: Sequence[bool]) -> list[str | None]:
        """Return each visible area as JSON, a list of [x, y] on our pitch."""
        polars = library("polars")
        if pitch is None:
            return [None for _ in self._areas]
        numbers = [float(one) for area in self._areas for one in area]
        flipped = [flip for area, flip in zip(self._areas, flips, strict=True) for _ in range(len(area) // 2)]
        xs, ys = (polars.Series(one, dtype=polars.Float64) for one in (numbers[::2], numbers[1::2]))
        x, y = pitch.place(xs, ys, polars.Series(flipped, dtype=polars.Boolean))
        corners = zip(x.round(3).to_list(), y.round(3).to_list(), strict=True)
        return [as_json([next(corners) for _ in range(len(area) // 2)]) if area else None for area in self._areas]


def _add_players(frames: _Frames, event: Any) -> None:
    """Add the players of a frame that kloppy made."""
    for player, data in event.freeze_frame.players_data.items():
        if data.coordinates is not None:
            frames.add(
                player,
                player.team,
                (data.coordinates.x, data.coordinates.y),
                teammate=player.team == event.team,
                actor=player == event.player,
                keeper=getattr(player.starting_position, "name", "") == "Goalkeeper",
            )


class _StatsBomb:
    """The frames of a match of StatsBomb.

    Args:
        loaded: kloppy's dataset, whose events have what StatsBomb delivered.
    """

    def __init__(self, loaded: Any) -> None:
        self._teams = loaded.metadata.teams
        self._players = {one.player_id: one for team in self._teams for one in team.players}
        self._events: dict[str, Any] = {}
        for event in loaded.events:
            self._events.setdefault(event.event_id, event)
        self._keepers = {team.team_id: list(_iter_keepers(team)) for team in self._teams}
        self._middle_of_shots = _middle_of_cell(loaded.events, ("Shot",))
        self._middle = _middle_of_cell(loaded.events, _FINE_KINDS)

    def add_to(self, frames: _Frames, frames_360: dict[str, Any]) -> None:
        """Add the frames of shots and the others, in the order of the events."""
        for event_id, event in self._events.items():
            of_shot = event.raw_event.get("shot", {}).get("freeze_frame") if event.raw_event["id"] == event_id else None
            if of_shot is not None:
                frames.begin(event, "shot")
                self._add_players_of_shot(frames, event, of_shot)
            if event_id in frames_360:
                self._add_360(frames, event, frames_360[event_id])
        for event_id in frames_360.keys() - self._events.keys():
            self._add_360(frames, None, frames_360[event_id])

    def _add_players_of_shot(self, frames: _Frames, event: Any, players: Sequence[dict[str, Any]]) -> None:
        for one in players:
            is_keeper = one.get("position", {}).get("name") == "Goalkeeper"
            player = self._players.get(str(one["player"]["id"])) if "player" in one else None
            place = [value - self._middle_of_shots for value in one["location"][:2]]
            is_actor = player is not None and player == event.player
            team = self._team_of(event, is_teammate=one["teammate"])
            frames.add(player, team, place, teammate=one["teammate"], actor=is_actor, keeper=is_keeper)
        if not any(str(one.get("player", {}).get("id")) == event.player.player_id for one in players):
            self._add_actor(frames, event)

    def _add_360(self, frames: _Frames, event: Any, frame: Any) -> None:
        frames.begin(event, "360", frame.visible_area or (), frame.event_uuid)
        for one in frame.freeze_frame:
            team = None if event is None else self._team_of(event, is_teammate=one.teammate)
            player = None
            if event is not None and one.actor:
                player = event.player
            elif event is not None and one.keeper:
                player = self._find_keeper(team, event.time)
            place = [value - self._middle for value in one.location[:2]]
            frames.add(player, team, place, teammate=one.teammate, actor=one.actor, keeper=one.keeper)
        if event is not None and event.player is not None and not any(one.actor for one in frame.freeze_frame):
            self._add_actor(frames, event)

    def _add_actor(self, frames: _Frames, event: Any) -> None:
        is_keeper = self._find_keeper(event.team, event.time) == event.player
        place = (event.coordinates.x, event.coordinates.y)
        frames.add(event.player, event.team, place, teammate=True, actor=True, keeper=is_keeper)

    def _team_of(self, event: Any, *, is_teammate: bool) -> Any:
        home, away = self._teams
        return home if (event.team == home) is is_teammate else away

    def _find_keeper(self, team: Any, time: Any) -> Any:
        for player in self._keepers[team.team_id]:
            try:
                position = player.positions.value_at(time)
            except KeyError:
                continue  # he comes on later
            if position is not None and position.name == "Goalkeeper":
                return player
        return None


def _iter_keepers(team: Any) -> Iterator[Any]:
    for player in team.players:
        if any(position is not None and position.name == "Goalkeeper" for position in player.positions.items.values()):
            yield player


def _middle_of_cell(events: Sequence[Any], kinds: Sequence[str]) -> float:
    """Return how far the middle of a cell is from its name, in yards, as kloppy finds it out.

    StatsBomb names the cell in which something was: (1, 1) is the first square yard. Newer data have cells of a tenth.
    """
    places = (one.raw_event["location"][:2] for one in events if _kind_of(one) in kinds and "location" in one.raw_event)
    return 0.05 if any(not (x.is_integer() and y.is_integer()) for x, y in places) else 0.5


def _kind_of(event: Any) -> Any:
    return event.raw_event.get("type", {}).get("name")


def _read_360(given: TableInput) -> dict[str, Any]:
    """Return the frames of the feed by the id of their event; none if there is no such feed."""
    import msgspec

    file = given.files.find_file(_FEED)
    if file is None:
        return {}
    player = msgspec.defstruct(
        "Player",
        [("teammate", bool), ("location", list[float]), ("actor", bool, False), ("keeper", bool, False)],
    )
    frame = msgspec.defstruct(
        "Frame",
        [("event_uuid", str), ("freeze_frame", list[player]), ("visible_area", list[float] | None, None)],  # type: ignore[valid-type]
    )
    frames: list[Any] = msgspec.json.decode(file.read(), type=list[frame])  # type: ignore[valid-type]
    return {one.event_uuid: one for one in frames}
