"""Whether and when a request is tried again."""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import re

from ingestify.clock import as_utc, monotonic, now
from ingestify.fetch.options import HttpOptions

__all__ = ["RETRIED_STATUSES", "RetryBudget", "TryAgain", "backoff_seconds", "retry_after_seconds"]

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which another try may succeed. A 501 or 505 will not change."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

_MOST_STALE = 8
"""So many kept connections may be found closed without counting as a fault."""

_MOST_TURNS = 50
"""So often a request may be refused while others are answered."""

_UNREACHABLE_TRIES = 3
_UNREACHABLE_SECONDS = 3.0
"""So often, and so long, a host that has not answered is tried for a reader who can do without it."""


class TryAgain(Exception):
    """A try failed, and another one may succeed.

    Attributes:
        reason: Why, for people.
        status: The status of the response, or None if there was none.
        after_seconds: How long the provider asks to wait, or None.
        pause_seconds: How long all requests to the host are held back, or None.
        stale: A kept connection had been closed meanwhile. This is no fault, and the next try follows at once.
        progressed: Bytes came from which the next try continues.
        unreached: The host, if there was no connection to it; else empty.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        after_seconds: float | None = None,
        stale: bool = False,
        progressed: bool = False,
        unreached: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.after_seconds = after_seconds
        self.pause_seconds: float | None = None
        self.stale = stale
        self.progressed = progressed
        self.unreached = unreached

    @property
    def says_slow_down(self) -> bool:
        """Whether the provider means the whole client, and not only this request."""
        return self.status == 429 or self.after_seconds is not None


def retry_after_seconds(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3), or None.

    The header holds seconds or an HTTP date; a past date means 0. Anything else, such as a negative number, means None.

    Args:
        value: The header.
        date: The response's Date header: with it, a clock of the provider that is wrong does not matter.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _parse_date(text)
    if moment is None:
        return None
    since = (_parse_date(date) if date else None) or now()
    return max(0.0, (moment - since) / dt.timedelta(seconds=1))


def _parse_date(text: str) -> dt.datetime | None:
    try:
        return as_utc(email.utils.parsedate_to_datetime(text.strip()))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def backoff_seconds(attempt: int, base_seconds: float, cap_seconds: float) -> float:
    """Return how long to wait after try number `attempt` (from 1): exponential, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling = min(cap_seconds, base_seconds * 2 ** min(max(attempt, 1) - 1, 30))
    return random.uniform(0, ceiling)  # noqa: S311 - jitter, no secret


class RetryBudget:
    """How often one request may be tried, and how long the pauses are. Used by one thread.

    A 429 counts as a fault only if no other request of the client was answered since this one was last refused:
    otherwise this request only waits for its turn.

    Args:
        options: The number of tries and the pauses.
        answered: How many requests of the client were answered so far.

    Attributes:
        tries: How often the request was tried.
    """

    def __init__(self, options: HttpOptions, answered: int) -> None:
        self._options = options
        self._answered = answered
        self._began = monotonic()
        self._waited = 0.0
        self._stale = self._faults = self._refusals = self._turns = 0
        self.tries = 0

    @property
    def tries_left(self) -> int:
        """How many more tries there are, if each of them fails."""
        return self._options.attempts - self._faults - self._refusals

    @property
    def is_spent(self) -> bool:
        """Whether there is no further try."""
        return self.tries_left <= 0

    @property
    def is_spent_on_unreachable(self) -> bool:
        """Whether there is no further try for a reader who can do without a host that has not answered."""
        return self.tries >= _UNREACHABLE_TRIES or monotonic() - self._began >= _UNREACHABLE_SECONDS

    def count(self, failed: TryAgain, answered: int) -> float:
        """Count a try that failed, and return the seconds to wait before the next one.

        Args:
            failed: The try.
            answered: How many requests of the client were answered by now.
        """
        if failed.stale and self._stale < _MOST_STALE:
            self._stale += 1
            return 0.0
        options = self._options
        pause = failed.pause_seconds or failed.after_seconds
        pause = pause or backoff_seconds(self._faults + 1, options.backoff_base_seconds, options.backoff_cap_seconds)
        if failed.progressed:
            self._faults = 1
        elif failed.status != 429:
            self._faults += 1
        elif self._only_waits_its_turn(answered, pause):
            self._turns += 1
            self._refusals = 0  # a single refusal among answers says nothing: they overtake each other
        else:
            self._refusals += 1
        self._answered = answered
        self._waited += pause
        return pause

    def _only_waits_its_turn(self, answered: int, pause: float) -> bool:
        is_patient = self._waited + pause <= 2 * self._options.max_retry_after_seconds
        return answered > self._answered and self._turns < _MOST_TURNS and is_patient
