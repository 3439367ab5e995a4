"""Work on many files at once, in order: a storage far away answers as slowly for one file as for eight."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["SideBySide"]

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS = 8
"""More threads would not write a disk faster."""


class SideBySide:
    """Threads for the length of a `with` block.

    Args:
        workers: How many threads at the most.

    Attributes:
        stopping: Set if the block ends early, by an error or Ctrl-C. Work that takes long looks at it.
    """

    def __init__(self, workers: int) -> None:
        self.stopping = threading.Event()
        self._workers = max(1, min(workers, _MOST_WORKERS))
        self._pool = ThreadPoolExecutor(self._workers, "export")

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Yield each item with its result, in order; few of them are on their way at once."""
        waiting: collections.deque[tuple[T, Future[R]]] = collections.deque()
        for item in items:
            waiting.append((item, self._pool.submit(function, item)))
            if len(waiting) > 4 * self._workers:
                done, result = waiting.popleft()
                yield done, result.result()
        while waiting:
            done, result = waiting.popleft()
            yield done, result.result()
