"""Time that stands still while something is done, and passes when the watch waits."""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import itertools
import threading
from collections.abc import Callable, Iterator

from ingestify import clock

__all__ = ["SimulatedTime", "simulated_time"]

_TICK = dt.timedelta(microseconds=1)
"""Each reading of the clock takes that long, so that no two moments are the same."""


class SimulatedTime(clock.RealTime):
    """A clock that begins at a moment, and that only those who wait move on. Safe to share between threads.

    Args:
        begin: In UTC.
    """

    def __init__(self, begin: dt.datetime) -> None:
        self._begin = self._now = begin
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._coming: list[tuple[dt.datetime, int, Callable[[], object]]] = []

    def at(self, moment: dt.datetime, act: Callable[[], object]) -> None:
        """Do something when a moment comes, in the thread that waits then."""
        heapq.heappush(self._coming, (moment, next(self._numbers), act))

    def now(self) -> dt.datetime:
        with self._lock:
            self._now += _TICK
            return self._now

    def monotonic(self) -> float:
        return (self.now() - self._begin).total_seconds()

    def wait_for(self, waiter: threading.Event, seconds: float) -> bool:
        if waiter.wait(0):
            return True
        self.sleep(seconds)
        return waiter.wait(0)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            until = self._now + dt.timedelta(seconds=max(0.0, seconds))
        while (act := self._next_act(until)) is not None:
            act()  # without the lock: it may start threads that look at the clock
        with self._lock:
            self._now = max(self._now, until)

    def _next_act(self, until: dt.datetime) -> Callable[[], object] | None:
        with self._lock:
            if not self._coming or self._coming[0][0] > until:
                return None
            moment, _, act = heapq.heappop(self._coming)
            self._now = max(self._now, moment)
            return act


@contextlib.contextmanager
def simulated_time(begin: dt.datetime) -> Iterator[SimulatedTime]:
    """Let the time of `ingestify.clock` be simulated while the block runs, in all threads of the process."""
    time = SimulatedTime(begin)
    with clock.passing(time), clock.reading(time.now):
        yield time
