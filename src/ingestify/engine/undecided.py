"""What was discovered and is still to be decided about: what waits its turn, and what waits for its twin."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

from ingestify.engine.discovery import LOOK_UP_SIZE, Discovered

__all__ = ["Undecided"]

_Key = tuple[str, str, str]
_NOBODY: tuple[Discovered, ...] = ()


class Undecided:
    """The datasets of a run that are still to be decided about. Safe to use from any thread.

    Two jobs may find the same dataset: the second waits until the first is done, then is decided about.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[list[Discovered] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_flight: dict[_Key, tuple[Discovered, ...]] = {}

    def put(self, batch: list[Discovered]) -> None:
        """Queue what was discovered."""
        self._queue.put(batch)

    def close(self) -> None:
        """Let `iter_batches` end, once it has yielded what is queued."""
        self._queue.put(None)

    def iter_batches(self) -> Iterator[list[Discovered]]:
        """Yield whatever is waiting as one batch, and wait for more. One thread iterates."""
        while True:
            batch = self._queue.get()
            if batch is None:
                return
            waiting = list(batch)
            while len(waiting) < LOOK_UP_SIZE and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    self._queue.put(None)
                    break
                waiting += more
            yield waiting

    def begin(self, batch: Sequence[Discovered]) -> list[Discovered]:
        """Return those whose turn it is: they are in flight now. The others wait for their twins."""
        firsts = []
        with self._lock:
            for discovered in batch:
                twins = self._in_flight.get(discovered.key)
                if twins is None:
                    self._in_flight[discovered.key] = _NOBODY
                    firsts.append(discovered)
                else:
                    self._in_flight[discovered.key] = (*twins, discovered)
        return firsts

    def put_again(self, again: Discovered) -> None:
        """Queue one that was in flight, and is to be decided about anew; those that wait for it come after it."""
        with self._lock:
            twins = self._in_flight.pop(again.key, _NOBODY)
        self._queue.put([again, *twins])

    def end(self, several: Sequence[Discovered]) -> None:
        """They are done with, and whoever waited for them is queued."""
        with self._lock:
            twins = [twin for one in several for twin in self._in_flight.pop(one.key, _NOBODY)]
        if twins:
            self._queue.put(twins)
