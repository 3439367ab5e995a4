"""The lake as one object: what is in it, and the only way into it."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, overload

from ingestify.clock import now
from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetCollection, DatasetState
from ingestify.domain.events import DatasetEvent, DomainEvent
from ingestify.domain.file import File
from ingestify.domain.history import DatasetHistory
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.listing_order import listing_order
from ingestify.domain.ports import Catalogue, DatasetFilter, EventPublisher, HeadMoved, Storage, StoredObject
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.retention import Retention
from ingestify.domain.run import JobSummary
from ingestify.domain.selector import check_values, given_filters
from ingestify.domain.text import LONGEST_KIND, problem_of_name, storable
from ingestify.errors import ConfigurationError, DatasetNotFound, IntegrityError, LakeNotFound, SaveError, StoreError
from ingestify.failpoints import failpoint
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.leases import REMOVING, lease
from ingestify.store.maintenance.garbage import (
    SAFETY_AGE,
    Garbage,
    collect_garbage,
    refuse_beside_writers,
    remove_unnamed,
)
from ingestify.store.objects.bucket_objects import BucketObjects
from ingestify.store.objects.compression import open_decompressed
from ingestify.store.objects.identity import LakeIdentity
from ingestify.store.objects.layout import Layout
from ingestify.store.outbox import Outbox
from ingestify.store.presence import ObjectsGone, Presence
from ingestify.store.quarantine import Quarantine
from ingestify.store.reading.call_options import find_option, refuse_option
from ingestify.store.reading.file_cache import FileCache
from ingestify.store.reading.file_collection import PRELOAD_BYTES, FileCollection, LoadedFile
from ingestify.store.reading.nothing_found import NamesOfSources, explain_nothing, iter_identifier_keys
from ingestify.store.reading.stored_content import StoredContent

__all__ = ["DatasetStore"]

logger = PrintableLogger(__name__)

_TO_FILL_IT = "engine.load(), or iter_datasets with auto_ingest, fills it"

StateArgument = DatasetState | str | Sequence[DatasetState | str] | None


class DatasetStore:
    """One bucket of a lake. Every method may be called from any thread.

    Args:
        bucket: Which part of the lake; datasets of different buckets know nothing of each other.
        compression: `zstd`, `gzip` or `none`, for new objects; old ones are read whatever they have.
        key_types: What the values of identifier keys are; the catalogue is opened with the same.
        file_url: Where the storage is, without secrets, for messages.
        where: Where all of it is, such as a folder; empty: the catalogue's and the storage's places say it.
        retention: How old jobs and events may become; None: all are kept.

    Attributes:
        identity: Sees to it that the storage is the catalogue's.
        objects: Writes its files.
        quarantine: The bundles that failed a check.
        names_of_sources: What sources could bring; the engine sets it.
        where: Where the lake is, for people.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        storage: Storage,
        publisher: EventPublisher,
        *,
        bucket: str,
        layout: Layout | None = None,
        compression: str = "zstd",
        key_types: KeyTypes | None = None,
        file_url: str = "",
        where: str = "",
        retention: Retention | None = None,
    ) -> None:
        if problem := problem_of_name(bucket, LONGEST_KIND):
            raise ConfigurationError(f"The bucket {bucket!r:.80} {problem}.")
        self.catalogue = catalogue
        self.where = where or catalogue.where + (f" with its files in {file_url}" if file_url else "")
        self.publisher = publisher
        self.bucket = bucket
        self.key_types = key_types or KeyTypes()
        self.retention = retention
        self.identity = LakeIdentity(catalogue, storage, file_url)
        self.objects = BucketObjects(storage, bucket, layout or Layout(), compression, self.identity)
        self._presence = Presence(catalogue, storage)
        # Events go out in commit order, so to commit and to queue them is one step. To tell of them is another.
        self._commit_lock = threading.Lock()
        self._outbox = Outbox(lambda event: self.publisher.publish(event))
        self._cache: FileCache | None = None
        self.quarantine = Quarantine(self)
        self.names_of_sources = NamesOfSources()

    def __repr__(self) -> str:
        return f"DatasetStore({self.bucket!r} of {self.catalogue!r}, files in {self.storage!r})"

    @property
    def storage(self) -> Storage:
        """Where its files are."""
        return self.objects.storage

    def is_of_lake(self, other: DatasetStore) -> bool:
        """Whether another store is of the same lake, of whichever bucket."""
        ours, theirs = repr(self.catalogue), repr(other.catalogue)
        return self.catalogue is other.catalogue or (ours == theirs and ":memory:" not in ours)

    def create(self) -> bool:
        """Make the lake, if it is not there. Returns whether it was made.

        Raises:
            StoreError: It cannot be made.
        """
        return self.catalogue.create()

    # ---- reading ---------------------------------------------------------------------------------------

    def dataset_filter(
        self,
        dataset_type: str | None = None,
        provider: str | None = None,
        dataset_id: str | None = None,
        dataset_state: StateArgument = None,
        where: str | None = None,
        state: StateArgument = None,
        **selector: object,
    ) -> DatasetFilter:
        """Return the filter that the arguments of the reading methods describe.

        Raises:
            ConfigurationError: `where` cannot be read; the message points at where. Or no identifier can have a
                filter's value. Or a filter is the name of an
                option, which no dataset has as an identifier key; the message says how the option is given.
            ValueError: A `state` that is none; the message names the valid ones.
        """
        if state is not None and dataset_state is not None:
            raise ConfigurationError("state and dataset_state are the same; give only state.")
        wanted = DatasetFilter(
            bucket=self.bucket,
            dataset_type=dataset_type,
            provider=provider,
            dataset_id=dataset_id,
            states=DatasetState.parse_many(dataset_state if state is None else state),
            selector=given_filters(selector),
            where=None if where is None else DatasetCondition.parse(where),
        )
        self._refuse_options(wanted)
        check_values(wanted.selector)
        return wanted

    def _refuse_options(self, wanted: DatasetFilter) -> None:
        """Refuse a filter that is called like an option, unless there is an identifier key that is called so."""
        kind = wanted.provider, wanted.dataset_type
        for key in wanted.selector:
            option = find_option(key)
            if option is None or key in self.names_of_sources.identifier_keys(*kind):
                continue
            if key not in self.find_identifier_keys(*kind):
                raise refuse_option(key, option)

    def find_identifier_keys(self, provider: str | None = None, dataset_type: str | None = None) -> set[str]:
        """Return the identifier keys that datasets have; none where there is no lake yet."""
        try:
            return set(iter_identifier_keys(self.catalogue, DatasetFilter(self.bucket, dataset_type, provider)))
        except LakeNotFound:
            return set()

    def get_dataset_collection(
        self,
        dataset_type: str | None = None,
        provider: str | None = None,
        dataset_id: str | None = None,
        dataset_state: StateArgument = None,
        metadata_only: bool = False,
        page: int | None = None,
        page_size: int | None = None,
        where: str | None = None,
        state: StateArgument = None,
        **selector: object,
    ) -> DatasetCollection:
        """Return the datasets that the filters name, in the order in which they came into the lake.

        Example::

            matches = engine.store.get_dataset_collection(competition_id=43, where="metadata.home_team.id != 0")

        Args:
            state: A name in any case, a `DatasetState`, or a list of these; None: any. `dataset_state` is the same.
            metadata_only: Leave the datasets out and fill only `.metadata`.
            page: From 1; needs `page_size`.
            page_size: Datasets a page; None: all of them.
            where: What else must hold, such as `metadata.home_team.name == 'Ajax' and metadata.home_score > 2`;
                see `ingestify.domain.condition`. It is looked at dataset by dataset, of those that the filters leave.
            **selector: Identifier keys; a list means any of its values. `match_id=12` and `match_id="12"` are the same.

        What finds nothing is explained in a warning: what there is instead.

        Raises:
            ValueError: An unknown `state`, or a page or page size below 1.
            ConfigurationError: `where` cannot be read, names what no dataset has, or compares what has no order; or a
                filter is the name of an option.
        """
        for name, number in (("page", page), ("page_size", page_size)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; pages and page sizes count from 1.")
        if page is not None and page_size is None:
            raise ValueError("page is given without page_size; say how many datasets a page has.")
        wanted = self.dataset_filter(dataset_type, provider, dataset_id, dataset_state, where, state, **selector)
        metadata = self.catalogue.read_metadata(wanted)
        if not metadata.row_count:
            self.warn_of_nothing(wanted)
        if metadata_only:
            return DatasetCollection((), metadata)
        offset = 0 if page is None or page_size is None else (page - 1) * page_size
        datasets: list[Dataset] = []
        for batch in self.catalogue.iter_batches(wanted, batch_size=1000, offset=offset, limit=page_size):
            datasets += self._read(batch)
        return DatasetCollection(datasets, metadata)

    @overload
    def iter_dataset_collection_batches(
        self, *, batch_size: int = ..., yield_dataset_collection: Literal[False] = ..., **filters: Any
    ) -> Iterator[Dataset]: ...

    @overload
    def iter_dataset_collection_batches(
        self, *, batch_size: int = ..., yield_dataset_collection: Literal[True], **filters: Any
    ) -> Iterator[DatasetCollection]: ...

    @overload
    def iter_dataset_collection_batches(
        self, *, batch_size: int = ..., yield_dataset_collection: bool, **filters: Any
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]: ...

    def iter_dataset_collection_batches(
        self, *, batch_size: int = 1000, yield_dataset_collection: bool = False, **filters: Any
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]:
        """Yield datasets, or collections of up to `batch_size` of them; memory stays flat.

        Args:
            **filters: As `get_dataset_collection` takes them, without paging.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        return self.iter_wanted(self.dataset_filter(**filters), batch_size, in_collections=yield_dataset_collection)

    def iter_in_order(self, wanted: DatasetFilter, limit: int | None = None) -> Iterator[Dataset]:
        """Yield datasets in the order of `domain.listing_order`; in memory there is what they are sorted by, 1 KB each.

        It takes about twice as long as the order of arrival does: of 100,000, ten seconds of a processor for five.

        Args:
            limit: Only the first so many.
        """
        places = sorted(
            listing_order(one.provider, one.dataset_type, one.identifier, one.metadata, one.name, one.dataset_id)
            for one in self.catalogue.iter_descriptions(wanted)
        )
        ids = [place[-1][-1] for place in places[:limit]]
        for start in range(0, len(ids), 1000):
            yield from self._read(self.catalogue.get_datasets(ids[start : start + 1000]))

    def iter_wanted(
        self, wanted: DatasetFilter, batch_size: int = 1000, *, in_collections: bool = False, explains: bool = True
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]:
        """Yield what a filter names; see `iter_dataset_collection_batches`.

        Args:
            explains: Whether to warn of it if that is nothing.
        """
        metadata: CollectionMetadata | None = None
        is_empty = True
        for batch in self.catalogue.iter_batches(wanted, batch_size):
            is_empty = False
            if in_collections:
                metadata = metadata or self.catalogue.read_metadata(wanted)
                yield DatasetCollection(self._read(batch), metadata)
            else:
                yield from self._read(batch)
        if is_empty and explains:
            self.warn_of_nothing(wanted)

    def warn_of_nothing(self, wanted: DatasetFilter) -> None:
        """Say why a filter names no dataset, and what there is instead."""
        when_empty = f"The bucket '{self.bucket}' of the lake is empty; {_TO_FILL_IT}."
        logger.warning("%s", explain_nothing(self.catalogue, wanted, self.names_of_sources, when_empty))

    def _read(self, datasets: list[Dataset]) -> list[Dataset]:
        """Return datasets that know where their files are."""
        return [dataset.read_from(self) for dataset in datasets]

    def get_dataset(self, dataset_id: str) -> Dataset:
        """Return one dataset of this bucket.

        Raises:
            DatasetNotFound: There is none with that id here.
        """
        for dataset in self.catalogue.get_datasets([dataset_id]):
            if dataset.bucket == self.bucket:
                return dataset.read_from(self)
        raise DatasetNotFound(
            f"The bucket '{self.bucket}' has no dataset with the id '{dataset_id}'; see {remedy('list')}."
        )

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> FileCollection:
        """Return the files of the dataset's current revision, as `dataset` shows it.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            with engine.store.load_files(dataset, ["events"]) as files:
                events = files["events"].json()

        Args:
            data_feed_keys: Only these feeds, as far as they are there; None: all.
            lazy: Open a file when its stream is asked for. Otherwise files of up to 64 MB are read, and checked, now.

        Raises:
            IntegrityError: An object is missing or damaged.
        """
        if isinstance(data_feed_keys, str):
            data_feed_keys = [data_feed_keys]  # looked through letter by letter, it would be no feed at all
        loaded = []
        for file in dataset.files.values():
            if data_feed_keys is None or file.data_feed_key in data_feed_keys:
                one = LoadedFile(file, self.opener(file))
                if not lazy and file.size <= PRELOAD_BYTES:
                    one.preload()
                loaded.append(one)
        return FileCollection(loaded)

    def opener(self, file: File) -> StoredContent:
        """Return what opens the provider's bytes of a file, checked; see `StoredContent`."""

        def open_object() -> BinaryIO:
            try:
                raw = self.storage.open(file.storage_path)
            except IntegrityError as error:
                self.identity.explain(error)
                raise
            return open_decompressed(file.storage_compression_method, raw, file.storage_path)

        content = StoredContent(file, open_object)
        cache = self._cache
        return content if cache is None else StoredContent(file, lambda: cache.open(content), is_verified=True)

    def with_file_cache(self) -> FileCacheScope:
        """Keep what `load_files` reads, so that reading it again does not go to the storage.

        Returns:
            A store with a cache of its own. In a `with` block this store uses that cache too, and the cache
            is emptied at its end::

                with store.with_file_cache() as cached:
                    cached.load_files(dataset)
        """
        return FileCacheScope(self)

    def load_ingestion_job_summaries(self, limit: int | None = None) -> list[JobSummary]:
        """Return what past and running jobs did, newest first, with the tasks that changed or failed."""
        return self.catalogue.load_jobs(limit)

    # ---- writing ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self, what: str, lease_id: str | None = None) -> Iterator[None]:
        """Have a lease while the block runs, of whoever writes objects before the rows that name them.

        Args:
            what: What that is, in a word: `run`, `copy`, …
            lease_id: Of a run its id; None: any.
        """
        with lease(self.catalogue, what, lease_id):
            self._presence.removals_seen = self.catalogue.get_last_removal()
            yield

    @property
    def removals_seen(self) -> int:
        """What whoever is about to write objects is to give to the commit that names them."""
        return self._presence.removals_seen

    def commit(self, changes: Sequence[DatasetChange]) -> list[AppliedChange]:
        """Commit changes in one transaction, then tell subscribers, in commit order.

        Raises:
            HeadMoved: Some were worked out on a dataset that has moved on; nothing was written.
            SaveError: The catalogue refused; nothing was written.
        """
        with self._commit_lock:
            seen = min((change.removals_seen for change in changes), default=0)
            try:
                applied = self._presence.commit(seen, lambda seen: self.catalogue.apply(changes, seen))
            except ObjectsGone as gone:
                raise HeadMoved(
                    [one for one in changes if any(file.storage_path in gone.paths for file in one.files)]
                ) from gone
            failpoint("commit.done")
            self._queue([event for one in applied for event in one.events])
        self._outbox.tell()
        failpoint("commit.told")
        return applied

    def take_over(self, histories: Sequence[DatasetHistory], removals_seen: int = 0) -> list[bool]:
        """Commit whole histories from another lake, then tell subscribers.

        Args:
            removals_seen: As it was before their objects were written.

        Returns:
            Whether each still held, and its objects were there; of one that did not, nothing was written.
        """
        with self._commit_lock:
            held = self._take_over(histories, removals_seen)
        self._outbox.tell()
        return held

    def _take_over(self, histories: Sequence[DatasetHistory], removals_seen: int) -> list[bool]:
        """Commit histories, and queue their events, with the commit's lock."""
        try:
            written = self._presence.commit(removals_seen, lambda seen: self.catalogue.write_histories(histories, seen))
        except ObjectsGone as gone:
            are_whole = [gone.paths.isdisjoint(one.new_paths) for one in histories]
            whole = [one for one, is_whole in zip(histories, are_whole, strict=True) if is_whole]
            held = iter(self._take_over(whole, removals_seen) if whole else [])
            return [is_whole and next(held) for is_whole in are_whole]
        failpoint("commit.done")
        self._queue([event for events in written for event in events or ()])
        return [events is not None for events in written]

    def take_over_quarantine(self, entries: Sequence[QuarantineEntry], removals_seen: int = 0) -> None:
        """Commit quarantine entries from another lake, whose objects are here, then tell subscribers.

        Raises:
            SaveError: Their objects were removed meanwhile, or the catalogue refused; nothing was written.
        """
        with self._commit_lock:
            try:
                events = self._presence.commit(
                    removals_seen, lambda seen: self.catalogue.write_quarantine_entries(entries, seen)
                )
            except ObjectsGone as gone:
                raise SaveError(
                    f"{len(gone.paths)} files of bundles in quarantine were removed from the storage before their "
                    f"entries were written, by {remedy('gc')}. Copy again."
                ) from gone
            self._queue(events)
        self._outbox.tell()

    def invalidate_revision(self, dataset: Dataset, reason: str = "") -> None:
        """Mark a dataset's current revision VALIDATION_FAILED, so that the next run fetches it again.

        Readers go on seeing its files until the provider has others.
        """
        self.invalidate_revisions([dataset], reason)

    def invalidate_revisions(self, datasets: Iterable[Dataset], reason: str = "", batch_size: int = 1000) -> int:
        """Mark the current revisions of many datasets VALIDATION_FAILED, in transactions of up to `batch_size`.

        Args:
            datasets: May be a generator over a lake of any size, such as `iter_dataset_collection_batches(…)`.

        Returns:
            How many were marked. Those that were so already, or have no revision, are not counted.

        Raises:
            ValueError: A batch size below 1.
            SaveError: The catalogue refused; the batches before are marked.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        remaining = iter(datasets)
        count = 0
        while batch := [dataset.dataset_id for dataset in itertools.islice(remaining, batch_size)]:
            with self._commit_lock:
                events = self.catalogue.invalidate(batch, storable(reason))
                self._queue(events)
            self._outbox.tell()
            count += len(events)
        return count

    def mark_missing(self, dataset_ids: Sequence[str]) -> int:
        """Set datasets that the provider stopped listing to MISSING; nothing of them is removed. Returns how many."""
        with self._commit_lock:
            events = self.catalogue.mark_missing(dataset_ids)
            self._queue(events)
        self._outbox.tell()
        return len(events)

    def delete_datasets(self, datasets: Sequence[Dataset], *, with_objects: bool = False) -> int:
        """Remove datasets from the lake, at once. Returns how many there were.

        Who has opened one of them reads on: its objects stay until garbage is collected, a safety age later.

        Args:
            with_objects: Remove the objects now too; who is reading them gets an error.

        Raises:
            SaveError: The catalogue refused; nothing is removed.
            StoreError: The datasets are removed, and not all of their objects.
        """
        # Whoever else has this storage learns of it before garbage is collected.
        self.identity.claim()
        begun = now()
        with self._commit_lock:
            orphans = self.catalogue.delete([dataset.dataset_id for dataset in datasets], self._queue)
        self._outbox.tell()
        failpoint("delete.rows_gone")
        if not with_objects:
            return len(datasets)
        # Rows before objects: a crash in between leaves unreferenced objects, never rows without any.
        try:
            self.remove_objects(orphans, begun)
        except StoreError as error:
            raise StoreError(
                f"The {len(datasets)} datasets are removed from the lake, but not all of their files from the storage; "
                f"nothing names those any more, and {remedy('gc')} removes them. {error}"
            ) from error
        return len(datasets)

    def remove_objects(self, paths: Sequence[str], unless_written_since: dt.datetime) -> int:
        """Remove objects that lost their rows. Returns how many there were.

        What another process has written since to the same place, as it fetches the same dataset anew, stays.
        """
        if not paths:
            return 0
        with lease(self.catalogue, REMOVING) as lease_id:
            return remove_unnamed(
                self.catalogue, self.storage, lease_id, paths, unless_written_since=unless_written_since
            )

    def commit_discards(self, entry_ids: Sequence[str], decided_by: str, note: str) -> list[str]:
        """Commit that quarantine entries are discarded, then tell subscribers; see `Quarantine.discard`.

        Returns:
            The paths of objects that nothing names any more.
        """
        with self._commit_lock:
            orphans = self.catalogue.discard_quarantine(entry_ids, decided_by, note, self._queue)
        self._outbox.tell()
        return orphans

    def collect_garbage(
        self,
        *,
        older_than: dt.timedelta = SAFETY_AGE,
        dry_run: bool = False,
        on_object: Callable[[StoredObject], object] | None = None,
    ) -> Garbage:
        """Remove objects that nothing names, of all buckets, and history that is older than the lake's retention.

        See `store.garbage.collect_garbage`.

        Raises:
            LakeIdentityError: The storage is not this catalogue's: what is live there would be garbage here.
            StoreError: Somebody writes to the lake, and `older_than` is less than an hour.
        """
        if dry_run:
            self.identity.check()
        else:
            refuse_beside_writers(self.catalogue, older_than)
            self.identity.claim()
        return collect_garbage(
            self.catalogue,
            self.storage,
            older_than=older_than,
            dry_run=dry_run,
            on_object=on_object,
            retention=self.retention,
        )

    def totals(self) -> Mapping[str, int]:
        """Return `datasets`, `revisions`, `files`, `size_bytes` and `storage_bytes` of this bucket."""
        return self.catalogue.storage_totals(self.bucket)

    def close(self) -> None:
        """Close the catalogue's connections."""
        self.catalogue.close()

    def announce(self, event: DomainEvent) -> None:
        """Tell subscribers of what needs no commit, in its turn."""
        self._outbox.put([event])
        self._outbox.tell()

    def _queue(self, events: Sequence[DatasetEvent]) -> None:
        for event in events:
            event.dataset.read_from(self)
        self._outbox.put(events)


class FileCacheScope(DatasetStore):
    """A store that keeps what it read; made by `DatasetStore.with_file_cache`."""

    def __init__(self, parent: DatasetStore) -> None:
        super().__init__(
            parent.catalogue, parent.storage, parent.publisher, bucket=parent.bucket, key_types=parent.key_types
        )
        self.objects = parent.objects
        self.identity = parent.identity
        self._commit_lock = parent._commit_lock
        self._presence = parent._presence
        self._outbox = parent._outbox
        self._parent = parent
        self._cache = FileCache()

    def __enter__(self) -> FileCacheScope:
        self._parent._cache = self._cache
        return self

    def __exit__(self, *_: object) -> None:
        self._parent._cache = None
        assert self._cache is not None
        self._cache.clear()
