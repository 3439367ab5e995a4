"""The discovered datasets of a run that wait for a decision, and those that wait for a duplicate of another job."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE

__all__ = ["DecisionQueue"]

_Key = tuple[str, str, str]


class DecisionQueue:
    """Queues the datasets of a run. Safe to use from any thread.

    Two jobs may find the same dataset. The second one waits until the first one has ended, and is decided about then.
    The datasets of a source that submits and collects never wait, and nobody waits for them. If two of them are
    ingested at once, one of the two commits is refused.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[list[Discovered] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_flight: dict[_Key, tuple[Discovered, ...]] = {}  # the one that is, and the duplicates that wait for it

    def put(self, batch: list[Discovered]) -> None:
        """Queue discovered datasets."""
        self._queue.put(batch)

    def close(self) -> None:
        """End `iter_batches`, once it has yielded what is queued."""
        self._queue.put(None)

    def iter_batches(self) -> Iterator[list[Discovered]]:
        """Yield all that waits as one batch, and wait for more. One thread iterates."""
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
        """Return the datasets that can be decided about now. The others wait for their duplicates."""
        firsts = []
        with self._lock:
            for discovered in batch:
                same = self._in_flight.get(discovered.key)
                if same is None:
                    self._in_flight[discovered.key] = (discovered,)
                    firsts.append(discovered)
                else:
                    self._in_flight[discovered.key] = (*same, discovered)
        return firsts

    def put_again(self, done: Discovered, again: Discovered) -> None:
        """Queue `again`, as `done` has to be decided about anew. The duplicates that wait for it come after it."""
        with self._lock:
            waiting = self._take_waiting(done)
        self._queue.put([again, *waiting])

    def end(self, several: Sequence[Discovered]) -> None:
        """Queue the duplicates that waited for datasets that have ended."""
        with self._lock:
            waiting: list[Discovered] = []
            in_flight = self._in_flight
            for ended in several:
                if len(in_flight.get(ended.key, ())) == 1 and in_flight[ended.key][0] is ended:
                    del in_flight[ended.key]  # mostly nobody waits
                else:
                    waiting += self._take_waiting(ended)
        if waiting:
            self._queue.put(waiting)

    def _take_waiting(self, one: Discovered) -> tuple[Discovered, ...]:
        """Return the duplicates that wait for a dataset, which is no longer in flight."""
        there = self._in_flight.get(one.key)
        if there is None or there[0] is not one:
            return ()
        del self._in_flight[one.key]
        return there[1:]
