"""Threads, a network and a provider in simulated time: three minutes of 32 threads take milliseconds."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.rate_limit import RateLimit


class SimulatedProvider(Protocol):
    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        """The status, and what Retry-After says."""


class Free:
    """Refuses nothing."""

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        return 200, None


class SlidingWindow:
    """At most so many in any `seconds`."""

    def __init__(self, most: int, seconds: float = 1.0, retry_after: float | None = 1.0) -> None:
        self._most, self._seconds, self._retry_after = most, seconds, retry_after
        self._recent: list[float] = []

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        self._recent = [one for one in self._recent if now - one < self._seconds]
        if len(self._recent) >= self._most:
            return 429, self._retry_after
        self._recent.append(now)
        return 200, None


class FixedWindow:
    """At most so many in each window; Retry-After, if it says one, is when the next begins, in whole seconds."""

    def __init__(self, most: int, seconds: float = 1.0, *, says_when: bool = False) -> None:
        self._most, self._seconds, self._says_when = most, seconds, says_when
        self._window, self._count = -1, 0

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        window = int(now / self._seconds)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count >= self._most:
            return 429, float(int((window + 1) * self._seconds - now) + 1) if self._says_when else None
        self._count += 1
        return 200, None


class TokenBucket:
    def __init__(self, per_second: float, size: float, retry_after: float | None = 1.0, status: int = 429) -> None:
        self._per_second, self._size, self._refusal = per_second, size, (status, retry_after)
        self._tokens, self._at = size, 0.0

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return self._refusal
        self._tokens -= 1
        return 200, None


class Crowded:
    """503 for what comes while so many are being answered."""

    def __init__(self, most: int) -> None:
        self._most = most

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        return (503, None) if in_flight > self._most else (200, None)


class Broken:
    """503 for one request in so many, whatever the load."""

    def __init__(self, share: float) -> None:
        self._share, self._random = share, random.Random(5)

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        return (503, None) if self._random.random() < self._share else (200, None)


class Changing:
    """Another provider from each of these moments on."""

    def __init__(self, *steps: tuple[float, SimulatedProvider]) -> None:
        self._steps = steps

    def answer(self, now: float, in_flight: int) -> tuple[int, float | None]:
        current = [provider for begins, provider in self._steps if now >= begins][-1]
        return current.answer(now, in_flight)


@dataclasses.dataclass(frozen=True)
class Arrival:
    at: float
    status: int
    rate: float | None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Attributes: most_in_a_row: how often one request was refused, without getting through in between."""

    arrivals: Sequence[Arrival]
    most_in_a_row: int

    def refused(self, begins: float, ends: float) -> float:
        part = [one.status != 200 for one in self.arrivals if begins <= one.at < ends]
        return sum(part) / len(part)

    def per_second(self, begins: float, ends: float) -> float:
        return sum(one.status == 200 for one in self.arrivals if begins <= one.at < ends) / (ends - begins)


class Simulation:
    """Threads that ask again and again, through one `AdaptiveLimiter`."""

    def __init__(
        self, provider: SimulatedProvider, *, threads: int = 32, latency: float = 0.05, lateness: float = 0.003
    ) -> None:
        random.seed(1)  # the jitter of the limiter's own pauses
        self._random = random.Random(1)
        self._provider, self._latency, self._lateness = provider, latency, lateness
        self._now = 0.0
        self._limiter = AdaptiveLimiter("provider", "host", HttpOptions(), RateLimit(None), clock=lambda: self._now)
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._waiting = [0] * threads  # how often the request of each idle thread was refused
        self._in_flight = 0
        self._wake_at = float("inf")
        self._arrivals: list[Arrival] = []
        self._most_in_a_row = 0

    def run(self, seconds: float) -> Outcome:
        self._send()
        while self._events and self._events[0][0] <= seconds:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return Outcome(self._arrivals, self._most_in_a_row)

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    def _send(self) -> None:
        while self._waiting:
            if (seconds := self._limiter.seconds_to_wait()) > 0:
                if self._now + seconds < self._wake_at:
                    self._wake_at = self._now + max(seconds, 1e-6)
                    self._at(self._wake_at, self._wake)
                return
            sent = self._limiter.start()
            assert sent is not None
            refusals = self._waiting.pop(self._random.randrange(len(self._waiting)))
            moment = self._now + self._random.uniform(0, self._lateness)
            self._at(moment, lambda sent=sent, refusals=refusals: self._arrive(sent, refusals))

    def _wake(self) -> None:
        self._wake_at = float("inf")
        self._send()

    def _arrive(self, sent, refusals: int) -> None:
        self._in_flight += 1
        status, retry_after = self._provider.answer(self._now, self._in_flight)
        self._arrivals.append(Arrival(self._now, status, sent.rate))
        self._at(self._now + self._latency, lambda: self._leave(sent, refusals, status, retry_after))

    def _leave(self, sent, refusals: int, status: int, retry_after: float | None) -> None:
        self._in_flight -= 1
        if status == 200:
            self._limiter.accepted(sent)
            self._waiting.append(0)
        else:
            self._most_in_a_row = max(self._most_in_a_row, refusals + 1)
            if status == 429 or retry_after:
                self._limiter.refused(sent, retry_after)
                self._waiting.append(refusals + 1)
            else:
                self._limiter.overloaded(sent)
                backoff = self._random.uniform(0, 0.5 * 2**refusals)
                self._at(self._now + backoff, lambda: self._come_back(refusals + 1))
        self._limiter.leave()
        self._send()

    def _come_back(self, refusals: int) -> None:
        self._waiting.append(refusals)
        self._send()
