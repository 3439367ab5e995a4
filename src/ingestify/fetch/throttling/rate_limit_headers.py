"""How much more a provider lets through until when, by what its answers say of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

__all__ = ["Allowance", "Announced", "read_announcement"]

_NUMBER = re.compile(r"\s*(\d{1,12})(?:\.\d*)?\s*(?:[,;].*)?")
_PARAMETER = re.compile(r"[;,]\s*([a-z]+)\s*=\s*(\d{1,12})")


@dataclasses.dataclass(frozen=True, slots=True)
class Announced:
    """What one answer says.

    Attributes:
        remaining: How many more requests are let through before the reset.
        reset_seconds: From the answer on.
        limit: How many are let through from one reset to the next; None if that is not said.
        window_seconds: How long it is from one reset to the next; likewise.
    """

    remaining: int
    reset_seconds: float
    limit: int | None = None
    window_seconds: float | None = None


def read_announcement(headers: Mapping[str, str]) -> Announced | None:
    """Return what an answer's headers say, or None if they do not, or not in a form that can be relied on.

    Understood are `RateLimit-Remaining`, `RateLimit-Reset` (seconds), `RateLimit-Limit` and `RateLimit-Policy`
    (`100;w=60`), and `RateLimit: "default";r=50;t=30` of later drafts (draft-ietf-httpapi-ratelimit-headers). Those
    that begin with `X-` are not: each provider means something else by them.
    """
    remaining, reset = _number(headers.get("RateLimit-Remaining")), _number(headers.get("RateLimit-Reset"))
    policy = headers.get("RateLimit-Policy") or ""
    limits = dict(_PARAMETER.findall(policy))
    if remaining is None or reset is None:
        said = dict(_PARAMETER.findall(headers.get("RateLimit") or ""))
        if "r" not in said or "t" not in said:
            return None
        remaining, reset = int(said["r"]), int(said["t"])
    limit = _number(headers.get("RateLimit-Limit"))
    if limit is None:
        limit = int(limits["q"]) if "q" in limits else _number(policy)
    return Announced(remaining, float(reset), limit, float(limits["w"]) if "w" in limits else None)


def _number(value: str | None) -> int | None:
    found = None if value is None else _NUMBER.fullmatch(value)
    return None if found is None else int(found[1])


class Allowance:
    """Counts what is left of it. Not safe to share between threads.

    Nothing is known before the first answer; from then on no request is started that the provider has said it will
    refuse. What is in flight and not answered may or may not be counted in what an answer says, and is taken not to be.
    """

    def __init__(self) -> None:
        self._left: int | None = None
        self._until = float("-inf")
        self._limit: int | None = None
        self._window: float | None = None

    def learn(self, announced: Announced, now: float, others_in_flight: int) -> None:
        """Take over what an answer says.

        Args:
            now: Seconds that only grow.
            others_in_flight: How many requests were sent and are not answered.
        """
        left = max(0, announced.remaining - others_in_flight)
        # Answers overtake each other: until the reset it can only become less.
        self._left = left if self._left is None or now >= self._until else min(left, self._left)
        self._until = now + announced.reset_seconds
        self._limit, self._window = announced.limit, announced.window_seconds

    def seconds_to_wait(self, now: float) -> float:
        """Return for how long nothing may be sent."""
        return self._until - now if self._left == 0 and now < self._until else 0.0

    def take(self, now: float) -> None:
        """A request is sent."""
        if self._left is None:
            return
        if now >= self._until:
            # Anew; but for how long is only known where the provider names its window, or with the next answer.
            self._left = self._limit if self._window is not None else None
            self._until = now + (self._window or 0.0)
        if self._left:
            self._left -= 1
