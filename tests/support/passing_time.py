"""Time that passes at once for whoever waits for it, and otherwise as it does."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Iterator

import pytest

from ingestify import clock

_GRACE_SECONDS = 0.002
"""So long a thread that waits leaves the others to act before it lets the rest of its wait pass."""


class PassingTime(clock.RealTime):
    """Skips what is left of a wait in which nothing happens. Safe to share between threads.

    Threads that wait side by side share what passes: two waits of a second end after one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._skipped)

    def wait_for(self, waiter, seconds: float) -> bool:
        until = self.monotonic() + seconds
        if waiter.wait(min(seconds, _GRACE_SECONDS)):
            return True
        self._skip_to(until)
        return False

    def sleep(self, seconds: float) -> None:
        self._skip_to(self.monotonic() + seconds)

    def _skip_to(self, moment: float) -> None:
        with self._lock:
            self._skipped += max(0.0, moment - self.monotonic())


@contextlib.contextmanager
def letting_time_pass() -> Iterator[PassingTime]:
    """Let the pauses of `ingestify.clock` pass at once, in all threads of the process."""
    passing = PassingTime()
    with clock.passing(passing), clock.reading(passing.now):
        yield passing


@pytest.fixture
def passing_time() -> Iterator[PassingTime]:
    """Lets the pauses of `ingestify.clock` pass at once, in all threads of the test."""
    with letting_time_pass() as passing:
        yield passing
