"""An answer that several discoveries of one run need, asked for once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ingestify.clock import now
from ingestify.domain.ports import IndexReading
from ingestify.fetch.current_context import current_context

__all__ = ["RecentResponse"]

T = TypeVar("T")

KEPT_SECONDS = 5.0
"""Longer than the discoveries of one run are apart that share an index; shorter than what anybody waits between two."""


class RecentResponse(Generic[T]):
    """Keeps what was asked for last, for a short while. Any thread may ask; while one does, the others wait for it.

    Args:
        kept_seconds: For how long an answer is given again.
    """

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept = dt.timedelta(seconds=kept_seconds)
        self._lock = threading.Lock()
        self._answer: _Answer[T] | None = None

    def get(self, ask: Callable[[], T]) -> T:
        """Return the recent answer, or what `ask` returns now. What `ask` raises is kept for nobody.

        Whoever gets the recent one has read its listing when that was asked for.
        """
        index = current_context().index
        with self._lock:
            found = self._answer
            if found is None or not (self._is_recent(found) and found.asked_at >= index.not_before):
                asked_at = time.monotonic()
                found = self._answer = _Answer(ask(), now(), asked_at, index)
            elif found.index is not index:
                index.include(found.index)
            return found.answer

    def _is_recent(self, found: _Answer[T]) -> bool:
        return dt.timedelta(0) <= now() - found.came_at < self._kept


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    answer: T
    came_at: dt.datetime
    asked_at: float
    index: IndexReading
