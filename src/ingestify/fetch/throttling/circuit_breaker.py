"""Holds all requests to one host back after a refusal or in an outage, and finds out when that is over."""

from __future__ import annotations

import datetime as dt
import logging
import random

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.host_health import HostHealth, RareProbes

__all__ = ["CREDENTIALS_REFUSED", "BudgetUsedUp", "CircuitBreaker", "LeftAlone"]

logger = logging.getLogger(__name__)

CREDENTIALS_REFUSED = frozenset({401, 403})

_NEVER = float("-inf")

_PROBE_SECONDS = 0.25
"""After so long without an answer to a probe the next one is sent, at first."""

_MORE_PROBES = 3
"""How many more pauses than one request's a host is given that fails: with what is built in, a minute in all."""

_LONGEST_PROBE_SECONDS = 300.0
"""How far apart probes of a host that is left alone become, unless many requests ask for it."""


class LeftAlone(Exception):
    """The host is not asked for now.

    Args:
        reason: Which host, and why.
        status: What it answered last; None: nothing.
        is_wait: Whether it asked for that.
        is_refusal: Whether it refuses the credentials.
    """

    def __init__(
        self, reason: str, status: int | None = None, *, is_wait: bool = False, is_refusal: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.is_wait = is_wait
        self.is_refusal = is_refusal


class BudgetUsedUp(LeftAlone):
    """The source has no more requests for now.

    Args:
        reason: Which source, and from when on it has some again.
        goes_on_at: That moment, in UTC.
    """

    def __init__(self, reason: str, goes_on_at: dt.datetime) -> None:
        super().__init__(reason, is_wait=True)
        self.goes_on_at = goes_on_at


class CircuitBreaker:
    """Whether requests to one host are held back. Not safe to share between threads.

    A refusal trips it, and so does a host that fails whatever it is asked (`HostHealth`): all requests pause, then one
    is sent as a probe. If the probe is accepted, the breaker is reset; if not, the next pause is longer. If all goes on
    failing, the host is left alone: requests do not wait, and only few are sent (`RareProbes`).

    Args:
        name: The source's, for logs.
        host: Name and port.
        options: For the pauses that the provider does not name.

    Attributes:
        rounds: How often it was tripped since a request was last accepted; 0: requests may be sent.
        tripped_at: When it was tripped last.
        is_down: Whether it is tripped because all requests to the host fail.
    """

    def __init__(self, name: str, host: str, options: HttpOptions) -> None:
        self._name = name
        self._host = host
        self._options = options
        self._health = HostHealth()
        self._probes: RareProbes | None = None
        self._since = self._paused_until = self._next_probe_at = _NEVER
        self._fails_files = False
        self._last_words = ""
        self._last_status: int | None = None
        self.rounds = 0
        self.tripped_at = _NEVER
        self.is_down = False

    @property
    def is_left_alone(self) -> bool:
        """Whether requests do not wait for the host any more."""
        return self._probes is not None

    @property
    def _is_refusal(self) -> bool:
        return self.is_down and self._last_status in CREDENTIALS_REFUSED

    def due_at(self) -> float:
        """Return from when on a request may be sent."""
        return max(self._paused_until, self._next_probe_at) if self.rounds else self._paused_until

    def sent(self, now: float) -> None:
        """A request was sent; if the breaker is tripped, it is a probe."""
        if self.rounds:
            self._next_probe_at = now + max(_PROBE_SECONDS, now - self.tripped_at)

    def check(self, now: float, *, is_fresh: bool, is_free: bool, is_awaited: bool) -> bool:
        """Raise LeftAlone if a request is not to wait. Returns whether it is to be sent now, as a probe.

        Otherwise each of a thousand files would have its tries, one after the other, with the longest pauses. Only a
        fresh request, one that was not sent before, is a probe; it waits if another probe is awaited.
        """
        if not self.rounds:
            return False
        seconds = now - self._since
        if self._probes is None:
            is_over = seconds > 2 * self._options.max_retry_after_seconds
            if not is_over and not (self.is_down and self.rounds > self._options.attempts + _MORE_PROBES):
                return False
            self._probes = RareProbes()
        if is_fresh and is_awaited:
            return False
        if not is_fresh or not (is_free or (self.is_down and self._probes.is_due())):
            raise LeftAlone(
                self._reason(seconds), self._last_status, is_wait=not self.is_down, is_refusal=self._is_refusal
            )
        self._paused_until = self._next_probe_at = now
        return True

    def trip(self, now: float, words: str, status: int | None, pause_seconds: float | None = None) -> None:
        """Hold all requests back for so long, or longer each time if that is not said; then let a probe through."""
        self._last_words, self._last_status = words, status
        self.tripped_at = self._next_probe_at = now
        if not self.rounds:
            self._since = now
        self.rounds += 1
        self.pause(now, pause_seconds or self._own_pause_seconds())

    def pause(self, now: float, seconds: float) -> None:
        """Send nothing for so long, or for longer."""
        self._paused_until = max(self._paused_until, now + seconds)

    def reset(self, now: float) -> None:
        """Let requests through again."""
        self.rounds = 0
        self._probes = None
        self._paused_until = now

    def answered(self, *, is_file: bool) -> bool:
        """A request came to its end, with whatever answer. Returns whether the host was down and is back."""
        self._health.answered(is_file=is_file)
        if not self.is_down or (self._fails_files and not is_file):
            return False
        logger.info("%s: %s answers again.", self._name, self._host)
        self.is_down = False
        return True

    def failed(self, started: float, now: float, what: str, why: str, status: int | None, *, is_file: bool) -> None:
        """A request failed; see `AdaptiveLimiter.failed`."""
        if started <= self.tripped_at:
            return
        if not (self.is_down or self._health.failed(what, is_file=is_file)):
            if self.rounds:  # it was a probe: the next one is no further away for it
                self.tripped_at = now
            return
        if not self.is_down:
            logger.info("%s: %s fails on every request: %s", self._name, self._host, why)
            self._fails_files = is_file
        self.is_down = True
        self.trip(now, why, status)
        if self._is_refusal and self._probes is None:
            self._probes = RareProbes()  # that does not pass by waiting

    def _reason(self, seconds: float) -> str:
        if self._is_refusal:
            return (
                f"{self._host} refuses the credentials of the source '{self._name}' on every request "
                f"({self._last_words}): correct them under sources.{self._name}.configuration, or ask the provider"
            )
        if self.is_down:
            return f"{self._host} has failed on every request for {seconds:.0f} s ({self._last_words})"
        hint = "lower this source's rate_limit or max_concurrency" if self._last_status == 429 else "it is overloaded"
        return f"{self._host} has refused everything for {seconds:.0f} s ({self._last_words}; {hint})"

    def _own_pause_seconds(self) -> float:
        cap = self._options.backoff_cap_seconds
        if self.is_down and self._probes is not None:
            cap = max(cap, _LONGEST_PROBE_SECONDS)
        longest = min(self._options.backoff_base_seconds * 2 ** min(self.rounds - 1, 30), cap)
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret
