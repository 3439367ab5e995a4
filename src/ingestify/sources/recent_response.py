"""A response that several discoveries of one run share, so that it is requested once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ingestify.clock import now
from ingestify.domain.ports import IndexReading
from ingestify.fetch.current_context import current_context, current_run

__all__ = ["RecentResponse"]

T = TypeVar("T")

KEPT_SECONDS = 5.0
"""Longer than the time between discoveries of one run. Another run makes its own request."""


class RecentResponse(Generic[T]):
    """Keeps the last response for a short time. Any thread may call it; the others wait while one makes the request.

    Args:
        kept_seconds: How long a response is returned again.
        of_run: Whether it is returned again as long as its run goes on. Not for a list of datasets: what such a list
            lacks is MISSING unless it came to the lake after the list was requested.
    """

    def __init__(self, kept_seconds: float = KEPT_SECONDS, *, of_run: bool = False) -> None:
        self._kept = dt.timedelta(seconds=kept_seconds)
        self._of_run = of_run
        self._lock = threading.Lock()
        self._recent: _Recent[T] | None = None

    def get(self, ask: Callable[[], T], url: str = "") -> T:
        """Return the recent response of a URL, or the result of `ask`. An error of `ask` is not kept.

        The caller's listing counts as read at the time of the request, also if another caller made it.
        """
        index = current_context().index
        with self._lock:
            found = self._recent
            if found is None or not (self._is_recent(found, url) and found.asked_at >= index.not_before):
                asked_at = time.monotonic()
                found = self._recent = _Recent(ask(), url, now(), asked_at, index, current_run())
            elif found.index is not index:
                index.include(found.index)
            return found.response

    def _is_recent(self, found: _Recent[T], url: str) -> bool:
        run = current_run()
        if found.run is not run or found.url != url:
            return False
        return (self._of_run and run is not None) or dt.timedelta(0) <= now() - found.came_at < self._kept


@dataclasses.dataclass(frozen=True, slots=True)
class _Recent(Generic[T]):
    response: T
    url: str
    came_at: dt.datetime
    asked_at: float
    index: IndexReading
    run: threading.Event | None
