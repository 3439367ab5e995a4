"""Collects the places of a match on a grid of frames, in whatever order a file has them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

from ingestify.errors import LoadError
from ingestify.replay.recording import BALL, MISSING, Player, Recording

__all__ = ["Tape"]

MOST_FRAMES_PER_SECOND = 10
MOST_SECONDS = 2 * 60 * 60
"""The longest period: a frame that is further away has a wrong number, and would take all memory."""

MOST_OBJECTS = 250
_MOST_CENTIMETRES = 32_767


class Tape:
    """The places of a match while its file is read.

    Of a file with more than 10 frames a second, each second, third, … frame is kept as it is.

    Args:
        rate: How many frames of a second the file has.
    """

    def __init__(self, rate: float) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise LoadError(f"The tracking has {rate} frames a second, which cannot be.")
        self.step = max(1, math.ceil(rate / MOST_FRAMES_PER_SECOND - 1e-9))
        self.frames_per_second = rate / self.step
        self._places: dict[tuple[int, str], array[int]] = {}
        self._most = 2 * int(MOST_SECONDS * self.frames_per_second)

    def is_kept(self, frame: int) -> bool:
        """Whether a frame is kept; one before the kick-off of its period is not.

        Args:
            frame: Counts from 0 in the period.
        """
        return frame >= 0 and frame % self.step == 0

    def put(self, period: int, frame: int, key: str, x: float, y: float) -> None:
        """Note where an object is in a frame that `is_kept`.

        Args:
            period: The number of the period.
            frame: Counts from 0 in the period.
            key: The player's id, or `BALL`.
            x: Metres from the centre of the pitch, to the right. If it is NaN, the place is not known.
            y: Metres from the centre of the pitch, upwards.

        Raises:
            LoadError: The frame is hours after the first, or there are far too many objects.
        """
        if x != x or y != y:  # NaN
            return
        at = 2 * (frame // self.step)
        places = self._places.get((period, key))
        if places is None:
            if len(self._places) >= MOST_OBJECTS:
                raise LoadError(f"The tracking has more than {MOST_OBJECTS} objects, so it is no match.")
            places = self._places[period, key] = array("h")
        if at >= len(places):
            if at >= self._most:
                raise LoadError(
                    f"The tracking has a frame that is more than {MOST_SECONDS // 3600} hours after the first."
                )
            places.extend([MISSING] * (at + 2 - len(places)))
        places[at], places[at + 1] = _centimetres(x), _centimetres(y)

    def finish(
        self, teams: tuple[str, str], players: Iterable[Player], pitch: tuple[float, float], notes: Iterable[str] = ()
    ) -> Recording:
        """Return the match with the players that are in a frame, each team by their shirt numbers.

        Raises:
            LoadError: No object is in any frame.
        """
        periods: dict[int, int] = {}
        for (period, _), places in self._places.items():
            periods[period] = max(periods.get(period, 0), len(places) // 2)
        if not periods:
            raise LoadError("The tracking has no frame with a place in it.")
        seen = {key for _, key in self._places}
        there = {one.player_id: one for one in players if one.player_id in seen and one.player_id != BALL}
        order = sorted(there.values(), key=lambda one: (one.side, not one.number, len(one.number), one.number))
        return Recording(
            teams=teams,
            players=tuple(order),
            pitch=pitch,
            frames_per_second=self.frames_per_second,
            periods=periods,
            places=self._places,
            notes=tuple(notes),
        )


def _centimetres(metres: float) -> int:
    return round(100 * max(-_MOST_CENTIMETRES / 100, min(_MOST_CENTIMETRES / 100, metres)))
