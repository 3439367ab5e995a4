"""What was discovered and is still to be decided about: what waits its turn, and what waits for its twin."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE

__all__ = ["Undecided"]

_Key = tuple[str, str, str]


class Undecided:
    """The datasets of a run that are still to be decided about. Safe to use from any thread.

    Two jobs may find the same dataset: the second waits until the first is done, then is decided about. Those of
    a source that submits and collects never wait, nor does anybody for them; of two at once, the commit takes one.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[list[Discovered] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_flight: dict[_Key, tuple[Discovered, ...]] = {}  # the one that is, and those that wait for it

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
                    self._in_flight[discovered.key] = (discovered,)
                    firsts.append(discovered)
                else:
                    self._in_flight[discovered.key] = (*twins, discovered)
        return firsts

    def put_again(self, done: Discovered, again: Discovered) -> None:
        """Queue `again`, for `done` is to be decided about anew; those that wait for it come after it."""
        with self._lock:
            twins = self._take_twins(done)
        self._queue.put([again, *twins])

    def end(self, several: Sequence[Discovered]) -> None:
        """They are done with, and whoever waited for them is queued."""
        with self._lock:
            twins = [twin for one in several for twin in self._take_twins(one)]
        if twins:
            self._queue.put(twins)

    def _take_twins(self, one: Discovered) -> tuple[Discovered, ...]:
        """Return those that wait for it. It is in flight no more, if it was."""
        there = self._in_flight.get(one.key)
        if there is None or there[0] is not one:
            return ()
        del self._in_flight[one.key]
        return there[1:]
