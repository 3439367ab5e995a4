"""The table `tracking`: a row for the ball and for each player in each frame.

kloppy has all frames of a match in memory. The rows are made of some thousand frames at a time, so that they need
little beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library
from ingestify.tables.column_types import as_json
from ingestify.tables.definition import TableDefinition
from ingestify.tables.rows.people import text_of
from ingestify.tables.rows.pitch import Pitch
from ingestify.tables.rows.sportec_tracking import iter_sportec_frames
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["make_frames"]

FRAMES = 2000
"""How many frames a chunk has."""


def make_frames(given: TableInput, definition: TableDefinition) -> Iterator[pl.DataFrame]:  # noqa: ARG001 - likewise
    """Yield the rows in chunks; one chunk without rows if kloppy makes no frames of the dataset."""
    if given.loader == "sportec":
        yield from iter_sportec_frames(given, FRAMES)
        return
    loaded = given.kloppy()
    from kloppy.domain import TrackingDataset  # not before kloppy has said that it is installed

    if not isinstance(loaded, TrackingDataset) or not loaded.records:
        yield _Chunk().to_frame(None)
        return
    pitch = Pitch(loaded.metadata)
    for begin in range(0, len(loaded.records), FRAMES):
        chunk = _Chunk()
        for frame in loaded.records[begin : begin + FRAMES]:
            chunk.add(frame, is_flipped=pitch.has_to_flip(frame.period, frame.ball_owning_team, None, is_static=True))
        yield chunk.to_frame(pitch)


class _Chunk:
    """The rows of some frames, as columns."""

    def __init__(self) -> None:
        self._frames: list[tuple[Any, ...]] = []
        self._counts: list[int] = []
        self._people: list[Any] = []
        self._x: list[float | None] = []
        self._y: list[float | None] = []
        self._z: list[float | None] = []
        self._speed: list[float | None] = []
        self._distance: list[float | None] = []
        self._other: list[str | None] = []

    def add(self, frame: Any, *, is_flipped: bool) -> None:
        owner, state = frame.ball_owning_team, frame.ball_state
        self._frames.append(
            (
                None if frame.period is None else frame.period.id,
                frame.frame_id,
                frame.timestamp.total_seconds(),
                None if state is None else state.value,
                None if owner is None else text_of(owner.team_id),
                is_flipped,
            )
        )
        self._counts.append(1 + len(frame.players_data))
        self._add_row(None, frame.ball_coordinates, frame.ball_speed, None, frame.other_data)
        for player, data in frame.players_data.items():
            self._add_row(player, data.coordinates, data.speed, data.distance, data.other_data)

    def _add_row(self, player: Any, at: Any, speed: Any, distance: Any, other: Any) -> None:
        self._people.append(player)
        x, y, z = (None, None, None) if at is None else (at.x, at.y, getattr(at, "z", None))
        self._x.append(x)
        self._y.append(y)
        self._z.append(z)
        if isinstance(speed, (list, tuple)):  # kloppy has the speed of Second Spectrum's ball so
            other, speed = {**(other or {}), "speed": speed}, None
        self._speed.append(speed)
        self._distance.append(distance)
        self._other.append(as_json(other) if other else None)

    def to_frame(self, pitch: Pitch | None) -> pl.DataFrame:
        polars = library("polars")
        number = polars.Float64
        frames = polars.DataFrame(
            self._frames,
            schema={
                "period_id": polars.Int64,
                "frame_id": polars.Int64,
                "timestamp": number,
                "ball_state": polars.String,
                "ball_owning_team": polars.String,
                "flip": polars.Boolean,
            },
            orient="row",
        )
        of_frame = polars.Series(_repeated(self._counts), dtype=polars.UInt32)
        rows = frames[of_frame]
        people = _People(self._people)
        x, y, z = (polars.Series(values, dtype=number) for values in (self._x, self._y, self._z))
        if pitch is not None:
            x, y = pitch.place(x, y, rows["flip"])
            z = pitch.height(z)
        return rows.drop("flip").with_columns(  # type: ignore[no-any-return]
            polars.Series("is_ball", people.are_none, polars.Boolean),
            polars.Series("team_id", people.team_ids, polars.String),
            polars.Series("player_id", people.ids, polars.String),
            x.alias("x"),
            y.alias("y"),
            z.alias("z"),
            polars.Series("speed", self._speed, number),
            polars.Series("distance", self._distance, number),
            polars.Series("other", self._other, polars.String),
        )


class _People:
    """The ids of players, who are the same few in all frames."""

    def __init__(self, players: Sequence[Any]) -> None:
        known = {
            id(one): (text_of(one.player_id), text_of(one.team.team_id) if one.team else None)
            for one in {id(one): one for one in players if one is not None}.values()
        }
        found = [known.get(id(one), (None, None)) for one in players]
        self.are_none = [one is None for one in players]
        self.ids = [one for one, _ in found]
        self.team_ids = [team for _, team in found]


def _repeated(counts: Sequence[int]) -> list[int]:
    return [number for number, count in enumerate(counts) for _ in range(count)]
