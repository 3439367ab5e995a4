"""How often, and how many at once, one provider is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["RateLimit", "Slots", "Stopped"]

_POLL_SECONDS = 0.05

# Requests that leave here evenly do not arrive evenly: one waits for its connection, the next has one. A little
# more space than the limit asks for keeps a provider that counts arrivals from counting one too many.
_MARGIN = 1.02


class Stopped(Exception):
    """The run was asked to stop while something waited."""


class RateLimit:
    """Lets requests start evenly spaced: never two in one interval. Safe to share between threads.

    Even spacing, and not a bucket that may burst: with 12 requests a second, no second has more than 12. One
    thread at a time waits for the next moment and the others queue behind it, so the spacing is that of the
    starts as they happen; moments that are given out beforehand bunch up where threads wake late.

    Args:
        requests_per_second: None: no limit.
        clock: Seconds that only grow.
    """

    def __init__(
        self, requests_per_second: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 0.0 if requests_per_second is None else _MARGIN / requests_per_second
        self._clock = clock
        self._free_at = float("-inf")
        self._turn = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next moment.

        Raises:
            Stopped: `stop` was set, before or meanwhile.
        """
        if stop.is_set():
            raise Stopped
        if not self._interval:
            return
        while not self._turn.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                raise Stopped
        try:
            while (seconds := self._free_at - self._clock()) > 0:
                if stop.wait(seconds):
                    raise Stopped
            self._free_at = self._clock() + self._interval
        finally:
            self._turn.release()


class Slots:
    """At most `limit` requests in flight (None: any number)."""

    def __init__(self, limit: int | None) -> None:
        self._semaphore = None if limit is None else threading.BoundedSemaphore(limit)

    @contextmanager
    def one(self, stop: threading.Event) -> Iterator[None]:
        """Hold a place while a request is in flight.

        Raises:
            Stopped: `stop` was set while it waited for a place.
        """
        if self._semaphore is None:
            yield
            return
        while not self._semaphore.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                raise Stopped
        try:
            yield
        finally:
            self._semaphore.release()
