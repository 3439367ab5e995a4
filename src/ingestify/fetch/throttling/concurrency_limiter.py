"""How many requests one host can take at once, after it was overloaded."""

from __future__ import annotations

from typing import NamedTuple

from ingestify.fetch.throttling.aimd import AimdLimit
from ingestify.fetch.throttling.budgets import Taken

__all__ = ["ConcurrencyLimiter", "Sent"]

_OVERLOADED = 6.0
"""So many 503s mean the host, and not one file of it."""

_RELIEF = 0.35
"""A request that is accepted with as many others in flight makes up for so many 503s. If one in five is answered 503
whatever is in flight, the number in flight is not the reason."""

_RELIEF_ALONE = 0.1

_MOST_AFTER_OUTAGE = 64
"""With so many at once, a host that was down is asked like any other again."""


class Sent(NamedTuple):
    """What is to be known of a request when its response comes.

    Attributes:
        started: When it was sent, in seconds.
        rate: How many requests a second were allowed then; None: any number.
        in_flight: How many were in flight then, itself among them.
        taken: Its place in the budget of the source; None: it has no budget.
    """

    started: float
    rate: float | None
    in_flight: int
    taken: Taken | None = None


class ConcurrencyLimiter:
    """Counts the requests in flight to one host, and limits them after several 503s. Not safe to share between threads.

    Attributes:
        in_flight: How many were sent and have not come back.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.forget()

    def forget(self) -> None:
        """Allow any number again."""
        self._limit: AimdLimit | None = None
        self._after_outage: int | None = None
        self._met_at = float("-inf")
        self._overloads = 0.0
        self._overloaded_at = 1
        """With how few in flight one of the last 503s came."""

    @property
    def most(self) -> int | None:
        """How many may be in flight; None: any number."""
        if self._limit is None:
            return self._after_outage
        most = max(1, int(self._limit.level + 0.5))
        return most if self._after_outage is None else min(most, self._after_outage)

    @property
    def is_full(self) -> bool:
        """Whether the next request has to wait until one comes back."""
        return (most := self.most) is not None and self.in_flight >= most

    @property
    def has_overloads(self) -> bool:
        """Whether there were 503s lately that nothing made up for."""
        return self._overloads > 0

    def begin_after_outage(self) -> None:
        """Allow one, and one more with each response, so that not all who wait rush at a host that is back."""
        self._after_outage = 1

    def answered(self) -> None:
        """A request came to its end."""
        if self._after_outage is not None:
            self._after_outage = self._after_outage + 1 if self._after_outage < _MOST_AFTER_OUTAGE else None

    def use(self, seconds: float) -> None:
        """One more is sent, so long after the last."""
        if self._limit is not None and (self._limit.is_below_known or self.in_flight + 1 >= (self.most or 1)):
            self._limit.use(seconds)

    def accepted(self, sent: Sent) -> None:
        """A request was not refused."""
        if self._overloads and sent.in_flight >= self._overloaded_at:
            self._overloads = max(0.0, self._overloads - (_RELIEF if sent.in_flight > 1 else _RELIEF_ALONE))

    def overloaded(self, sent: Sent, now: float) -> bool:
        """A request was answered 503. Returns whether the host is overloaded even by one request at a time."""
        if sent.started <= self._met_at:  # one of those that were in flight together
            return False
        self._overloaded_at = min(self._overloaded_at, sent.in_flight) if self._overloads else sent.in_flight
        self._overloads += 1
        if self._overloads < _OVERLOADED:
            return False
        self._overloads = 0.0
        if sent.in_flight <= 1:
            return True
        found = max(1.0, self._overloaded_at - 1.0)
        if self._limit is None:
            self._limit = AimdLimit(found)
        else:
            self._limit.meet(sent.in_flight - 1.0, found)
        self._met_at = now
        return False
