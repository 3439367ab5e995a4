"""How many requests one host can take at once, after it was overloaded."""

from __future__ import annotations

from typing import NamedTuple

from ingestify.fetch.throttling.ceiling import Ceiling

__all__ = ["Crowd", "Sent"]

_STRAIN = 6.0
"""So many 503s mean the host, and not one file of it."""

_RELIEF = 0.35
"""What gets through although as many were in flight speaks against it; so one 503 in five is no matter of numbers."""

_RELIEF_ALONE = 0.1

_ALL = 64
"""With so many at once, a host that was away is asked like any other again."""


class Sent(NamedTuple):
    """What is to be known of a request when its answer comes.

    Attributes:
        started: When it was sent, in seconds.
        rate: How many requests a second were allowed then; None: as many as one likes.
        in_flight: How many were under way then, itself among them.
    """

    started: float
    rate: float | None
    in_flight: int


class Crowd:
    """The requests in flight to one host, and how many there may be. Its `Pace` guards it."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.forget()

    def forget(self) -> None:
        """Allow any number again."""
        self._ceiling: Ceiling | None = None
        self._met_at = float("-inf")
        self._strain = 0.0
        self._strained_at = 1
        self._anew: int | None = None
        """So many at once after a host is back, if that is less."""

    def begin_anew(self) -> None:
        """The host is back: one at first, and one more with each answer, so that not all who wait rush at it."""
        self._anew = 1

    def widen(self) -> None:
        """A request came to its end."""
        if self._anew is not None:
            self._anew = self._anew + 1 if self._anew < _ALL else None

    @property
    def is_strained(self) -> bool:
        """Whether there were 503s lately that nothing speaks against."""
        return self._strain > 0

    @property
    def places(self) -> int | None:
        """How many may be in flight; None: any number."""
        places = None if self._ceiling is None else max(1, int(self._ceiling.level + 0.5))
        if self._anew is None or (places is not None and places <= self._anew):
            return places
        return self._anew

    @property
    def is_full(self) -> bool:
        """Whether the next request has to wait for one to come back."""
        return (places := self.places) is not None and self.in_flight >= places

    def use(self, seconds: float) -> None:
        """One more is sent, so long after the last."""
        if self._ceiling is None:
            return
        if self._ceiling.is_below_aim or self.in_flight + 1 >= (self.places or 1):
            self._ceiling.use(seconds)

    def relieve(self, sent: Sent) -> None:
        """A request was not refused."""
        if self._strain and sent.in_flight >= self._strained_at:
            self._strain -= min(self._strain, _RELIEF if sent.in_flight > 1 else _RELIEF_ALONE)

    def strain(self, sent: Sent, now: float) -> bool:
        """A request was answered 503. Returns whether the host is overloaded by what can be no smaller number."""
        if sent.started <= self._met_at:  # one of those that were under way together
            if self._ceiling is not None:
                self._ceiling.found = max(1.0, min(self._ceiling.found, sent.in_flight - 1))
            return False
        self._strained_at = min(self._strained_at, sent.in_flight) if self._strain else sent.in_flight
        self._strain += 1
        if self._strain < _STRAIN:
            return False
        self._strain = 0.0
        if sent.in_flight <= 1:
            return True
        found = max(1.0, self._strained_at - 1.0)
        if self._ceiling is None:
            self._ceiling = Ceiling(1.0, found, sure=4, step=1)
        else:
            self._ceiling.meet(sent.in_flight, found)
        self._met_at = now
        return False
