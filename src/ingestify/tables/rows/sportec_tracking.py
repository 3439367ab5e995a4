"""Sportec's tracking, read from its file: a match has three million places, of which kloppy's objects need several GB.

The file has a `FrameSet` for each object and half, with the object's places one after the other. They become arrays of
numbers, about 100 MB a match. Teams, periods and the direction are those of kloppy, which makes a single frame for
them. A frame without the ball is left out, as kloppy does it.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from ingestify.store.reading.data_frame import library
from ingestify.tables.rows.people import text_of
from ingestify.tables.rows.pitch import Pitch
from ingestify.tables.rows.sportec_positions import BALL, AddFrame, period_and_object, read_positions
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["iter_sportec_frames"]


def iter_sportec_frames(given: TableInput, frames_at_once: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of some frames at a time, with the columns of the table `tracking`."""
    metadata = given.kloppy_metadata()
    pitch = Pitch(metadata)
    teams = {player.player_id: text_of(team.team_id) for team in metadata.teams for player in team.players}
    objects = _read(given.files.require_file("frames").stream, teams)
    for period in metadata.periods:
        of_period = {key: objects.pop((number, key)) for number, key in list(objects) if number == period.id}
        if BALL in of_period:
            half = _Half(period, metadata, pitch, of_period, teams)
            yield from half.iter_frames(frames_at_once)


class _Places:
    """Where one object was in one half: a value for each frame."""

    def __init__(self) -> None:
        self.number = array("q")
        self.x, self.y, self.z, self.speed = array("d"), array("d"), array("d"), array("d")
        self.owner, self.status = array("q"), array("q")

    def add(self, frame: Mapping[str, Any], *, is_ball: bool) -> None:
        value = frame.get
        self.number.append(int(frame["N"]))
        self.x.append(float(value("X", 0)))
        self.y.append(float(value("Y", 0)))
        self.speed.append(float(value("S", 0)))
        if is_ball:
            self.z.append(float(value("Z", 0)))
            self.owner.append(int(value("BallPossession", 0)))
            self.status.append(int(value("BallStatus", 0)))

    def to_frame(self, place: int) -> pl.DataFrame:
        """Return the frames in their order; of one that comes twice, the last."""
        polars = library("polars")
        columns = {"frame_id": self.number, "x": self.x, "y": self.y, "speed": self.speed}
        more = {"z": self.z, "owner": self.owner, "status": self.status} if self.z else {}
        frame = polars.DataFrame({name: polars.Series(values) for name, values in {**columns, **more}.items()})
        frame = frame.with_columns(polars.lit(place, polars.Int64).alias("place"))
        return frame.unique("frame_id", keep="last", maintain_order=True).sort("frame_id")  # type: ignore[no-any-return]


def _read(stream: BinaryIO, players: Mapping[str, Any]) -> dict[tuple[int, str], _Places]:
    """Return the places by period and object, in the order of the file. The referees are no players."""
    objects: dict[tuple[int, str], _Places] = {}

    def open_set(attributes: Mapping[str, str]) -> AddFrame | None:
        period, key = period_and_object(attributes)
        if period is None or key is None or (key != BALL and key not in players):
            return None
        places = objects.setdefault((period, key), _Places())
        return functools.partial(places.add, is_ball=key == BALL)

    read_positions(stream, open_set)
    return objects


class _Half:
    """The rows of one period."""

    def __init__(
        self, period: Any, metadata: Any, pitch: Pitch, objects: dict[str, _Places], teams: Mapping[str, str | None]
    ) -> None:
        polars = library("polars")
        home, away = metadata.teams
        self._period, self._pitch, self._rate = period, pitch, metadata.frame_rate
        self._owners = text_of(home.team_id), text_of(away.team_id)
        self._is_flipped = pitch.has_to_flip(period, home, None, is_static=True)
        ids = [BALL, *(key for key in objects if key != BALL)]  # the ball is the first row of a frame
        self._frames = [objects.pop(key).to_frame(place) for place, key in enumerate(ids)]
        known = [None if key == BALL else key for key in ids]
        self._people = polars.DataFrame(
            {
                "place": range(len(ids)),
                "player_id": polars.Series(known, dtype=polars.String),
                "team_id": polars.Series([teams.get(key) for key in ids], dtype=polars.String),
            }
        )

    def iter_frames(self, at_once: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of some frames at a time."""
        polars = library("polars")
        ball = self._frames[0]
        for begin in range(0, ball.height, at_once):
            heads = ball.slice(begin, at_once)
            first, last = heads["frame_id"][0], heads["frame_id"][-1]
            parts = [_between(frame, first, last) for frame in self._frames]
            rows = polars.concat(parts, how="diagonal").join(heads.select("frame_id", "owner", "status"), on="frame_id")
            yield self._finish(rows.sort("frame_id", "place").join(self._people, on="place", maintain_order="left"))

    def _finish(self, rows: pl.DataFrame) -> pl.DataFrame:
        polars = library("polars")
        flips = polars.Series([self._is_flipped], dtype=polars.Boolean).new_from_index(0, rows.height)
        x, y = self._pitch.place(rows["x"], rows["y"], flips)
        began = self._period.start_timestamp.seconds * self._rate
        home, away = self._owners
        column, lit = polars.col, polars.lit
        return rows.select(
            lit(self._period.id, polars.Int64).alias("period_id"),
            "frame_id",
            ((column("frame_id") - began) / self._rate).alias("timestamp"),
            polars.when(column("status_right") == 1).then(lit("alive")).otherwise(lit("dead")).alias("ball_state"),
            polars.when(column("owner_right") == 1).then(lit(home)).otherwise(lit(away)).alias("ball_owning_team"),
            column("player_id").is_null().alias("is_ball"),
            "team_id",
            "player_id",
            x.alias("x"),
            y.alias("y"),
            self._pitch.height(rows["z"]).alias("z"),
            "speed",
            lit(None, polars.Float64).alias("distance"),
            lit(None, polars.String).alias("other"),
        )


def _between(frame: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    begin, end = frame["frame_id"].search_sorted(first), frame["frame_id"].search_sorted(last, "right")
    return frame.slice(begin, end - begin)
