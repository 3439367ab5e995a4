"""An answer that several discoveries of one run need, asked for once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

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
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, T, IndexLook] | None = None

    def get(self, ask: Callable[[], T]) -> T:
        """Return the recent answer, or what `ask` returns now. What `ask` raises is kept for nobody.

        Whoever gets the recent one has read its listing when that was asked for.
        """
        index = active_context().index
        with self._lock:
            if self._answer is not None:
                asked_at, answer, read_from = self._answer
                if asked_at >= index.not_before and time.monotonic() - asked_at < self._kept_seconds:
                    if read_from is not index:
                        index.take_over(read_from)
                    return answer
            asked_at = time.monotonic()
            answer = ask()
            self._answer = (asked_at, answer, index)
            return answer
