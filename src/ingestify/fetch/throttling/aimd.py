"""A limit that nobody announced, found by AIMD: additive increase, multiplicative decrease."""

from __future__ import annotations

__all__ = ["AimdLimit"]

_DECREASE = 0.96
"""What is left of the level when the limit is met."""

_SHORTEST_SECONDS = 4.0
_LONGEST_SECONDS = 40.0
"""How long the level takes back to the known limit."""

_GUESS = 4
_GUESS_SECONDS = 1.0
"""If less than 4 got through, the first known limit is hardly more than a guess, and soon looked beyond."""

_RISEN = 1.1
"""If the level is so far above the known limit and nothing was refused, the limit has risen."""

_ACCELERATION = 0.3
"""By which share of its distance above the known limit the level grows in a second."""


class AimdLimit:
    """A level that drops when a limit is met, grows back evenly, and beyond the known limit ever faster.

    The way back takes twice as long each time, so that probes beyond a known limit are rare. Each refusal that comes
    before the level is back drops it by twice as much as the one before; after the third the way back becomes shorter
    again, as the limit has fallen. TCP does the same with its window
    (RFC 5681: congestion avoidance below the known limit, slow start beyond it).

    It has no clock and no lock: `use` is told how long the level was made use of.

    Args:
        found: How much got through when the limit was met for the first time.

    Attributes:
        known: Where the limit was met last.
        level: How far one may go now.
    """

    def __init__(self, found: float) -> None:
        self.known = found
        self.level = _DECREASE * found
        self._seconds = _SHORTEST_SECONDS if found >= _GUESS else _GUESS_SECONDS
        self._early_refusals = 0

    @property
    def is_below_known(self) -> bool:
        """Whether the level is still on its way back."""
        return self.level < self.known

    def use(self, seconds: float) -> None:
        """Grow: the level was made full use of for so long, and nothing was refused."""
        back = (1 - _DECREASE) * self.known / self._seconds
        self.level += seconds * (back + _ACCELERATION * max(0.0, self.level - self.known))
        if self.level > _RISEN * self.known:
            self._seconds = _SHORTEST_SECONDS

    def meet(self, at: float, found: float) -> None:
        """Drop: the limit was met.

        Args:
            at: The level of what was refused.
            found: How much got through. It is too low right after a pause, and too high after an idle time, so it only
                softens the drop after an early refusal.
        """
        self._early_refusals = self._early_refusals + 1 if self.is_below_known else 0
        if self._early_refusals < 2:
            self._seconds = min(2 * self._seconds, _LONGEST_SECONDS)
        elif self._early_refusals > 2:
            self._seconds = max(self._seconds / 2, _SHORTEST_SECONDS)
        drop = (1 - _DECREASE) * 2 ** (self._early_refusals - 1) if self._early_refusals else 0.0
        self.known = max((1 - min(drop, 0.5)) * at, min(found, at))
        self.level = _DECREASE * self.known
