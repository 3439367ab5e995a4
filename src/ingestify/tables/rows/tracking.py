"""The table `tracking`: a row for the ball and for each player in each frame.

The frames come from kloppy in blocks, where their format allows it. Rows are made of some thousand frames at a time.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library
from ingestify.tables.column_types import as_json
from ingestify.tables.definition import TableDefinition
from ingestify.tables.kloppy_blocks import Block
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
    direction = _Direction(is_that_of_most=given.loader == "skillcorner")
    waiting: list[_Rows] = []
    has_rows = False
    for block in _iter_blocks(given):
        direction.look_at(block)
        for begin in range(0, len(block.records), FRAMES):
            some = block.records[begin : begin + FRAMES]
            waiting.append(_Rows.of(some, block.metadata))
            has_rows = True
            if not block.is_whole:
                for frame in some:
                    vars(frame).clear()  # each has the next one, so that none would go
            if not direction.is_known:
                waiting[-1].pack()
            while direction.is_known and waiting:
                yield waiting.pop(0).to_frame(direction.orientation)
    for rows in waiting:
        yield rows.to_frame(direction.orientation)
    if not has_rows:
        yield _Chunk().to_frame()


def _iter_blocks(given: TableInput) -> Iterator[Block]:
    is_whole = True
    for block in given.iter_tracking(FRAMES):
        is_whole = False
        yield block
    if is_whole:
        loaded = given.kloppy()
        from kloppy.domain import TrackingDataset  # not before kloppy has said that it is installed

        if isinstance(loaded, TrackingDataset):
            yield Block(loaded.metadata, loaded.records, is_whole=True)


class _Direction:
    """kloppy's orientation of a match, which it finds by the sides of the teams in the first half.

    Args:
        is_that_of_most: Whether most frames decide, and not the first one.
    """

    def __init__(self, *, is_that_of_most: bool) -> None:
        self.orientation: Any = None
        self.is_known = False
        self._counts: Counter[Any] | None = Counter() if is_that_of_most else None

    def look_at(self, block: Block) -> None:
        """Learn from a block."""
        from kloppy.domain import AttackingDirection, Orientation

        if self.is_known or not block.records:
            return
        if block.is_whole or self._counts is None:
            self.orientation = block.metadata.orientation
            self.is_known = block.is_whole or self.orientation != Orientation.NOT_SET
            return
        from kloppy.domain import attacking_direction_from_frame

        for frame in block.records:
            if frame.period.id == 1:
                is_empty = not frame.players_data
                side = AttackingDirection.NOT_SET if is_empty else attacking_direction_from_frame(frame)
                self._counts[side] += 1
        orientations = {AttackingDirection.LTR: Orientation.HOME_AWAY, AttackingDirection.RTL: Orientation.AWAY_HOME}
        side = self._counts.most_common(1)[0][0] if self._counts else None
        self.orientation = orientations.get(side, Orientation.NOT_SET)


class _Rows:
    """The rows of some frames, with kloppy's coordinates until it is known which side each team has.

    Args:
        frame: The rows.
        metadata: That of kloppy's dataset.
        periods: The periods of the frames.
    """

    def __init__(self, frame: pl.DataFrame, metadata: Any, periods: Mapping[int | None, Any]) -> None:
        self._frame: pl.DataFrame | None = frame
        self._packed = b""
        self._metadata = metadata
        self._periods = periods

    @classmethod
    def of(cls, records: Iterable[Any], metadata: Any) -> _Rows:
        """Return the rows of kloppy's frames."""
        chunk = _Chunk()
        for frame in records:
            chunk.add(frame)
        return cls(chunk.to_frame(), metadata, chunk.periods)

    def pack(self) -> None:
        """Compress the rows until they are needed."""
        assert self._frame is not None
        content = io.BytesIO()
        self._frame.write_ipc(content, compression="lz4")
        self._packed, self._frame = content.getvalue(), None

    def to_frame(self, orientation: Any) -> pl.DataFrame:
        """Return the rows with the home team to the right, on our pitch."""
        polars = library("polars")
        frame = polars.read_ipc(io.BytesIO(self._packed)) if self._frame is None else self._frame
        pitch = Pitch(self._metadata, orientation)
        turned = [key for key, one in self._periods.items() if pitch.has_to_flip(one, None, None, is_static=True)]
        x, y = pitch.place(frame["x"], frame["y"], frame["period_id"].is_in(turned).fill_null(value=False))
        return frame.with_columns(x.alias("x"), y.alias("y"), pitch.height(frame["z"]).alias("z"))


class _Chunk:
    """The rows of some frames, as columns."""

    def __init__(self) -> None:
        self.periods: dict[int | None, Any] = {}
        self._frames: list[tuple[Any, ...]] = []
        self._counts: list[int] = []
        self._people: list[Any] = []
        self._x: list[float | None] = []
        self._y: list[float | None] = []
        self._z: list[float | None] = []
        self._speed: list[float | None] = []
        self._distance: list[float | None] = []
        self._other: list[str | None] = []

    def add(self, frame: Any) -> None:
        owner, state, period = frame.ball_owning_team, frame.ball_state, frame.period
        period_id = None if period is None else period.id
        self.periods[period_id] = period
        self._frames.append(
            (
                period_id,
                frame.frame_id,
                frame.timestamp.total_seconds(),
                None if state is None else state.value,
                None if owner is None else text_of(owner.team_id),
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

    def to_frame(self) -> pl.DataFrame:
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
            },
            orient="row",
        )
        of_frame = polars.Series(_repeated(self._counts), dtype=polars.UInt32)
        rows = frames[of_frame]
        people = _People(self._people)
        return rows.with_columns(  # type: ignore[no-any-return]
            polars.Series("is_ball", people.are_none, polars.Boolean),
            polars.Series("team_id", people.team_ids, polars.String),
            polars.Series("player_id", people.ids, polars.String),
            polars.Series("x", self._x, number),
            polars.Series("y", self._y, number),
            polars.Series("z", self._z, number),
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
