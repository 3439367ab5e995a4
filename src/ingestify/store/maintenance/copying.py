"""Mirroring a bucket of one lake into another, between any two kinds of catalogue and storage.

The objects of a dataset are copied first, several at once. When the last one is durable, the whole history is written
in one transaction, if the target has not changed meanwhile. A kill in between leaves orphaned objects, and the next
copy goes on with the datasets that the target lacks.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.history import DatasetHead, DatasetHistory, find_conflict
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import DatasetFilter
from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.remedies import for_the_target
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.copied import Copied, CopyOutcome, CopyProgress
from ingestify.store.maintenance.entry_copying import iter_copied_entries
from ingestify.store.maintenance.object_copy import ObjectCopies

__all__ = ["Copying"]

T = TypeVar("T")

_COMPARED_AT_ONCE = 1000
_LOADED_AT_ONCE = 50
_COMMITTED_AT_ONCE = 50
_TRIES = 3
_REFUSED_IN_A_ROW = 10
"""If a storage refuses so many datasets one after the other, the copy ends: it is not the datasets' fault."""


@dataclasses.dataclass(slots=True)
class _OnTheWay:
    """A dataset whose objects are being copied.

    Attributes:
        source: The dataset in the source.
        existing: The dataset in the target before the copy, or None.
        dataset: The dataset in the target after the copy.
        objects: The size of each object that is copied, by its path in the target.
        tries: How often the copy began anew because somebody else wrote the dataset in the target.
        removals_seen: The last removal in the target before the objects were written.
    """

    source: Dataset
    existing: Dataset | None
    dataset: Dataset
    objects: Mapping[str, Future[int]]
    tries: int
    removals_seen: int

    @property
    def is_done(self) -> bool:
        return all(one.done() for one in self.objects.values())


class Copying:
    """One copy of a lake into another. Its methods are called from one thread.

    Args:
        wanted: Which datasets of the source, in the source's bucket. They are compared with the datasets in the
            target's bucket.
        workers: How many objects are copied at once.
        dry_run: Only find out what would be done: no object is read, and nothing is written.

    Attributes:
        dry_run: Whether nothing is written.
        progress: The progress so far; any thread may read it. In a dry run: what would be done.
        created_lake: Where the target was made; empty: it was there before.
    """

    def __init__(
        self,
        source: DatasetStore,
        target: DatasetStore,
        wanted: DatasetFilter,
        *,
        workers: int = 16,
        dry_run: bool = False,
    ) -> None:
        self.progress = CopyProgress()
        self.created_lake = ""
        self._source = source
        self._target = target
        self._wanted = wanted
        self._workers = workers
        self.dry_run = dry_run
        self._refused_in_a_row = 0

    @property
    def has_any(self) -> bool:
        """Whether the source has any such dataset."""
        return next(iter(self._source.catalogue.datasets.iter_identities(self._wanted)), None) is not None

    def iter_copied(self) -> Iterator[Copied]:
        """Copy the datasets that differ, and yield the outcome of each as soon as it is committed.

        Raises:
            LakeIdentityError: The storage of one of the lakes belongs to another catalogue.
            LakeUnwritable: The target takes nothing any more. What was committed stays.
            StoreError: A catalogue refused, or a storage refused again and again.
        """
        source, target, progress = self._source, self._target, self.progress
        source.identity.check()
        with for_the_target():
            if not self.dry_run and target.create():
                self.created_lake = target.where
            target.identity.check()
        copies = ObjectCopies(
            source.storage,
            target.storage,
            self._workers,
            claim=target.identity.claim,
            on_copied=progress.add_object,
            dry_run=self.dry_run,
        )
        with copies, contextlib.nullcontext() if self.dry_run else target.commits.writer_lease("copy"):
            for copied in self._iter_datasets(copies):
                progress.add_dataset(copied)
                yield copied
            yield from iter_copied_entries(
                source, target, self._wanted, copies=copies, progress=progress, dry_run=self.dry_run
            )
        target.identity.settle()
        if not self.dry_run:
            target.catalogue.maintain()

    def iter_surplus(self) -> Iterator[tuple[str, str]]:
        """Yield (dataset id, description) of the target's datasets that the source does not have."""
        here = dataclasses.replace(self._wanted, bucket=self._target.bucket)
        for some in _batches(self._target.catalogue.datasets.iter_identities(here), _COMPARED_AT_ONCE):
            heads = self._target.catalogue.history_import.find_heads([dataset_id for dataset_id, _, _ in some])
            there = self._find(self._source, heads)
            for head in heads:
                if head.identity not in there:
                    provider, dataset_type, canonical = head.identity
                    yield head.dataset_id, f"{provider}/{dataset_type}/{Identifier(json.loads(canonical))}"

    def delete(self, dataset_ids: Iterable[str]) -> int:
        """Remove datasets from the target; see `DatasetStore.delete_datasets`. Returns how many there were."""
        return sum(
            self._target.delete_datasets(self._target.catalogue.datasets.get(some))
            for some in _batches(dataset_ids, _COMPARED_AT_ONCE)
        )

    # ---- datasets --------------------------------------------------------------------------------------

    def _iter_datasets(self, copies: ObjectCopies) -> Iterator[Copied]:
        waiting: collections.deque[_OnTheWay] = collections.deque()
        done: list[_OnTheWay] = []
        for source, existing, dataset_id in self._iter_differing():
            begun = self._begin(copies, source, existing, dataset_id)
            if isinstance(begun, Copied):
                yield begun
                continue
            waiting.append(begun)
            while waiting and (waiting[0].is_done or self._is_enough(waiting)):
                if not waiting[0].is_done or len(done) >= _COMMITTED_AT_ONCE:
                    # A complete dataset does not wait for one that is not: a kill would lose it.
                    yield from self._commit(copies, done)
                    done = []
                yield from self._finish(waiting.popleft(), done)
        while waiting:
            yield from self._finish(waiting.popleft(), done)
            if len(done) >= _COMMITTED_AT_ONCE or not (waiting and waiting[0].is_done):
                yield from self._commit(copies, done)
                done = []
        yield from self._commit(copies, done)

    def _iter_differing(self) -> Iterator[tuple[Dataset, Dataset | None, str]]:
        """Yield the source's datasets that differ from the target's, each with the target's and its id there."""
        source, target = self._source.catalogue, self._target.catalogue
        for some in _batches(source.datasets.iter_identities(self._wanted), _COMPARED_AT_ONCE):
            heads = source.history_import.find_heads([dataset_id for dataset_id, _, _ in some])
            there = self._find(self._target, heads)
            differing = [head for head in heads if _moment(there.get(head.identity)) != head.moment]
            self.progress.unchanged += len(heads) - len(differing)
            for few in _batches(differing, _LOADED_AT_ONCE):
                ids = {head.dataset_id: there.get(head.identity) for head in few}
                found = {
                    dataset.dataset_id: dataset
                    for dataset in target.datasets.get([theirs.dataset_id for theirs in ids.values() if theirs])
                }
                free = self._free_ids([dataset_id for dataset_id, theirs in ids.items() if theirs is None])
                for dataset in source.datasets.get(list(ids)):
                    theirs = ids[dataset.dataset_id]
                    existing = None if theirs is None else found.get(theirs.dataset_id)
                    yield dataset, existing, free.get(dataset.dataset_id, dataset.dataset_id)

    def _find(self, store: DatasetStore, heads: Sequence[DatasetHead]) -> dict[tuple[str, str, str], DatasetHead]:
        """Return the heads of the same datasets in another lake."""
        kinds: dict[tuple[str, str], list[str]] = {}
        for head in heads:
            kinds.setdefault((head.provider, head.dataset_type), []).append(head.identifier_key)
        return {
            head.identity: head
            for (provider, dataset_type), keys in kinds.items()
            for head in store.catalogue.history_import.find_heads_of(store.bucket, provider, dataset_type, keys)
        }

    def _begin(
        self, copies: ObjectCopies, source: Dataset, existing: Dataset | None, dataset_id: str, tries: int = 0
    ) -> Copied | _OnTheWay:
        """Begin to copy the objects that the target lacks; `dataset_id` is for a dataset that is new there.

        Returns:
            The dataset whose objects are being copied; or the outcome, if it is known already.
        """
        if existing is not None and (conflict := find_conflict(source, existing)) is not None:
            return Copied(CopyOutcome.CONFLICT, str(source), source.dataset_id, conflict)
        removals_seen = self._target.commits.removals_seen
        place = self._target.objects.places(source.provider, source.dataset_type, source.identifier)
        known = {} if existing is None else _objects_by_content(existing)
        objects: dict[str, Future[int]] = {}
        revisions = []
        for number, revision in enumerate(source.revisions):
            own = existing.revisions[number].files if existing and number < len(existing.revisions) else {}
            files = []
            for file in revision.modified_files:
                theirs = own.get(file.file_id) or known.get(_content_of(file))
                if theirs is None:
                    path = place(file)
                    if path not in objects:
                        objects[path] = copies.begin(file, path)
                    files.append(dataclasses.replace(file, storage_path=path))
                else:
                    files.append(_stored_as(theirs, file))
            revisions.append(dataclasses.replace(revision, modified_files=tuple(files)))
        if self.dry_run:
            return Copied(_outcome(existing), str(source), source.dataset_id)
        dataset = dataclasses.replace(
            source,
            bucket=self._target.bucket,
            dataset_id=dataset_id if existing is None else existing.dataset_id,
            revisions=tuple(revisions),
        )
        return _OnTheWay(source, existing, dataset, objects, tries, removals_seen)

    def _free_ids(self, dataset_ids: Sequence[str]) -> dict[str, str]:
        """Return an id in the target for each id: the same, unless a dataset there, of another bucket, has it."""
        taken = {head.dataset_id for head in self._target.catalogue.history_import.find_heads(dataset_ids)}
        return {one: str(uuid.uuid4()) if one in taken else one for one in dataset_ids}

    def _is_enough(self, waiting: Sequence[_OnTheWay]) -> bool:
        """Whether so much is being copied that more would only take memory."""
        objects = sum(len(one.objects) for one in waiting)
        return objects > 4 * self._workers or len(waiting) > 4 * self._workers

    def _finish(self, one: _OnTheWay, done: list[_OnTheWay]) -> Iterator[Copied]:
        """Wait for a dataset's objects, and add it to `done`. Yields the outcome if a copy failed."""
        try:
            sizes = {path: copying.result() for path, copying in one.objects.items()}
        except LakeUnwritable:
            raise
        except (IntegrityError, StoreError) as error:
            self._refused_in_a_row += isinstance(error, StoreError)
            if self._refused_in_a_row >= _REFUSED_IN_A_ROW:
                raise
            yield Copied(CopyOutcome.FAILED, str(one.source), one.source.dataset_id, str(error))
            return
        self._refused_in_a_row = 0
        one.dataset = dataclasses.replace(
            one.dataset,
            revisions=tuple(
                dataclasses.replace(
                    revision,
                    modified_files=tuple(
                        dataclasses.replace(file, storage_size=sizes.get(file.storage_path, file.storage_size))
                        for file in revision.modified_files
                    ),
                )
                for revision in one.dataset.revisions
            ),
        )
        done.append(one)

    def _commit(self, copies: ObjectCopies, done: Sequence[_OnTheWay]) -> Iterator[Copied]:
        if not done:
            return
        committed = self._target.commits.take_over(
            [DatasetHistory(one.dataset, one.existing) for one in done], min(one.removals_seen for one in done)
        )
        for one, is_committed in zip(done, committed, strict=True):
            if is_committed:
                yield Copied(_outcome(one.existing), str(one.source), one.source.dataset_id)
            else:
                yield from self._again(copies, one)

    def _again(self, copies: ObjectCopies, one: _OnTheWay) -> Iterator[Copied]:
        """Copy a dataset again that somebody else has written in the target meanwhile."""
        source = next(iter(self._source.catalogue.datasets.get([one.source.dataset_id])), None)
        if source is None:
            return  # it was deleted from the source
        existing = self._target.catalogue.datasets.find(
            self._target.bucket, source.provider, source.dataset_type, source.identifier
        )
        if existing is not None and _stands_alike(source, existing):
            self.progress.unchanged += 1
            return
        if one.tries + 1 >= _TRIES:
            reason = "others kept writing it in the target; copy again when they are done"
            yield Copied(CopyOutcome.FAILED, str(source), source.dataset_id, reason)
            return
        free = self._free_ids([source.dataset_id])
        begun = self._begin(copies, source, existing, free[source.dataset_id], one.tries + 1)
        if isinstance(begun, Copied):
            yield begun
            return
        done: list[_OnTheWay] = []
        yield from self._finish(begun, done)
        yield from self._commit(copies, done)


def _outcome(existing: Dataset | None) -> CopyOutcome:
    return CopyOutcome.NEW if existing is None else CopyOutcome.UPDATED


def _moment(head: DatasetHead | None) -> object:
    return None if head is None else head.moment


def _stands_alike(ours: Dataset, theirs: Dataset) -> bool:
    def moment(dataset: Dataset) -> object:
        return len(dataset.revisions), dataset.summary.current_state, dataset.updated_at

    return moment(ours) == moment(theirs)


def _content_of(file: File) -> tuple[str, str]:
    return file.file_id, file.tag


def _objects_by_content(dataset: Dataset) -> dict[tuple[str, str], File]:
    return {_content_of(file): file for revision in dataset.revisions for file in revision.modified_files}


def _stored_as(theirs: File, ours: File) -> File:
    """Return the source's file with the object in which the target has the same bytes."""
    return dataclasses.replace(
        ours,
        storage_path=theirs.storage_path,
        storage_size=theirs.storage_size,
        storage_compression_method=theirs.storage_compression_method,
    )


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
