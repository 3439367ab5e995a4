"""The index, read once more while a job goes on: what it says by now of datasets whose files have come.

A dataset waits for that without a thread. One reading serves all that wait: at the end of the listing, when nothing
else of the job is left to be done. Where many wait, or somebody reads the datasets as they come, it is read before
that, each time after twice as long. Before a deadline it is read after half of the time that is left, again and again:
what has come is not thrown away with the rest.

Of one job, one reading goes on at a time. Meanwhile nobody who waits takes a place at the source's gate: the listing
that goes on beside it is never held up by that, as it may hold what the source needs for this one, a lock for instance.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.ports import FetchContext, IndexReading
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import as_exception, list_again
from ingestify.engine.discovery.source_context import SourceLanes
from ingestify.engine.report.report import JobProgress
from ingestify.engine.workers import Gate, Lane, StopToken, WorkerPool
from ingestify.errors import FatalError, FetchError, SourceError, StopProcessing
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Pairs", "Relisted", "Relistings"]

logger = logging.getLogger(__name__)

THREADS = 4
FIRST_WAIT_SECONDS = 5.0
FIRST_WAIT_OF_READER_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 300.0
LISTINGS_SHARE = 4
"""An index that takes long to read is read more rarely: waiting takes so many times as long as reading it."""
_READER_AT_ONCE = 0.0

Pairs = frozenset[tuple[str, str]]
"""Feeds with their versions."""


@dataclasses.dataclass(frozen=True, slots=True)
class Relisted:
    """What the index says of a dataset when it is read once more.

    Attributes:
        discovered: The dataset as it is listed now; None if it is not, or not so that it can be read.
        is_gone: Whether it is not listed, by a provider that was asked and a source that lists all that there is.
        index: How the index was read.
        extra: The feeds and versions that were asked for besides those of the plan.
    """

    discovered: Discovered | None
    is_gone: bool
    index: IndexReading
    extra: Pairs = frozenset()


Then = Callable[[Relisted | Exception], None]
_One = tuple[Discovered, Pairs, Then]


class _Waiting:
    """The datasets of one job that wait for its index to be read once more."""

    def __init__(self, first_wait: float) -> None:
        self.several: list[_One] = []
        self.is_read = False  # by now, for others
        self.is_due = False  # to be read when that has ended
        self.outside = 0  # how many of them have no place at the gate
        self.next_wait = first_wait
        self.timer: threading.Timer | None = None


class Relistings:
    """Reads the indexes of a run's jobs once more. Safe to use from any thread.

    Args:
        lanes: Those of the run's sources.
        has_reader: Whether somebody waits for datasets as they come.
        deadline: After how many seconds from now the run is stopped; None: it is not.
    """

    def __init__(
        self,
        store: DatasetStore,
        lanes: SourceLanes,
        stop: StopToken,
        *,
        has_reader: bool,
        deadline: float | None = None,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._stop = stop
        self._has_reader = has_reader
        self._stopped_at = None if deadline is None else time.monotonic() + deadline
        self._lock = threading.Lock()
        self._waiting: dict[JobProgress, _Waiting] = {}
        self._own_lanes: dict[int, Lane] = {}
        self._pool = WorkerPool(THREADS, "ingestify-relist")
        stop.when_stopped(self._let_go)

    def ask(self, discovered: Discovered, then: Then, extra: Pairs = frozenset()) -> None:
        """Read the index once more, after this moment, and call `then` with what it says of a dataset, or the error.

        Args:
            discovered: The dataset.
            then: Called by another thread.
            extra: Feeds and versions that are wanted besides those of the plan, where the source has them.
        """
        progress = discovered.progress
        with self._lock:
            waiting = self._waiting.get(progress)
            if waiting is None:
                waiting = self._waiting[progress] = _Waiting(
                    _READER_AT_ONCE if self._has_reader else FIRST_WAIT_SECONDS
                )
            waiting.several.append((discovered, extra, then))
            if waiting.is_read:
                waiting.outside += 1
                self._gate(progress).leave()
            if waiting.timer is None:
                waiting.timer = self._timer(progress, waiting)
        if self._stop.is_set:
            self._let_go()
        else:
            self.read_if_due(progress)

    def read_if_due(self, progress: JobProgress) -> None:
        """Read the index of a job now, if nothing else of it goes on, or too many wait for that."""
        with self._lock:
            waiting = self._waiting.get(progress)
            number = 0 if waiting is None or waiting.is_read else len(waiting.several)
        if not number:
            return
        gate = self._gate(progress)
        pending = progress.pending
        is_last = number >= pending or (number >= pending - 1 and not progress.is_discovered and gate.is_full)
        if is_last or number * 4 >= gate.narrow_limit * 3:
            self._begin(progress)

    def close(self) -> None:
        """End its threads. Nothing waits any more."""
        with self._lock:
            timers = [waiting.timer for waiting in self._waiting.values() if waiting.timer is not None]
        for timer in timers:
            timer.cancel()
        self._pool.close()

    def _timer(self, progress: JobProgress, waiting: _Waiting) -> threading.Timer:
        """Begin to wait, and the next time for twice as long."""
        wait = waiting.next_wait
        if self._stopped_at is not None and (left := self._stopped_at - time.monotonic()) > 0:
            wait = min(wait, max(left / 2, FIRST_WAIT_OF_READER_SECONDS))
        timer = threading.Timer(wait, self._begin, (progress,))
        waiting.next_wait = min(max(2 * waiting.next_wait, FIRST_WAIT_OF_READER_SECONDS), LONGEST_WAIT_SECONDS)
        timer.daemon = True
        timer.start()
        return timer

    def _gate(self, progress: JobProgress) -> Gate:
        return self._lanes.of(progress.job.plan.source).gate

    def _take(self, waiting: _Waiting) -> list[_One]:
        """Return those that wait, who do so no more. The lock is held."""
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        several, waiting.several = waiting.several, []
        return several

    def _begin(self, progress: JobProgress) -> None:
        source = progress.job.plan.source
        with self._lock:
            waiting = self._waiting[progress]
            if waiting.is_read:
                waiting.is_due = True
                return
            several = self._take(waiting)
            if not several:
                return
            waiting.is_read = True
            lane = self._own_lanes.setdefault(id(source), Lane(source.name))
        self._gate(progress).leave(len(several))
        self._pool.submit(lane, lambda: self._read(progress, waiting, several))

    def _read(self, progress: JobProgress, waiting: _Waiting, several: list[_One]) -> None:
        """Read the index, tell all that waited for it, and see to those that came meanwhile."""
        began = time.monotonic()
        relisted = self._list(progress, several)
        with self._lock:
            self._gate(progress).enter_at_once(len(several) + waiting.outside)
            waiting.is_read, waiting.outside = False, 0
            waiting.next_wait = max(waiting.next_wait, LISTINGS_SHARE * (time.monotonic() - began))
            is_due, waiting.is_due = waiting.is_due, False
        for (_, _, then), one in zip(several, relisted, strict=True):
            then(one)
        if is_due:
            self._begin(progress)
        else:
            self.read_if_due(progress)

    def _list(self, progress: JobProgress, several: list[_One]) -> list[Relisted | Exception]:
        extra = frozenset().union(*(pairs for _, pairs, _ in several))
        index = IndexReading(not_before=time.monotonic())
        found: dict[tuple[str, str, str], Discovered] = {}
        asked: Pairs = frozenset()
        failure: Exception | None = None
        lane = self._lanes.of(progress.job.plan.source)
        try:
            wanted = {discovered.key: discovered for discovered, _, _ in several}
            context = FetchContext(progress.usage, self._stop.event, index, progress.unreachable_hosts)
            with lane.fetcher.activated(context):
                asked = self._list_these(progress, wanted, extra, found)
        except BaseException as error:  # noqa: BLE001 - the edge to user code: it fails those that wait for it
            failure = as_exception(error)
        # What a source keeps of an answer from before says nothing of what there is by now.
        lists_all = progress.job.plan.source.lists_everything and index.responses > 0
        relisted: list[Relisted | Exception] = []
        for discovered, _, _ in several:
            again = found.get(discovered.key)
            # What was listed before the source failed was read as well as ever.
            if failure is not None and again is None:
                relisted.append(failure)
            else:
                relisted.append(Relisted(again, lists_all and again is None, index, asked))
        return relisted

    def _list_these(
        self,
        progress: JobProgress,
        wanted: Mapping[tuple[str, str, str], Discovered],
        extra: Pairs,
        found: dict[tuple[str, str, str], Discovered],
    ) -> Pairs:
        """Put into `found` what is listed by now, and return what was asked for besides the plan."""
        if extra:
            try:
                list_again(progress, self._store, wanted, self._stop, found, _widened(progress, extra))
                return extra
            except (FetchError, StopProcessing, FatalError):
                raise
            except Exception as error:
                if found:  # then it was no feed that it refused
                    raise
                # A source that refuses a feed, in whatever way, has it no more.
                logger.debug("%s does not announce %s: %s", progress.job.source_name, sorted(extra), error)
        list_again(progress, self._store, wanted, self._stop, found)
        return frozenset()

    def _let_go(self) -> None:
        """The run is to stop: nobody waits any more."""
        with self._lock:
            several = [one for waiting in self._waiting.values() for one in self._take(waiting)]
        stopped = SourceError("stopped before the index was read once more")
        for _, _, then in several:
            then(stopped)


def _widened(progress: JobProgress, extra: Pairs) -> DataSpecVersionCollection:
    """Return the feeds and versions of a job's plan with more of them."""
    plan = progress.job.plan.data_spec_versions
    versions = {feed: list(of_feed) for feed, of_feed in plan.items()}
    for feed, version in sorted(extra):
        of_feed = versions.setdefault(feed, list(plan.versions_of(feed)))
        if version not in of_feed:
            of_feed.append(version)
    return DataSpecVersionCollection(versions)
