"""A match that was read: who plays, and where everybody was, in chunks of a minute."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import sys
from array import array
from collections.abc import Iterator, Mapping
from typing import TypedDict

from ingestify.match_periods import FIRST_MINUTES

__all__ = ["MISSING", "ChunkHead", "PeriodHead", "Place", "Player", "Recording", "RecordingHead", "TrackHead"]

MISSING = -32768
"""Stands for the coordinates of an object that is in no frame."""

BALL = ""
"""The id of the ball, which no player has."""

_GZIP_LEVEL = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Player:
    """A player.

    Attributes:
        player_id: The provider's id.
        side: 0 for the home team, 1 for the away team.
        number: The number of the shirt; empty if it is not known.
        name: The name; empty if it is not known.
    """

    player_id: str
    side: int
    number: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where an object is in one frame.

    Attributes:
        player: The player; None: it is the ball.
        x: Metres from the centre of the pitch, to the right.
        y: Metres from the centre of the pitch, upwards.
    """

    player: Player | None
    x: float
    y: float


class TrackHead(TypedDict):
    """A track: the ball, whose `side` is null, or a player."""

    id: str
    side: int | None
    number: str
    name: str


class PeriodHead(TypedDict):
    """A period. `clock_seconds` is what the match clock shows at its beginning."""

    number: int
    clock_seconds: int
    frames: int


class ChunkHead(TypedDict):
    """A chunk: the frames of a period from `first` on."""

    period: int
    first: int
    frames: int


class RecordingHead(TypedDict):
    """What a player of chunks has to know. `first_frame` is the first one of the first period with anybody in it."""

    frames_per_second: float
    length: float
    width: float
    missing: int
    first_frame: int
    teams: list[str]
    tracks: list[TrackHead]
    periods: list[PeriodHead]
    chunks: list[ChunkHead]
    notes: list[str]


class Recording:
    """The places of a match.

    The x and y of each object are a whole number of centimetres from the centre of the pitch, x to the right and y
    upwards. They are those of the provider: teams change sides at half-time.

    Args:
        teams: The names of the home team and the away team.
        players: Those that are in a frame.
        pitch: Length and width in metres.
        frames_per_second: How many frames of a second there are.
        periods: The number of each period, and how many frames it has.
        places: (period, player's id or `BALL`) to x and y of each frame, one after the other.
        notes: What the file has and the recording has not, in sentences.
    """

    def __init__(
        self,
        *,
        teams: tuple[str, str],
        players: tuple[Player, ...],
        pitch: tuple[float, float],
        frames_per_second: float,
        periods: Mapping[int, int],
        places: Mapping[tuple[int, str], array[int]],
        notes: tuple[str, ...] = (),
    ) -> None:
        self.teams = teams
        self.players = players
        self.pitch = pitch
        self.frames_per_second = frames_per_second
        self.periods = dict(sorted(periods.items()))
        self.notes = notes
        self._places = places
        at_once = max(1, round(60 * frames_per_second))
        self.chunks: list[ChunkHead] = [
            {"period": number, "first": first, "frames": min(at_once, frames - first)}
            for number, frames in self.periods.items()
            for first in range(0, frames, at_once)
        ]

    @property
    def size_bytes(self) -> int:
        """How much memory the places take."""
        return sum(places.itemsize * len(places) for places in self._places.values())

    @functools.cached_property
    def first_frame(self) -> int:
        """The first frame of the first period with anybody in it: a broadcast may begin with the crowd."""
        first = min(self.periods)
        of_period = [places for (period, _), places in self._places.items() if period == first]
        return min(next(at for at in range(0, len(one), 2) if one[at] != MISSING) for one in of_period) // 2

    def head(self) -> RecordingHead:
        """Return what a player of the chunks has to know. The tracks are in the order that chunks have them in."""
        tracks: list[TrackHead] = [{"id": BALL, "side": None, "number": "", "name": "ball"}]
        tracks += [
            {"id": one.player_id, "side": one.side, "number": one.number, "name": one.name} for one in self.players
        ]
        return {
            "frames_per_second": self.frames_per_second,
            "length": self.pitch[0],
            "width": self.pitch[1],
            "missing": MISSING,
            "first_frame": self.first_frame,
            "teams": list(self.teams),
            "tracks": tracks,
            "periods": [
                {"number": number, "clock_seconds": 60 * FIRST_MINUTES.get(number, 0), "frames": frames}
                for number, frames in self.periods.items()
            ],
            "chunks": self.chunks,
            "notes": list(self.notes),
        }

    def chunk(self, number: int) -> bytes:
        """Return a chunk as gzip.

        Its content has 16 bits for each value: first the lower bytes of all values, then the higher ones. The values
        are those of the tracks one after the other; of each, x of all frames, then y of all frames. Each value is the
        difference from the one before it (the first one: from 0), modulo 65,536 and in zigzag: 0, -1, 1, -2, …

        Raises:
            IndexError: There is no such chunk.
        """
        if number < 0:
            raise IndexError(number)
        head = self.chunks[number]
        deltas = array("H")
        for values in self._iter_columns(head):
            before = array("h", [0, *values[:-1]])
            deltas.extend(_folded(b - a) for a, b in zip(before, values, strict=True))
        if sys.byteorder == "big":
            deltas.byteswap()
        content = deltas.tobytes()
        return gzip.compress(content[0::2] + content[1::2], _GZIP_LEVEL, mtime=0)

    def _iter_columns(self, head: ChunkHead) -> Iterator[array[int]]:
        frames = head["frames"]
        for key in (BALL, *(one.player_id for one in self.players)):
            places = self._places.get((head["period"], key), array("h"))
            part = places[2 * head["first"] : 2 * (head["first"] + frames)]
            part.extend([MISSING] * (2 * frames - len(part)))
            yield part[0::2]
            yield part[1::2]

    def frame(self, period: int, seconds: float) -> list[Place]:
        """Return who was where in the frame that is next to a moment of a period; the ball is the last one."""
        at = 2 * round(seconds * self.frames_per_second)
        found = []
        for player in (*self.players, None):
            places = self._places.get((period, BALL if player is None else player.player_id), ())
            if 0 <= at < len(places) and places[at] != MISSING:
                found.append(Place(player, places[at] / 100, places[at + 1] / 100))
        return found


def _folded(difference: int) -> int:
    """Return 0, 1, 2, 3, … for 0, -1, 1, -2, …: small differences of both signs have the same higher byte."""
    wrapped = (difference + 32768) % 65536 - 32768
    return (wrapped << 1) ^ (wrapped >> 15)
