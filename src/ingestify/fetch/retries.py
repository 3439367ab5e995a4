"""Whether, and when, a request is tried again."""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import re

from ingestify.clock import as_utc, now

__all__ = ["RETRIED_STATUSES", "TryAgain", "backoff_seconds", "retry_after_seconds"]

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that another try may turn into a good one. 501 and 505 will not change by asking again."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class TryAgain(Exception):
    """A try failed in a way that another one may not.

    Attributes:
        reason: For people.
        status: The answer's, or None if there was none.
        after_seconds: How long the provider asks to wait, or None.
        pause_seconds: For how long all requests to the host are held back, or None.
        stale: A kept connection had been closed meanwhile: no fault, to be tried again at once.
        progressed: Bytes were received that the next try goes on from.
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

    Seconds or an HTTP date; a date that is past is 0. What is neither, or negative, says nothing.

    Args:
        value: The header.
        date: The answer's own Date header: with it, the difference of our clock to the provider's does not matter.
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
