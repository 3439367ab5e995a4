"""The rate-limit headers of a response: how many requests the provider still accepts, and how many it has counted."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ingestify.domain.request_budget import BudgetLimits

__all__ = [
    "CountedRequests",
    "RateLimitHeaders",
    "RemainingRequests",
    "read_counted_requests",
    "read_rate_limit_headers",
]

_NUMBER = re.compile(r"\s*(\d{1,12})(?:\.\d*)?\s*(?:[,;].*)?")
_PARAMETER = re.compile(r"[;,]\s*([a-z]+)\s*=\s*(\d{1,12})")


class RateLimitHeaders(msgspec.Struct, frozen=True):
    """The rate-limit headers of one response.

    Attributes:
        remaining: How many more requests the provider accepts before the reset.
        reset_seconds: The time from the response to the reset.
        limit: How many requests it accepts from one reset to the next; None: not announced.
        window_seconds: The time from one reset to the next; None: not announced.
    """

    remaining: int
    reset_seconds: float
    limit: int | None = None
    window_seconds: float | None = None


def read_rate_limit_headers(headers: Mapping[str, str]) -> RateLimitHeaders | None:
    """Return the rate-limit headers of a response; None: it has none, or none in a reliable form.

    The function reads `RateLimit-Remaining`, `RateLimit-Reset` (seconds), `RateLimit-Limit` and `RateLimit-Policy`
    (`100;w=60`), and `RateLimit: "default";r=50;t=30` of later drafts (draft-ietf-httpapi-ratelimit-headers). It does
    not read headers that begin with `X-`, as their meaning differs from provider to provider.
    """
    remaining = _number(headers.get("RateLimit-Remaining"))
    reset = None if remaining is None else _number(headers.get("RateLimit-Reset"))
    if remaining is None or reset is None:
        said = dict(_PARAMETER.findall(headers.get("RateLimit") or ""))
        if "r" not in said or "t" not in said:
            return None
        remaining, reset = int(said["r"]), int(said["t"])
    policy = headers.get("RateLimit-Policy") or ""
    limits = dict(_PARAMETER.findall(policy))
    limit = _number(headers.get("RateLimit-Limit"))
    if limit is None:
        limit = int(limits["q"]) if "q" in limits else _number(policy)
    return RateLimitHeaders(remaining, float(reset), limit, float(limits["w"]) if "w" in limits else None)


def _number(value: str | None) -> int | None:
    found = None if value is None else _NUMBER.fullmatch(value)
    return None if found is None else int(found[1])


class RemainingRequests:
    """Counts the requests that the provider still accepts. Not safe to share between threads.

    Before the first response nothing is known. From then on, no request starts that the provider announced to refuse.
    A response may or may not count the requests in flight; here they are taken as not counted.
    """

    def __init__(self) -> None:
        self._left: int | None = None
        self._until = float("-inf")
        self._limit: int | None = None
        self._window: float | None = None

    def learn(self, announced: RateLimitHeaders, now: float, others_in_flight: int) -> None:
        """Take the number of requests from a response.

        Args:
            announced: The headers of the response.
            now: The time of a monotonic clock, in seconds.
            others_in_flight: How many other requests have no response yet.
        """
        left = max(0, announced.remaining - others_in_flight)
        # Responses overtake each other: until the reset, the number can only become smaller.
        self._left = left if self._left is None or now >= self._until else min(left, self._left)
        self._until = now + announced.reset_seconds
        self._limit, self._window = announced.limit, announced.window_seconds

    def seconds_to_wait(self, now: float) -> float:
        """Return how many seconds no request may be sent."""
        return self._until - now if self._left == 0 and now < self._until else 0.0

    def take(self, now: float) -> None:
        """Count a request that is sent."""
        if self._left is None:
            return
        if now >= self._until:
            # A new window begins. Its length is known only if the provider announces it, or from the next response.
            self._left = self._limit if self._window is not None else None
            self._until = now + (self._window or 0.0)
        if self._left:
            self._left -= 1


# ---- what the provider has counted, for a budget ----------------------------------------------------------

_HEADER = re.compile(
    r"(?:x-)?rate-?limit-(?:(?P<before>requests|minute|day)-)?(?P<what>limit|remaining|reset)(?:-(?P<after>minute|day))?"
    r"|x-requests-available-(?P<available>minute|day)"
)
_SECONDS_OF_DAY = 86_400
_SAME_DAY_SECONDS = 900
_FIRST_MOMENT = 1_000_000_000
"""A larger number is a moment, in seconds since 1970."""


class CountedRequests(NamedTuple):
    """What a provider has counted.

    Attributes:
        of_minute: Requests of the minute; 0: it does not say.
        of_day: Requests of the day of the budget; 0: it does not say.
        used_up_seconds: For how long it has no more requests; 0: it has some, or does not say.
    """

    of_minute: int = 0
    of_day: int = 0
    used_up_seconds: float = 0.0


def read_counted_requests(headers: Mapping[str, str], limits: BudgetLimits, moment: dt.datetime) -> CountedRequests:
    """Return how many requests the provider has counted.

    Headers differ from provider to provider: `X-RateLimit-Limit` and `X-RateLimit-Remaining`, with or without
    `-Minute` or `-Day`; `X-RateLimit-Requests-…`; `RateLimit-…`; `X-Requests-Available-Minute`. A number counts where
    its meaning is certain: the header names the period, or the limit that it gives is that of the budget.

    Args:
        headers: The headers of a response.
        limits: The limits of the budget.
        moment: Now, in UTC.
    """
    said: dict[str, dict[str, int]] = {}
    for name, value in headers.items():
        found = _HEADER.fullmatch(name.lower())
        if found is not None and (number := _number(value)) is not None:
            period = found["available"] or found["after"] or found["before"] or ""
            said.setdefault(period, {})[found["what"] or "remaining"] = number
    of_minute = of_day = 0
    used_up = 0.0
    for period, values in said.items():
        if "remaining" not in values:
            continue
        limit, remaining, reset = values.get("limit"), values["remaining"], _seconds_to(values.get("reset"), moment)
        if limits.per_minute is not None and limit in (limits.per_minute, None if period == "minute" else -1):
            of_minute = max(of_minute, limits.per_minute - remaining)
        elif limits.per_day is not None and limit in (limits.per_day, None if period == "day" else -1):
            if reset is None or abs(reset - _seconds_to_midnight(moment)) < _SAME_DAY_SECONDS:
                of_day = max(of_day, limits.per_day - remaining)
            elif not remaining:  # its day is another one than that of the budget
                used_up = reset
    return CountedRequests(of_minute, of_day, used_up)


def _seconds_to(reset: int | None, moment: dt.datetime) -> float | None:
    """Return the seconds until a reset, which some providers give as a moment; None: it is none within a day."""
    if reset is None:
        return None
    seconds = reset - moment.timestamp() if reset > _FIRST_MOMENT else float(reset)
    return seconds if 0 <= seconds <= _SECONDS_OF_DAY else None


def _seconds_to_midnight(moment: dt.datetime) -> float:
    return _SECONDS_OF_DAY - moment.timestamp() % _SECONDS_OF_DAY
