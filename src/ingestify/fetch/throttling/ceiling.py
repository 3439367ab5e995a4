"""How far one may go, after a limit was met that nobody announced."""

from __future__ import annotations

__all__ = ["Ceiling"]

_DEPTH = 0.05  # how far below the aim it begins, as a share of it
_NEAR = 0.95  # from this share of the known limit on, a refusal is no surprise
_GUESS_SECONDS = 1.25  # where the level is hardly more than a guess, it is soon looked beyond
_SHORTEST_SECONDS = 4.5
_LONGEST_SECONDS = 40.0
_PASSED = 1.1  # so many spans beyond the aim, 7 % above it, and nobody has refused: the span is the shortest again
_FAR = 2.0  # 40 % above it: what is known is of no use any more
_HURRIED = 0.3  # the share of the shortest span that is left then


class Ceiling:
    """A level that drops where a limit is met, comes back to just below it, and probes beyond it rarely.

    The curve is TCP CUBIC's (RFC 9438, section 4.2): quickly up, flat around the level that is known, and then ever
    faster beyond it. A span is the time from a drop to that level; it doubles each time the limit is met where it was
    expected, so that probes become rare, and is the shortest again when one succeeds or the limit has moved.

    No threads and no clock: `use` is told how long the level was made use of.

    Args:
        aim: Which share of the limit is aimed at.
        found: What got through when the limit was met for the first time.
        sure: From which level on what got through is more than a guess.
        step: How far beyond the limit a probe has to be to be one.
    """

    def __init__(self, aim: float, found: float, *, sure: float = 0.0, step: int = 0) -> None:
        self._aim = aim
        self._step = step
        self._least = 0.0
        self._most = float("inf")
        self._surprises = 0
        self._sure = sure
        self._span = _SHORTEST_SECONDS
        self._shortest = _SHORTEST_SECONDS
        self._used = 0.0
        self.found = found
        """What got through when the limit was last met. It may change while answers of that moment still come in."""

    @property
    def limit(self) -> float:
        """Where the limit is believed to be; 0: nothing is known."""
        return min(self._most, max(self._least, self.found))

    @property
    def level(self) -> float:
        """How far one may go now."""
        beyond = self._used / self._span - 1
        return self._aim * self.limit * (1 + _DEPTH * beyond**3)

    @property
    def is_below_aim(self) -> bool:
        """Whether it is still coming back to what is known to be allowed."""
        return self._used < self._span

    def use(self, seconds: float) -> None:
        """The level was made full use of for that long, and nothing was refused."""
        if not self._used and self.found < self._sure and self._most == float("inf"):
            self._span = _GUESS_SECONDS
        self._used += seconds
        if self.level >= self.limit + self._step:
            beyond = self._used / self._span - 1
            if beyond > _FAR:
                self._shorten(_HURRIED * self._shortest)
            elif beyond > _PASSED:
                self._shorten(self._shortest)

    def _shorten(self, span: float) -> None:
        """Go on from the same point of the curve, but faster."""
        if span < self._span:
            self._used *= span / self._span
            self._span = span

    def meet(self, at: float, found: float, *, certain: bool = False, shortest_seconds: float = 0.0) -> None:
        """A limit was met again.

        What got through bounds the drop, and the drop bounds that: a count right after a pause is too low for a
        provider that counts by the second, and too high for one that counts by the minute.

        Args:
            at: The level of what was refused.
            found: What got through.
            certain: Whether `found` is to be trusted down to half of `at` at once.
            shortest_seconds: No span is to be shorter.
        """
        known = self.limit
        self._shortest = max(shortest_seconds, _SHORTEST_SECONDS)
        if self.is_below_aim:
            self._surprises += 1
            self._most = at if at >= _NEAR * known else 0.95 * at
            self._least = (0.5 if certain or self._surprises > 1 else 0.9) * at
        else:
            self._surprises = 0
            # What lies below what was held for a whole span is known to be allowed.
            self._most, self._least = at, min(at, known)
        if at >= _NEAR * known and self._surprises < 2:
            self._span = max(self._shortest, min(2 * self._span, _LONGEST_SECONDS))
        else:
            self._span = self._shortest
        self.found = found
        self._used = 0.0
