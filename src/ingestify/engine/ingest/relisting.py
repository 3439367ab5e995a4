"""Reads the index once more while a job goes on, for the datasets whose files have come.

The datasets wait for it without a thread, and one reading serves all that wait. It begins when nothing else of the job
is left to be done. It begins earlier if many datasets wait, or if a reader takes the datasets as they come; the time
between two readings doubles. Before a deadline the index is read after half of the time that is left, again and again,
so that the datasets that have come are committed.

Only one reading of a job goes on at a time. During a reading the datasets that wait have no place at the gate of the
source. So they never hold up the listing that goes on beside the reading: it may hold something that the source needs
for the reading, for instance a lock. If a source is called once at a time, the reading begins after that listing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.ports import FetchContext, IndexReading
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import list_again
from ingestify.engine.discovery.source_context import SourceContexts
from ingestify.engine.report.report import JobProgress
from ingestify.engine.workers import Gate, StopToken, TaskQueue, WorkerPool
from ingestify.errors import FatalError, FetchError, SourceError, StopProcessing
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Pairs", "Relisted", "Relistings"]

logger = logging.getLogger(__name__)

THREADS = 4
FIRST_WAIT_SECONDS = 5.0
FIRST_WAIT_OF_READER_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 300.0
LISTINGS_SHARE = 4
"""The time between two readings is at least so many times as long as a reading takes."""
_READER_AT_ONCE = 0.0

Pairs = frozenset[tuple[str, str]]
"""Feeds with their versions."""


class Relisted(msgspec.Struct, frozen=True):
    """What the index says of a dataset when it is read once more.

    Attributes:
        discovered: The dataset as it is listed now. None: it is not listed, or its entry cannot be read.
        is_gone: Whether it is not listed, although the provider was asked and the source lists everything.
        index: How the index was read.
        unplanned: The feeds and versions that were asked for besides those of the plan.
    """

    discovered: Discovered | None
    is_gone: bool
    index: IndexReading
    unplanned: Pairs = frozenset()


Then = Callable[[Relisted | Exception], None]
_Request = tuple[Discovered, Pairs, Then]


class _Waiting:
    """The datasets of one job that wait for its index to be read once more."""

    def __init__(self, first_wait: float) -> None:
        self.requests: list[_Request] = []
        self.is_reading = False  # for others, that came earlier
        self.is_due = False  # to be read again as soon as that has ended
        self.without_place = 0  # how many of them have no place at the gate
        self.next_wait = first_wait
        self.timer: threading.Timer | None = None


class Relistings:
    """Reads the indexes of a run's jobs once more. Safe to use from any thread.

    Args:
        store: The lake.
        source_contexts: What the run keeps for each source.
        stop: Ends all waiting.
        discovery: The discovery threads, which also read the indexes of sources that are called once at a time.
        has_reader: Whether a reader takes the datasets as they come.
        deadline: After how many seconds from now the run is stopped; None: it is not.
    """

    def __init__(
        self,
        store: DatasetStore,
        source_contexts: SourceContexts,
        stop: StopToken,
        discovery: WorkerPool,
        *,
        has_reader: bool,
        deadline: float | None = None,
    ) -> None:
        self._store = store
        self._source_contexts = source_contexts
        self._stop = stop
        self._discovery = discovery
        self._has_reader = has_reader
        self._stopped_at = None if deadline is None else time.monotonic() + deadline
        self._lock = threading.Lock()
        self._waiting: dict[JobProgress, _Waiting] = {}
        self._queues: dict[int, TaskQueue] = {}
        self._pool = WorkerPool(THREADS, "ingestify-relist")
        stop.when_stopped(self._end_waiting)

    def ask(self, discovered: Discovered, then: Then, unplanned: Pairs = frozenset()) -> None:
        """Read the index once more, after this moment, and call `then` with what it says of a dataset, or the error.

        Args:
            discovered: The dataset.
            then: Called in another thread.
            unplanned: Feeds and versions that are wanted besides those of the plan, where the source has them.
        """
        progress = discovered.progress
        with self._lock:
            waiting = self._waiting.get(progress)
            if waiting is None:
                waiting = self._waiting[progress] = _Waiting(
                    _READER_AT_ONCE if self._has_reader else FIRST_WAIT_SECONDS
                )
            waiting.requests.append((discovered, unplanned, then))
            if waiting.is_reading:
                waiting.without_place += 1
                self._gate(progress).step_out()
            if waiting.timer is None:
                waiting.timer = self._timer(progress, waiting)
        if self._stop.is_set:
            self._end_waiting()
        else:
            self.read_if_due(progress)

    def read_if_due(self, progress: JobProgress) -> None:
        """Begin to read the index of a job, if nothing else of the job goes on, or too many datasets wait for it."""
        with self._lock:
            waiting = self._waiting.get(progress)
            number = 0 if waiting is None or waiting.is_reading else len(waiting.requests)
        if not number:
            return
        gate = self._gate(progress)
        pending = progress.pending
        is_last = number >= pending or (number >= pending - 1 and not progress.is_discovered and gate.is_full)
        if is_last or number * 4 >= gate.narrow_limit * 3:
            self._begin(progress)

    def close(self) -> None:
        """End its threads. Nothing is waiting any more."""
        with self._lock:
            timers = [waiting.timer for waiting in self._waiting.values() if waiting.timer is not None]
        for timer in timers:
            timer.cancel()
        self._pool.close()

    def _timer(self, progress: JobProgress, waiting: _Waiting) -> threading.Timer:
        """Return a timer that has begun to run. The next one runs twice as long."""
        wait = waiting.next_wait
        if self._stopped_at is not None and (left := self._stopped_at - time.monotonic()) > 0:
            wait = min(wait, max(left / 2, FIRST_WAIT_OF_READER_SECONDS))
        timer = threading.Timer(wait, self._begin, (progress,))
        waiting.next_wait = min(max(2 * waiting.next_wait, FIRST_WAIT_OF_READER_SECONDS), LONGEST_WAIT_SECONDS)
        timer.daemon = True
        timer.start()
        return timer

    def _gate(self, progress: JobProgress) -> Gate:
        return self._source_contexts.of(progress.job.plan.source).gate

    def _take(self, waiting: _Waiting) -> list[_Request]:
        """Return what waits, and remove it. The lock is held."""
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        requests, waiting.requests = waiting.requests, []
        return requests

    def _begin(self, progress: JobProgress) -> None:
        source = progress.job.plan.source
        with self._lock:
            waiting = self._waiting[progress]
            if waiting.is_reading:
                waiting.is_due = True
                return
            requests = self._take(waiting)
            if not requests:
                return
            waiting.is_reading = True
            tasks = self._queues.setdefault(id(source), TaskQueue(source.name))
        source_context = self._source_contexts.of(source)
        source_context.gate.step_out(len(requests))
        pool = self._pool
        if source_context.is_one_at_a_time:
            pool, tasks = self._discovery, source_context.discovery
        pool.submit(tasks, lambda: self._read(progress, waiting, requests), first=True)

    def _read(self, progress: JobProgress, waiting: _Waiting, requests: list[_Request]) -> None:
        """Read the index for the requests, and begin the next reading if it is due."""
        began = time.monotonic()
        relisted = self._list(progress, requests)
        with self._lock:
            self._gate(progress).step_in(len(requests) + waiting.without_place)
            waiting.is_reading, waiting.without_place = False, 0
            waiting.next_wait = max(waiting.next_wait, LISTINGS_SHARE * (time.monotonic() - began))
            is_due, waiting.is_due = waiting.is_due, False
        for (_, _, then), one in zip(requests, relisted, strict=True):
            then(one)
        if is_due:
            self._begin(progress)
        else:
            self.read_if_due(progress)

    def _list(self, progress: JobProgress, requests: list[_Request]) -> list[Relisted | Exception]:
        unplanned = frozenset().union(*(pairs for _, pairs, _ in requests))
        index = IndexReading(not_before=time.monotonic())
        found: dict[tuple[str, str, str], Discovered] = {}
        asked: Pairs = frozenset()
        failure: Exception | None = None
        source_context = self._source_contexts.of(progress.job.plan.source)
        try:
            wanted = {discovered.key: discovered for discovered, _, _ in requests}
            context = FetchContext(
                progress.usage,
                self._stop.event,
                index,
                progress.unreachable_hosts,
                is_run=True,
                observed=progress.observed,
            )
            with source_context.fetcher.activated(context):
                asked = self._list_these(progress, wanted, unplanned, found)
        except BaseException as error:  # noqa: BLE001 - the edge to user code: it fails the datasets that wait for it
            failure = self._stop.caught(error)
        # If the source only repeats an earlier response, nothing is known of what there is by now.
        lists_all = progress.job.lists_everything and index.responses > 0
        relisted: list[Relisted | Exception] = []
        for discovered, _, _ in requests:
            again = found.get(discovered.key)
            # An entry that came before the source failed is as good as any other.
            if failure is not None and again is None:
                relisted.append(failure)
            else:
                relisted.append(Relisted(again, lists_all and again is None, index, asked))
        return relisted

    def _list_these(
        self,
        progress: JobProgress,
        wanted: Mapping[tuple[str, str, str], Discovered],
        unplanned: Pairs,
        found: dict[tuple[str, str, str], Discovered],
    ) -> Pairs:
        """Put into `found` what is listed by now, and return what was asked for besides the plan."""
        if unplanned:
            try:
                list_again(progress, self._store, wanted, self._stop, found, _widened(progress, unplanned))
                return unplanned
            except (FetchError, StopProcessing, FatalError):
                raise
            except Exception as error:
                if found:  # then the source did not refuse a feed
                    raise
                # A source may refuse a feed that it no longer has, with any error.
                logger.debug("%s does not announce %s: %s", progress.job.source_name, sorted(unplanned), error)
        list_again(progress, self._store, wanted, self._stop, found)
        return frozenset()

    def _end_waiting(self) -> None:
        """End all waiting, as the run has to stop."""
        with self._lock:
            requests = [one for waiting in self._waiting.values() for one in self._take(waiting)]
        stopped = SourceError("stopped before the index was read once more")
        for _, _, then in requests:
            then(stopped)


def _widened(progress: JobProgress, unplanned: Pairs) -> DataSpecVersionCollection:
    """Return the feeds and versions of a job's plan, with `unplanned`."""
    plan = progress.job.plan.data_spec_versions
    versions = {**plan, **{feed: plan.versions_of(feed) for feed, _ in unplanned}}
    for feed, version in sorted(unplanned):
        versions[feed] = (*versions[feed], version)
    return DataSpecVersionCollection(versions)
