"""Adoption of a lake of the published package: in place, or into a lake of its own.

Each object is read once, several at once. Datasets are committed in batches, without events; then the event log is
written: what is older than the old log stands before it, and what else it lacks behind it. The positions of its readers
move with it; they and the lake's first epoch are the last commit. Until then nobody can open the lake, so nobody reads
half of it. An adoption that was interrupted finds the datasets that it has committed, and reads the objects of those
that are unchanged no more; the events are written anew. The tables of the published package are only read.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import itertools
import threading
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

from ingestify.clock import now
from ingestify.domain.adoption import (
    NotTaken,
    NotTakenKind,
    ObjectFacts,
    OldLog,
    PublishedEvent,
    PublishedIndex,
    Unreadable,
    adopt,
    adopted_event,
)
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHead, DatasetHistory
from ingestify.domain.ports import PublishedCatalogue, Storage
from ingestify.domain.run import JobHolder
from ingestify.errors import LakeIdentityError, LakeNotFound, StoreError
from ingestify.failpoints import failpoint
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.adopted_objects import AdoptedObjects, PlaceOf
from ingestify.store.objects.bucket_objects import BucketObjects
from ingestify.store.objects.layout import Layout, bucket_folders, is_inside
from ingestify.store.process import this_process

__all__ = ["Adoption", "AdoptionProgress"]

logger = PrintableLogger(__name__)

T = TypeVar("T")

_LOADED_AT_ONCE = 50
_EVENTS_AT_ONCE = 200
_LOGGED_AT_ONCE = 25
"""An event of the log has the whole history of its dataset."""
_SAMPLE = 50
_LOCK = "adoption"
_MOST_PENDING = 4000
"""How many objects of the datasets of one commit are begun before the first of them is waited for."""


@dataclasses.dataclass(slots=True)
class AdoptionProgress:
    """The progress of an adoption. Any thread may read it and add objects; one thread counts the rest.

    Attributes:
        datasets: How many datasets were taken.
        already: How many an earlier, interrupted adoption had taken.
        revisions: Those of the datasets that were taken.
        files: Those of the datasets that were taken.
        objects: How many objects were read.
        size: Their bytes.
        events: How many events the log has got.
        readers: How many readers of the log go on where they were.
    """

    datasets: int = 0
    already: int = 0
    revisions: int = 0
    files: int = 0
    objects: int = 0
    size: int = 0
    events: int = 0
    readers: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False, compare=False)

    def add_object(self, size: int) -> None:
        """Count an object of `size` bytes that was read."""
        with self._lock:
            self.objects += 1
            self.size += size

    def add_dataset(self, dataset: Dataset) -> None:
        """Count a dataset that was taken."""
        self.datasets += 1
        self.revisions += len(dataset.revisions)
        self.files += sum(len(revision.modified_files) for revision in dataset.revisions)


@dataclasses.dataclass(slots=True)
class _OnTheWay:
    """A dataset whose objects are being read."""

    published: Dataset
    objects: Mapping[str, Future[ObjectFacts | str]]


class Adoption:
    """One adoption. Its methods are called from one thread.

    Args:
        published: The published package's catalogue.
        source: Where its objects are.
        store: Our lake, in which nobody has written anything but an interrupted adoption.
        layout: The paths of files in our lake, to which they are copied; None: they stay where they are.
        workers: How many objects are read at once.
        dry_run: Only find out what would be taken: of an object only its size is looked up.

    Attributes:
        dry_run: Whether nothing is written.
        progress: The progress so far; any thread may read it.
        zone_note: What is assumed of times, for people; empty: nothing.
        is_copy: Whether the objects are copied.
        where: Where our lake is, for people.
    """

    def __init__(
        self,
        published: PublishedCatalogue,
        source: Storage,
        store: DatasetStore,
        *,
        layout: Layout | None = None,
        workers: int = 16,
        dry_run: bool = False,
    ) -> None:
        self.dry_run = dry_run
        self.progress = AdoptionProgress()
        self.zone_note = published.zone_note
        self.is_copy = layout is not None
        self.where = store.where
        self._published = published
        self._source = source
        self._store = store
        self._layout = layout
        self._workers = workers

    @property
    def is_finished(self) -> bool:
        """Whether our lake is in use: the adoption has ended before, or somebody else has written to it."""
        try:
            return self._store.catalogue.adoption.is_finished()
        except LakeNotFound:
            return False

    def count_present(self) -> tuple[int, int]:
        """Return how many of the datasets to take are in our lake, and how many there are."""
        index = self._published.find_index()
        ids = [*index.dataset_ids, *index.replaced]
        return sum(len(self._find_taken(some)) for some in _batches(ids, _EVENTS_AT_ONCE)), len(index.dataset_ids)

    def count_written_since(self, moment: dt.datetime | None) -> int:
        """Return how many datasets the published package has written since a moment; None: since our lake is in use."""
        lake = None if moment is not None else self._store.catalogue.lake.find()
        moment = moment if lake is None else lake.epoch_started_at
        return 0 if moment is None else self._published.count_written_since(moment)

    def iter_not_taken(self) -> Iterator[NotTaken]:
        """Adopt the lake, and yield what cannot be taken when it is found.

        Raises:
            LakeIdentityError: The storage has the mark of another lake, or none of the files.
            StoreError: A catalogue or a storage refused. What is committed stays, and another call goes on.
        """
        self._refuse_mark()
        index = self._published.find_index()
        self._refuse_empty_storage(index.dataset_ids)
        if self.dry_run:
            yield from self._iter_not_taken(index)
            return
        self._store.create()  # not before: a wrong storage leaves nothing behind
        with self._alone():
            self._store.catalogue.adoption.begin(index.dataset_ids)
            yield from self._iter_not_taken(index)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the adoption while the block runs."""
        locks = self._store.catalogue.job_locks
        lock = locks.try_lock(_LOCK, JobHolder(this_process(), now()))
        if lock is None:
            raise StoreError(
                f"Another process adopts this lake now ({locks.find_holder(_LOCK) or 'it is not known which'}). Wait "
                f"for its end."
            )
        try:
            if self.is_finished:
                raise StoreError("Another process has just adopted this lake, so nothing was done.")
            yield
        finally:
            lock.release()

    def _iter_not_taken(self, index: PublishedIndex) -> Iterator[NotTaken]:
        objects = AdoptedObjects(
            self._source,
            self._store.storage if self.is_copy else None,
            self._workers,
            on_object=self.progress.add_object,
            dry_run=self.dry_run,
        )
        log = OldLog()
        if self.dry_run:  # it counts the events that the log lacks when it sees a dataset, which it does not write
            yield from self._read_log(log)
        left_out: set[str] = set()
        with objects:
            for some in _batches(index.dataset_ids, _LOADED_AT_ONCE):
                for one in self._take(objects, some, log):
                    left_out |= {one.dataset_id} if one.kind is NotTakenKind.LEFT_OUT else set()
                    yield one
            older_rows = yield from self._take_older_rows(objects, index, left_out, log)
        readers = self._published.find_readers()
        self.progress.readers = len(readers)
        if self.dry_run:
            return
        yield from self._read_log(log)
        older = self._write_events([*index.dataset_ids, *older_rows], log)
        self._store.catalogue.adoption.finish({name: at + older if at else 0 for name, at in readers.items()})
        failpoint("adoption.finished")
        if self.progress.datasets or self.progress.already:
            self._mark_storage()
        self._store.catalogue.maintain()

    def _mark_storage(self) -> None:
        try:
            self._store.identity.claim()
        except LakeIdentityError:
            raise
        except StoreError as error:
            logger.warning("The lake is adopted, but nothing can be written to its storage: %s", error)

    def _refuse_mark(self) -> None:
        mark = self._store.identity.read_mark()
        if mark is not None:
            raise LakeIdentityError(
                f"The storage belongs to a lake already ({mark}), so nothing was taken. Correct file_url, or what --to "
                f"names."
            )

    def _refuse_empty_storage(self, dataset_ids: Sequence[str]) -> None:
        """Refuse a storage with none of the files of a sample: it is another one, or its disk is not mounted."""
        some = self._published.load(dataset_ids[:: max(1, len(dataset_ids) // _SAMPLE)])
        paths = [
            file.storage_path
            for one in some
            if isinstance(one, Dataset)
            for file in one.files.values()
            if is_inside(file.storage_path)
        ]
        if paths and not any(self._source.get_size(path) is not None for path in paths):
            raise LakeIdentityError(
                f"The storage {self._source!r} has none of the {len(paths)} files that were looked for, such as "
                f"{paths[0]}, so nothing was taken. Correct file_url, or mount its disk."
            )

    # ---- datasets --------------------------------------------------------------------------------------

    def _take_older_rows(
        self, objects: AdoptedObjects, index: PublishedIndex, left_out: Collection[str], log: OldLog
    ) -> Generator[NotTaken, None, list[str]]:
        """Take an older row, the newest that can be, for each newest one that was left out; return their ids."""
        taken: dict[str, str] = {}
        for dataset_id, newest in reversed(list(index.replaced.items())):
            if newest in left_out and newest not in taken:
                before = self.progress.datasets
                not_taken = list(self._take(objects, [dataset_id], log))
                if self.progress.datasets > before:
                    taken[newest] = dataset_id
                    yield from not_taken
        yield from self._iter_replaced(index, frozenset(taken.values()))
        return list(taken.values())

    def _iter_replaced(self, index: PublishedIndex, taken: Collection[str]) -> Iterator[NotTaken]:
        for some in _batches((one for one in index.replaced if one not in taken), _LOADED_AT_ONCE):
            for one in self._published.load(some):
                what = one.what if isinstance(one, Unreadable) else str(one)
                newest = index.replaced[one.dataset_id]
                reason = (
                    f"{newest} is a newer row of the same dataset, and its files were written over those of this one"
                )
                yield NotTaken(NotTakenKind.REPLACED, f"{what} ({one.dataset_id})", one.dataset_id, reason)

    def _find_taken(self, dataset_ids: Sequence[str]) -> dict[str, DatasetHead]:
        return {head.dataset_id: head for head in self._store.catalogue.history_import.find_heads(dataset_ids)}

    def _take(self, objects: AdoptedObjects, dataset_ids: Sequence[str], log: OldLog) -> Iterator[NotTaken]:
        """Take the datasets that are not there yet as they are now, in one commit.

        A dry run counts the events that the log lacks.
        """
        taken = self._find_taken(dataset_ids)
        published = self._published.load(dataset_ids)
        there = {one.dataset_id for one in published if _is_as_taken(one, taken.get(one.dataset_id))}
        self.progress.already += len(there)
        if not self.dry_run:
            self._store.catalogue.adoption.discard(sorted(taken.keys() - there))
        waiting: collections.deque[_OnTheWay] = collections.deque()
        adopted: list[Dataset] = []
        pending = 0
        for one in published:
            if one.dataset_id in there:
                continue
            problem = one.reason if isinstance(one, Unreadable) else _find_outside(one, is_moved=self.is_copy)
            if isinstance(one, Unreadable) or problem:
                what = one.what if isinstance(one, Unreadable) else str(one)
                yield NotTaken(NotTakenKind.LEFT_OUT, what, one.dataset_id, problem)
                continue
            waiting.append(self._begin(objects, one))
            pending += len(waiting[-1].objects)
            while pending > _MOST_PENDING:
                pending -= len(waiting[0].objects)
                yield from self._finish(waiting.popleft(), adopted)
        while waiting:
            yield from self._finish(waiting.popleft(), adopted)
        if adopted and not self.dry_run:
            self._store.storage.settle()
            self._store.catalogue.adoption.write([DatasetHistory(dataset, None) for dataset in adopted])
            failpoint("adoption.taken")
        for dataset in adopted:
            self.progress.add_dataset(dataset)
            if self.dry_run:
                self.progress.events += sum(map(len, log.missing(dataset)))

    def _begin(self, objects: AdoptedObjects, published: Dataset) -> _OnTheWay:
        place_of = self._places(published)
        files = {file.storage_path: file for revision in published.revisions for file in revision.modified_files}
        return _OnTheWay(published, {path: objects.begin(file, place_of) for path, file in files.items()})

    def _places(self, published: Dataset) -> PlaceOf:
        if self._layout is None:
            return lambda file: file.storage_path
        store = self._store
        objects = BucketObjects(store.storage, published.bucket, self._layout, "gzip", store.identity)
        return objects.places(published.provider, published.dataset_type, published.identifier)

    def _finish(self, one: _OnTheWay, adopted: list[Dataset]) -> Iterator[NotTaken]:
        """Wait for a dataset's objects, and add it to `adopted`."""
        outcome = adopt(one.published, {path: reading.result() for path, reading in one.objects.items()})
        if outcome.dataset is not None:
            adopted.append(outcome.dataset)
        yield from outcome.not_taken

    # ---- events ----------------------------------------------------------------------------------------

    def _read_log(self, log: OldLog) -> Iterator[NotTaken]:
        """Read the whole event log: what it has of each dataset, and what of it cannot be read."""
        for events in self._iter_log():
            for event in events:
                if event.dataset is None:
                    reason = f"it cannot be read: {event.problem}"
                    yield NotTaken(NotTakenKind.EVENT, f"event {event.position}", event.dataset_id, reason)
                else:
                    log.add(event)
                    self.progress.events += 1

    def _iter_log(self) -> Iterator[list[PublishedEvent]]:
        position = 0
        while events := self._published.read_events(position, _LOGGED_AT_ONCE):
            position = events[-1].position
            yield events

    def _write_events(self, dataset_ids: Sequence[str], log: OldLog) -> int:
        """Write the event log: what is older than the old log, the old log, and what else it lacks.

        Returns:
            How many events are older than the old log: by so much, its positions are higher now.
        """
        older, incomplete = 0, []
        for some in _batches(dataset_ids, _EVENTS_AT_ONCE):
            missing = [log.missing(dataset) for dataset in self._load(some)]
            older = self._add_events(older, [event for before, _ in missing for event in before])
            incomplete += [behind[0].dataset.dataset_id for _, behind in missing if behind]
        for events in self._iter_log():
            there = {one.dataset_id: one for one in self._load({event.dataset_id for event in events})}
            made = (adopted_event(event, there.get(event.dataset_id), older) for event in events)
            self._write([event for event in made if event is not None])
        position = older + self._published.get_last_position()
        for some in _batches(incomplete, _EVENTS_AT_ONCE):
            position = self._add_events(
                position, [one for dataset in self._load(some) for one in log.missing(dataset)[1]]
            )
        return older

    def _load(self, dataset_ids: Collection[str]) -> list[Dataset]:
        """Return the datasets that are taken, in the order of their ids."""
        there = {one.dataset_id: one for one in self._store.catalogue.datasets.get(sorted(dataset_ids))}
        return [there[dataset_id] for dataset_id in dataset_ids if dataset_id in there]

    def _add_events(self, position: int, events: Sequence[DatasetEvent]) -> int:
        """Write events behind a position, and return that of the last one."""
        self.progress.events += len(events)
        self._write([dataclasses.replace(event, position=position + n) for n, event in enumerate(events, 1)])
        return position + len(events)

    def _write(self, events: Sequence[DatasetEvent]) -> None:
        if events:
            self._store.catalogue.adoption.add_events(events)
            failpoint("adoption.logged")


def _is_as_taken(published: Dataset | Unreadable, head: DatasetHead | None) -> bool:
    """Whether an interrupted adoption has taken a dataset, and the published package has not changed it since."""
    return head is not None and isinstance(published, Dataset) and head.is_of(published)


def _find_outside(dataset: Dataset, *, is_moved: bool) -> str:
    """Return why the objects of a dataset cannot be named where they are; empty: they can."""
    if is_moved:
        return ""
    folders = bucket_folders(dataset.bucket)
    for revision in dataset.revisions:
        for file in revision.modified_files:
            if file.storage_path.split("/")[0] not in folders:
                return f"its file {file.storage_path} is not in the folder of its bucket {dataset.bucket}"
    return ""


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
