"""How many requests a source gets in a minute and in a day, whoever sends them, and what is left of them.

Reservations count, and not requests. A reserved request is sent within a few seconds if the source has a limit for the
minute, and on the day of its reservation if it has one for the day. So no 60 seconds and no day have more requests than
the limits say, whichever process sends them and however its clock is set: all moments are of one clock.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

__all__ = ["NOTHING_USED", "BudgetLimits", "BudgetState", "BudgetUse", "Reservation"]

VALID_SECONDS = 2.0
"""Within so many seconds a request has to be sent that was reserved under a limit for the minute."""

_COUNTED_SECONDS = 64
"""For so long a second counts: itself, the 2 s in which its requests are sent, one on the way, and the minute."""

_GUARD = dt.timedelta(seconds=5)
"""So long before and after midnight nothing is sent under a limit for the day: the provider has another clock."""

_BLOCKS = 100
"""A block is this part of a limit at most."""

_LONGEST_STANDSTILL = dt.timedelta(hours=1)
"""A clock that was set back by less counts on from where it was. After a longer jump it was wrong before."""

_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class BudgetUse:
    """How many requests of a source were reserved.

    Attributes:
        at: The last reservation, in UTC.
        of_day: How many on the day of that.
        of_seconds: Seconds since 1970, to how many in each; of the last minutes.
    """

    at: dt.datetime
    of_day: int
    of_seconds: Mapping[int, int]

    def as_of(self, clock: dt.datetime) -> BudgetUse:
        """Return what counts at a moment, which becomes `at`; a clock that was set back a little stands still."""
        at = self.at if dt.timedelta(0) < self.at - clock < _LONGEST_STANDSTILL else clock
        counted = {second: count for second, count in self.of_seconds.items() if 0 < _end(second) - _epoch(at) <= 128}
        return BudgetUse(at, self.of_day if self.at.date() == at.date() else 0, counted)

    def plus(self, count: int) -> BudgetUse:
        """Return the use after so many more requests were reserved at `at`."""
        second = int(_epoch(self.at))
        of_seconds = {**self.of_seconds, second: self.of_seconds.get(second, 0) + count}
        return BudgetUse(self.at, self.of_day + count, of_seconds)

    def without(self, at: dt.datetime, count: int) -> BudgetUse:
        """Return the use if so many of the requests that were reserved at a moment will not be sent."""
        second = int(_epoch(at))
        of_seconds = dict(self.of_seconds)
        if second in of_seconds:
            of_seconds[second] = max(0, of_seconds[second] - count)
        of_day = max(0, self.of_day - count) if at.date() == self.at.date() else self.of_day
        return BudgetUse(self.at, of_day, of_seconds)

    def at_least(self, *, of_minute: int, of_day: int) -> BudgetUse:
        """Return the use if the provider has counted so many requests: others may use the same account."""
        lacking = max(0, of_minute - sum(self.of_seconds.values()))
        return dataclasses.replace(self.plus(lacking) if lacking else self, of_day=max(self.of_day, of_day))


NOTHING_USED = BudgetUse(_BEGINNING, 0, {})


@dataclasses.dataclass(frozen=True, slots=True)
class Reservation:
    """Requests that one process may send.

    Attributes:
        count: How many; 0: none.
        at: When they were reserved, in UTC.
        valid_seconds: Within how many seconds they have to be sent.
        goes_on_at: From when on there are more, in UTC; None: there are some.
        is_of_day: Whether the limit for the day is used up.
    """

    count: int
    at: dt.datetime
    valid_seconds: float
    goes_on_at: dt.datetime | None = None
    is_of_day: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The most requests of a source, of all processes together.

    Attributes:
        per_minute: In any 60 seconds; None: any number.
        per_day: On each day in UTC; None: any number.
    """

    per_minute: int | None = None
    per_day: int | None = None

    @property
    def block(self) -> int:
        """How many requests are reserved at once: a hundredth of the limit, so that little is lost with a process."""
        return max(1, min(one for one in (self.per_minute, self.per_day) if one is not None) // _BLOCKS)

    def __str__(self) -> str:
        said = ((self.per_minute, "a minute"), (self.per_day, "a day"))
        return ", ".join(
            f"{count:,} request{'' if count == 1 else 's'} {period}" for count, period in said if count is not None
        )

    def left(self, use: BudgetUse, clock: dt.datetime) -> BudgetLimits:
        """Return how many requests are left, of the minute and of the day."""
        now = use.as_of(clock)
        return BudgetLimits(
            None if self.per_minute is None else max(0, self.per_minute - sum(now.of_seconds.values())),
            None if self.per_day is None else max(0, self.per_day - now.of_day),
        )

    def reserve(self, use: BudgetUse, clock: dt.datetime, wanted: int) -> tuple[Reservation, BudgetUse]:
        """Reserve up to so many requests.

        Args:
            use: What was reserved before, by anyone.
            clock: The moment, by the clock that all processes share, in UTC.
            wanted: How many, at least 1.

        Returns:
            The reservation, and the use with it.
        """
        now = use.as_of(clock)
        left = self.left(now, now.at)
        day_ends = _midnight_after(now.at)
        goes_on_at = now.at
        if left.per_day == 0:
            goes_on_at = day_ends
        if left.per_minute == 0:
            goes_on_at = max(goes_on_at, self._minute_goes_on(now.of_seconds))
        if self.per_day is not None:
            goes_on_at = _away_from_midnight(goes_on_at)
        if goes_on_at > now.at:
            return Reservation(0, now.at, 0.0, goes_on_at, is_of_day=left.per_day == 0), now
        count = min(one for one in (wanted, left.per_minute, left.per_day) if one is not None)
        valid = (day_ends - _GUARD - now.at).total_seconds() if self.per_day is not None else 86_400.0
        if self.per_minute is not None:
            valid = min(valid, VALID_SECONDS)
        return Reservation(count, now.at, valid), now.plus(count)

    def _minute_goes_on(self, of_seconds: Mapping[int, int]) -> dt.datetime:
        """Return when the first second is over that makes room for a request."""
        assert self.per_minute is not None, "it is used up"
        used = sum(of_seconds.values())
        for second in sorted(of_seconds):
            used -= of_seconds[second]
            if used < self.per_minute:
                return _BEGINNING + dt.timedelta(seconds=_end(second))
        raise AssertionError("without any second, nothing is used")


@dataclasses.dataclass(frozen=True, slots=True)
class BudgetState:
    """What is left of the budget of a source.

    Attributes:
        source: The name of the source.
        limits: The most requests.
        left: How many are left of them.
        goes_on_at: From when on there are requests again, in UTC; None: there are some now.
    """

    source: str
    limits: BudgetLimits
    left: BudgetLimits
    goes_on_at: dt.datetime | None

    @classmethod
    def of(cls, source: str, limits: BudgetLimits, use: BudgetUse, clock: dt.datetime) -> BudgetState:
        """Return the state at a moment, by the clock that all processes share."""
        return cls(source, limits, limits.left(use, clock), limits.reserve(use, clock, 1)[0].goes_on_at)


def _epoch(moment: dt.datetime) -> float:
    return (moment - _BEGINNING).total_seconds()


def _end(second: int) -> int:
    """Return the second from which on a second does not count any more."""
    return second + _COUNTED_SECONDS


def _midnight_after(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)


def _away_from_midnight(moment: dt.datetime) -> dt.datetime:
    """Return a moment, or the first one behind it at which the day is the same by all clocks."""
    day_ends = _midnight_after(moment)
    if day_ends - moment <= _GUARD:
        return day_ends + _GUARD
    return max(moment, day_ends - dt.timedelta(days=1) + _GUARD)
