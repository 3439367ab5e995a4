"""The configured limits of one source: requests in a second, and requests in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ingestify.clock import monotonic, wait_for

__all__ = ["RateLimit", "Slots", "Stopped"]

_POLL_SECONDS = 0.05

# Requests that leave evenly do not arrive evenly, as some wait for a connection. With a little more space between them
# than the limit needs, a provider that counts arrivals does not count one too many.
_MARGIN = 1.02


class Stopped(Exception):
    """The run was asked to stop while a request waited."""


class RateLimit:
    """Lets requests start evenly spaced: never two in one interval. Safe to share between threads.

    Even spacing, and not a bucket that may burst: with 12 requests a second, no second has more than 12. One thread at
    a time waits for the next start, and the others queue behind it. If each thread got its start beforehand, threads
    that wake late would start together.

    Args:
        requests_per_second: The limit; None: there is none.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, requests_per_second: float | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self._interval = 0.0 if requests_per_second is None else _MARGIN / requests_per_second
        self._clock = clock
        self._free_at = float("-inf")
        self._turn = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait until the next request may start.

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
                if wait_for(stop, seconds):
                    raise Stopped
            self._free_at = self._clock() + self._interval
        finally:
            self._turn.release()


class Slots:
    """Lets at most `limit` requests be in flight; None: any number."""

    def __init__(self, limit: int | None) -> None:
        self._semaphore = None if limit is None else threading.BoundedSemaphore(limit)

    def take(self, stop: threading.Event) -> None:
        """Wait for a slot; its request is in flight until `give_back`.

        Raises:
            Stopped: `stop` was set while the request waited for a slot.
        """
        while self._semaphore is not None and not self._semaphore.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                raise Stopped

    def give_back(self) -> None:
        """Let another request have the slot."""
        if self._semaphore is not None:
            self._semaphore.release()
