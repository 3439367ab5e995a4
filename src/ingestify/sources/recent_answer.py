"""An answer that several discoveries of one run need, asked for once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ingestify.clock import now
from ingestify.domain.ports import IndexLook
from ingestify.fetch.active import active_context

__all__ = ["RecentAnswer"]

T = TypeVar("T")

KEPT_SECONDS = 5.0
"""Longer than the discoveries of one run are apart that share an index; shorter than what anybody waits between two."""


class RecentAnswer(Generic[T]):
    """Keeps what was asked for last, for a short while. Any thread may ask; while one does, the others wait for it.

    Args:
        kept_seconds: For how long an answer is given again.
    """

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept = dt.timedelta(seconds=kept_seconds)
        self._lock = threading.Lock()
        self._answer: tuple[dt.datetime, T, IndexLook] | None = None

    def get(self, ask: Callable[[], T]) -> T:
        """Return the recent answer, or what `ask` returns now. What `ask` raises is kept for nobody.

        Whoever gets the recent one has read its listing when that was asked for.
        """
        with self._lock:
            if self._answer is not None and dt.timedelta(0) <= now() - self._answer[0] < self._kept:
                if self._answer[2] is not active_context().index:
                    active_context().index.take_over(self._answer[2])
                return self._answer[1]
            answer = ask()
            self._answer = (now(), answer, active_context().index)
            return answer
