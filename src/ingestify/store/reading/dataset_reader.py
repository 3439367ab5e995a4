"""Reading one bucket of a lake: which datasets there are, and what is in their files."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, overload

from ingestify.clock import moment_of
from ingestify.domain.condition import Answers, DatasetCondition
from ingestify.domain.dataset import (
    CollectionMetadata,
    Dataset,
    DatasetCollection,
    DatasetState,
    DatasetSummary,
    Library,
)
from ingestify.domain.export_layout import NO_LAYOUT, ExportLayout
from ingestify.domain.file import File
from ingestify.domain.identifier import Identifier
from ingestify.domain.listing_order import listing_order
from ingestify.domain.ports import Catalogue, DatasetFilter, Storage, StorageTotals
from ingestify.domain.record_key import NO_RECORD_KEYS, RecordKeys
from ingestify.domain.revision import Revision
from ingestify.domain.run import JobSummary
from ingestify.domain.selector import Selector, check_values, given_filters
from ingestify.errors import ConfigurationError, DatasetNotFound, IntegrityError, LakeNotFound, LoadError
from ingestify.progress.formatting import counted
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.objects.compression import open_decompressed
from ingestify.store.objects.identity import LakeIdentity
from ingestify.store.reading.call_options import find_option, refuse_option
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.store.reading.file_cache import FileCache
from ingestify.store.reading.file_collection import PRELOAD_BYTES, FileCollection, LoadedFile
from ingestify.store.reading.nothing_found import NamesOfSources, explain_nothing, iter_identifier_keys
from ingestify.store.reading.provisional import as_of as read_as_of
from ingestify.store.reading.provisional import iter_kept
from ingestify.store.reading.stored_content import StoredContent

if TYPE_CHECKING:
    from kloppy.domain import Dataset as KloppyDataset

    from ingestify.domain.lock import Lock
    from ingestify.pictures.picture import Picture
    from ingestify.store.reading.dataset_diff import DatasetDiff, LoggedRevision, RevisionLog

__all__ = ["DatasetReader", "StateArgument"]

logger = PrintableLogger(__name__)

_TO_FILL_IT = "engine.load(), or iter_datasets with auto_ingest, fills it"

_SHOWN = 5

StateArgument = DatasetState | str | Sequence[DatasetState | str] | None


class OpensLake(Protocol):
    """Opens a lake. It can be pickled."""

    def open(self) -> DatasetReader:
        """Return the lake."""


def _reopen(reference: OpensLake) -> DatasetReader:
    return reference.open()


class DatasetReader:
    """Reads one bucket of a lake. Every method may be called from any thread.

    Args:
        identity: Explains a missing object: the storage may be another lake's.
        bucket: Which part of the lake; datasets of different buckets know nothing of each other.

    Attributes:
        names_of_sources: What sources could bring; the engine sets it.
        record_keys_of: Returns what the source of a dataset says of the records of its feeds.
        reference: Opens the same lake in another process; a text says why that is not possible.
        export_layout_of: Returns where the provider of a dataset keeps its files.
        zone_of: Returns the time zone of a dataset's kick-off, if its provider gives none.
        loader_of: Returns the format that settings or a source name for a dataset; None: they name none.
    """

    reference: OpensLake | str = "it is in memory"

    def __init__(self, catalogue: Catalogue, storage: Storage, identity: LakeIdentity, bucket: str) -> None:
        self.catalogue = catalogue
        self.storage = storage
        self.identity = identity
        self.bucket = bucket
        self.names_of_sources = NamesOfSources()
        self.record_keys_of: Callable[[Dataset], RecordKeys] = lambda _: NO_RECORD_KEYS
        self.export_layout_of: Callable[[Dataset], ExportLayout] = lambda _: NO_LAYOUT
        self.zone_of: Callable[[Dataset], dt.tzinfo] = lambda _: dt.UTC
        self.loader_of: Callable[[Dataset], str | None] = lambda _: None
        self._cache: FileCache | None = None
        self._load_with_kloppy: Callable[..., Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self.reference, str):
            raise PicklingError(
                f"{self!r} cannot be passed to another process: {self.reference}. Open the lake by a config.yaml, "
                f"which each process reads for itself."
            )
        return _reopen, (self.reference,)

    def dataset_filter(
        self,
        dataset_type: str | None = None,
        provider: str | None = None,
        dataset_id: str | Sequence[str] | None = None,
        dataset_state: StateArgument = None,
        where: str | None = None,
        state: StateArgument = None,
        selector: Selector | Mapping[str, object] | None = None,
        as_of: dt.datetime | dt.date | str | None = None,
        has_warnings: bool = False,
        **keys: object,
    ) -> DatasetFilter:
        """Return the filter that the arguments of the reading methods describe.

        The keys of `selector` count as if they were given one by one.

        Raises:
            ConfigurationError: `as_of` has not passed yet. Or `where` cannot be read; the message points at the place.
                Or no identifier can have a filter's value. Or a filter has the name of an option, and no dataset has
                such an identifier key; the message says how the option is given.
            ValueError: An unknown `state`, and the message names the valid ones; or `as_of` is no date and no time.
        """
        if state is not None and dataset_state is not None:
            raise ConfigurationError("state and dataset_state are the same; give only state.")
        ids = [dataset_id] if isinstance(dataset_id, str) else dataset_id
        wanted = DatasetFilter(
            bucket=self.bucket,
            dataset_type=dataset_type,
            provider=provider,
            dataset_ids=None if ids is None else list(ids),
            states=DatasetState.parse_many(dataset_state if state is None else state),
            selector=given_filters({**({} if selector is None else Selector.of(selector).attributes), **keys}),
            where=None if where is None else DatasetCondition.parse(where),
            as_of=None if as_of is None else moment_of(as_of),
            has_warnings=has_warnings,
        )
        if wanted.as_of is not None:
            with contextlib.suppress(LakeNotFound):  # the reading says so
                self.catalogue.event_log.settle(wanted.as_of)
        self._refuse_options(wanted)
        check_values(wanted.selector)
        return wanted

    def _refuse_options(self, wanted: DatasetFilter) -> None:
        """Refuse a filter with the name of an option, unless that is the name of an identifier key too."""
        kind = wanted.provider, wanted.dataset_type
        for key in wanted.selector:
            option = find_option(key)
            if option is None or key in self.names_of_sources.identifier_keys(*kind):
                continue
            if key not in self.find_identifier_keys(*kind):
                raise refuse_option(key, option)

    def find_identifier_keys(self, provider: str | None = None, dataset_type: str | None = None) -> set[str]:
        """Return the identifier keys that datasets have; none if there is no lake yet."""
        try:
            return set(iter_identifier_keys(self.catalogue, DatasetFilter(self.bucket, dataset_type, provider)))
        except LakeNotFound:
            return set()

    def get_dataset_collection(
        self,
        dataset_type: str | None = None,
        provider: str | None = None,
        dataset_id: str | Sequence[str] | None = None,
        dataset_state: StateArgument = None,
        metadata_only: bool = False,
        page: int | None = None,
        page_size: int | None = None,
        where: str | None = None,
        state: StateArgument = None,
        selector: Selector | Mapping[str, object] | None = None,
        as_of: dt.datetime | dt.date | str | None = None,
        has_warnings: bool = False,
        **keys: object,
    ) -> DatasetCollection:
        """Return the datasets that the filters name, in the order in which they came into the lake.

        If there is none, a warning says why, and what there is instead.

        Example::

            matches = engine.store.get_dataset_collection(competition_id=43, where="metadata.home_team.id != 0")

        Args:
            dataset_type: Such as `match`; None: any.
            provider: Such as `statsbomb`; None: any.
            dataset_id: The id of one dataset, or a list of ids; None: any.
            dataset_state: The same as `state`.
            metadata_only: Leave the datasets out and fill only `.metadata`.
            page: From 1; needs `page_size`.
            page_size: Datasets per page; None: all of them.
            where: A further condition, such as `metadata.home_team.name == 'Ajax' and metadata.home_score > 2`;
                see `ingestify.domain.condition`. It is evaluated for each dataset that the other filters leave.
            state: A name in any case, a `DatasetState`, or a list of these; None: any.
            selector: A `Selector` or a dict, whose keys count as if they were given one by one.
            as_of: The lake as its readers saw it then, such as `2026-10-31` (the end of that day, in UTC) or a
                datetime: datasets that were there, each with the files of then (`Dataset.at`). What was deleted since
                is named in a warning, as long as the event log keeps its deletion (`retention`). Names, states and
                metadata are those of today, also for `state` and `where`. None: the lake as it is.
            has_warnings: Whether only datasets with warnings of checks are wanted; with `as_of`, of then.
            **keys: Identifier keys; a list means any of its values. `match_id=12` and `match_id="12"` are the same.

        Raises:
            ValueError: An unknown `state`, or a page or page size below 1.
            ConfigurationError: `where` cannot be read, names something that no dataset has, or compares values without
                an order; or a filter has the name of an option.
        """
        for name, number in (("page", page), ("page_size", page_size)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number}; pages and page sizes count from 1.")
        if page is not None and page_size is None:
            raise ValueError("page needs page_size: how many datasets a page has.")
        wanted = self.dataset_filter(
            dataset_type, provider, dataset_id, dataset_state, where, state, selector, as_of, has_warnings, **keys
        )
        metadata = self.catalogue.datasets.read_metadata(wanted)
        if not metadata.row_count:
            self.warn_nothing_found(wanted)
        if metadata_only:
            self.warn_of_deleted(wanted)
            return DatasetCollection((), metadata)
        offset = 0 if page is None or page_size is None else (page - 1) * page_size
        datasets: list[Dataset] = []
        for batch in self.catalogue.datasets.iter_batches(wanted, batch_size=1000, offset=offset, limit=page_size):
            datasets += self._read(batch, wanted)
        self.warn_of_deleted(wanted)
        return DatasetCollection(datasets, metadata)

    def get_dataset_summary_map(
        self, dataset_type: str | None = None, provider: str | None = None, **filters: Any
    ) -> dict[Identifier, DatasetSummary]:
        """Return the summary of each dataset that the filters name, by its identifier.

        Args:
            dataset_type: Such as `match`; None: any.
            provider: Such as `statsbomb`; None: any.
            **filters: The other filters of `get_dataset_collection`, without paging.

        Raises:
            ConfigurationError: Two datasets have one identifier, as they are of different providers or types.
        """
        wanted = self.dataset_filter(dataset_type, provider, **filters)
        summaries: dict[Identifier, DatasetSummary] = {}
        for dataset in itertools.chain.from_iterable(self.catalogue.datasets.iter_batches(wanted, 1000)):
            if dataset.identifier in summaries:
                raise ConfigurationError(
                    f"{dataset} and another dataset have one identifier; give get_dataset_summary_map the provider and "
                    f"the dataset_type."
                )
            summaries[dataset.identifier] = dataset.summary
        return summaries

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
            batch_size: How many datasets are read at once.
            yield_dataset_collection: Whether to yield collections.
            **filters: Those of `get_dataset_collection`, without paging.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        return self.iter_matching(self.dataset_filter(**filters), batch_size, in_collections=yield_dataset_collection)

    def iter_in_order(self, wanted: DatasetFilter, limit: int | None = None) -> Iterator[Dataset]:
        """Yield datasets, up to a limit, in the order of `domain.listing_order`.

        The keys to sort by take 1 KB of memory per dataset. It takes about twice as long as the order of arrival: ten
        seconds of CPU for 100,000 datasets instead of five.
        """
        places = sorted(
            listing_order(one.provider, one.dataset_type, one.identifier, one.metadata, one.name, one.dataset_id)
            for one in self.catalogue.datasets.iter_descriptions(wanted)
        )
        ids = [place[-1][-1] for place in places[:limit]]
        for start in range(0, len(ids), 1000):
            yield from self._read(self.catalogue.datasets.get(ids[start : start + 1000]), wanted)
        self.warn_of_deleted(wanted)

    def iter_matching(
        self, wanted: DatasetFilter, batch_size: int = 1000, *, in_collections: bool = False, explains: bool = True
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]:
        """Yield the datasets that a filter names, or collections of `batch_size` of them.

        With `explains`, a warning says why there is no such dataset.
        """
        metadata: CollectionMetadata | None = None
        is_empty = True
        for batch in self.catalogue.datasets.iter_batches(wanted, batch_size):
            is_empty = False
            if in_collections:
                metadata = metadata or self.catalogue.datasets.read_metadata(wanted)
                yield DatasetCollection(self._read(batch, wanted), metadata)
            else:
                yield from self._read(batch, wanted)
        self.warn_of_deleted(wanted)
        if is_empty and explains:
            self.warn_nothing_found(wanted)

    def warn_nothing_found(self, wanted: DatasetFilter) -> None:
        """Log a warning that says why a filter names no dataset, and what there is instead."""
        logger.warning("%s", self._explain_nothing(wanted))

    def _explain_nothing(self, wanted: DatasetFilter) -> str:
        when_empty = f"The bucket '{self.bucket}' of the lake is empty; {_TO_FILL_IT}."
        return explain_nothing(self.catalogue, wanted, self.names_of_sources, when_empty)

    def warn_of_deleted(self, wanted: DatasetFilter) -> None:
        """Log a warning that names the datasets that a filter's `as_of` would show and that were deleted since."""
        if told := self._tell_of_deleted(wanted):
            logger.warning("%s", told)

    def _tell_of_deleted(self, wanted: DatasetFilter) -> str:
        deleted = self.find_deleted(wanted)
        if not deleted or wanted.as_of is None:
            return ""
        were = "was" if len(deleted) == 1 else "were"
        return (
            f"{counted(len(deleted), 'dataset')} that the lake had at {wanted.as_of:%Y-%m-%d %H:%M} UTC {were} deleted "
            f"since: {_some_of(deleted)}."
        )

    def find_deleted(self, wanted: DatasetFilter) -> list[Dataset]:
        """Return the datasets that the filter's `as_of` would show and that were deleted since, as they last were.

        The event log names them, for as long as it keeps its events (`retention`).
        """
        if wanted.as_of is None:
            return []
        deleted = {one.dataset_id: one for one in self.catalogue.event_log.find_deleted(wanted.as_of)}
        there = {one.dataset_id for one in self.catalogue.datasets.get(list(deleted))}
        named = (one for one in deleted.values() if wanted.names(one) and one.dataset_id not in there)
        answers = Answers(wanted.where)
        return [one for one in named if answers.holds(lambda condition: condition.matches_dataset(one))]  # noqa: B023

    def _read(self, datasets: list[Dataset], wanted: DatasetFilter) -> list[Dataset]:
        """Return datasets as a filter's `as_of` shows them; they know the lake that their files are loaded from."""
        if wanted.as_of is not None:
            datasets = read_as_of(self.catalogue, datasets, wanted.as_of, self.zone_of)
        return [dataset.read_from(self) for dataset in datasets]

    def get_dataset(self, dataset_id: str | None = None, **filters: Any) -> Dataset:
        """Return the one dataset that has an id, or that the filters name.

        Example::

            dataset = engine.get_dataset(provider="statsbomb", match_id=3788741)

        Args:
            dataset_id: The whole id; None: the filters name it.
            **filters: `provider`, `dataset_type`, `state`, `where` and identifier keys, as in `get_dataset_collection`.

        Raises:
            DatasetNotFound: This bucket has none. The message says why, and what there is instead.
            LoadError: Several are meant; the message names some.
        """
        if dataset_id is None and not filters:
            raise LoadError("Give get_dataset an id, or filters that one dataset has, such as match_id=12.")
        wanted = self.dataset_filter(dataset_id=dataset_id, **filters)
        found = next(self.catalogue.datasets.iter_batches(wanted, 1000, limit=_SHOWN + 1), [])
        if len(found) == 1:
            return self._read(found, wanted)[0]
        if found:
            raise LoadError(
                f"Several datasets are meant: {_some_of(found)}. Give more of the keys, the provider, or an id."
            )
        if dataset_id is not None and not filters:
            raise DatasetNotFound(
                f"The bucket '{self.bucket}' has no dataset with the id '{dataset_id}'; see {remedy('list')}."
            )
        raise DatasetNotFound(self._tell_of_deleted(wanted) or self._explain_nothing(wanted))

    def iter_to_export(self, wanted: DatasetFilter, lock: Lock | None = None) -> Iterator[Dataset]:
        """Yield the datasets that a filter names, by competition, season and date; with a lock, its datasets.

        Raises:
            LockError: The lake lacks some of the locked bytes.
        """
        if lock is not None:
            return self._iter_locked(lock, wanted)
        return iter_kept(self.catalogue, self.iter_in_order(wanted), "an export", self.zone_of)

    def iter_locked(
        self, lock: Lock, wanted: DatasetFilter, batch_size: int = 1000, *, in_collections: bool = False
    ) -> Iterator[Dataset] | Iterator[DatasetCollection]:
        """Yield the datasets of a lock that a filter names, with exactly the locked files, or collections of them.

        Raises:
            LockError: The lake lacks some of the locked bytes; the message lists them, and nothing is yielded.
        """
        found = self._iter_locked(lock, wanted)
        return _iter_collections(found, batch_size) if in_collections else found

    def _iter_locked(self, lock: Lock, wanted: DatasetFilter) -> Iterator[Dataset]:
        from ingestify.store.reading.locked import iter_locked  # most readers have no lock

        locked = iter_kept(self.catalogue, iter_locked(self.catalogue, lock, wanted), "a lock", self.zone_of)
        return (dataset.read_from(self) for dataset in locked)

    def lock(self, wanted: DatasetFilter, path: str | Path | None = None) -> Lock:
        """Lock the files of the datasets that a filter names, and write the lock to a file if there is a path.

        Raises:
            LockError: The file cannot be written.
        """
        from ingestify.domain.lock import Lock

        found = (one for one in self.iter_matching(wanted) if isinstance(one, Dataset))
        datasets = list(iter_kept(self.catalogue, found, "a lock", self.zone_of))
        if empty := [one for one in datasets if not one.files]:
            logger.warning("Not in the lock, as there are no files: %s.", _some_of(empty))
        made = Lock.of(datasets)
        if path is not None:
            made.write(path)
        return made

    def diff(
        self,
        dataset: Dataset,
        from_revision: int = -2,
        to_revision: int = -1,
        *,
        feed: str | Collection[str] | None = None,
    ) -> DatasetDiff:
        """Return what changed between two revisions of a dataset, record by record.

        The files are those that readers saw after each revision. Records are matched by the keys that the source
        declares (`Source.record_keys`), by `id`, or by content. The order of an object's keys is no difference, nor is
        that of a list whose order means nothing. A file above 16 MB, and one of another format than JSON, CSV or XML,
        is not looked into.

        Args:
            dataset: The dataset.
            from_revision: The number of the old revision; a negative one counts from the end.
            to_revision: That of the new one, likewise.
            feed: Only this feed, or these; None: all.

        Raises:
            LoadError: There is no such revision, or no such feed in either.
            IntegrityError: An object is missing or damaged.
        """
        # Most readers compare nothing.
        from ingestify.comparison.files import compare_files
        from ingestify.store.reading.dataset_diff import DatasetDiff

        old, new = dataset.at(revision=from_revision), dataset.at(revision=to_revision)
        feeds = [feed] if isinstance(feed, str) else feed
        there = {file.data_feed_key for one in (old, new) for file in one.files.values()}
        if unknown := sorted(set(feeds or ()) - there):
            raise LoadError(
                f"{dataset} has no feed '{unknown[0]}' in these revisions; it has {', '.join(sorted(there))}."
            )
        with self.load_files(old, lazy=True) as before, self.load_files(new, lazy=True) as after:
            found = compare_files(before, after, self.record_keys_of(new), feeds)
        return DatasetDiff(found, dataset.name, old.revisions[-1].revision_id, new.revisions[-1].revision_id)

    def log(self, dataset: Dataset) -> RevisionLog:
        """Return the revisions of a dataset, oldest first, each with a sentence about what changed; see `diff`.

        Raises:
            IntegrityError: An object is missing or damaged.
        """
        from ingestify.store.reading.dataset_diff import RevisionLog

        return RevisionLog((self._logged(dataset, one) for one in dataset.revisions), dataset.name)

    def _logged(self, dataset: Dataset, revision: Revision) -> LoggedRevision:
        from ingestify.store.reading.dataset_diff import LoggedRevision

        number, before = revision.revision_id, dataset.find_before(revision)
        if revision.is_thinned:
            sentence = "Thinned: it cannot be read any more."
        elif before is not None:
            sentence = self.diff(dataset, before, number).sentence
        else:
            feeds = sorted({file.data_feed_key for file in revision.modified_files})
            sentence = f"First seen, with {', '.join(feeds)}." if feeds else "First seen, without a file."
        return LoggedRevision(number, revision.created_at, revision.state, revision.description, sentence)

    def load_files(
        self,
        dataset: Dataset | Revision,
        data_feed_keys: Sequence[str] | None = None,
        lazy: bool = False,
        auto_rewind: bool = True,
    ) -> FileCollection:
        """Return the files of the dataset's current revision, as `dataset` shows it.

        Example::

            dataset = engine.list_datasets(match_id=3788741)[0]
            with engine.store.load_files(dataset, ["events"]) as files:
                events = files["events"].json()
            with engine.store.load_files(dataset.at(revision=0)) as files:
                ...

        Args:
            dataset: The dataset; or its first or its current revision, which have all files of then.
            data_feed_keys: Only these feeds; a feed without a file is left out. None: all.
            lazy: Open each file at its first use. Otherwise files of up to 64 MB are read, and checked, now.
            auto_rewind: Whether a file's `stream` is at its beginning each time it is got.

        Raises:
            IntegrityError: An object is missing or damaged.
            LoadError: It is a revision, which has only the files that changed in it.
        """
        if isinstance(dataset, Revision):
            dataset.require_whole()
        if isinstance(data_feed_keys, str):
            data_feed_keys = [data_feed_keys]  # a text is a sequence of letters, none of which is a feed
        wanted = (
            one for one in dataset.files.values() if data_feed_keys is None or one.data_feed_key in data_feed_keys
        )
        return self.open_files(wanted, lazy=lazy, auto_rewind=auto_rewind)

    def list_of(self, datasets: Sequence[Dataset]) -> DatasetList:
        """Return datasets as a list that is shown as a table, and becomes a data frame."""
        return DatasetList(datasets)

    def frame_with_kloppy(
        self, datasets: Sequence[Dataset], library: Library, arguments: Mapping[str, Any], progress: bool | None
    ) -> Any:
        """Return kloppy's frames of many datasets as one, with identifiers and revisions in front.

        Args:
            datasets: The datasets, in the order of their rows.
            library: Whose frame it is.
            arguments: `loader`, and arguments for kloppy.
            progress: Whether to show how many datasets were read; None: if a person watches.
        """
        from ingestify.store.reading.kloppy_frames import FrameTask, read_frames  # only who makes frames needs it

        given = dict(arguments)
        loader = given.pop("loader", None)
        load = self._kloppy_loader()
        tasks = [FrameTask(one, load, loader or self.loader_of(one), library, given) for one in datasets]
        return read_frames(tasks, progress)

    def load_with_kloppy(self, dataset: Dataset | None, loader: str | None = None, **kwargs: Any) -> KloppyDataset:
        """Read a dataset with kloppy; see `IngestionEngine.load_dataset_with_kloppy`.

        Without `loader`, the format is the one that the settings or the source name now, else the one that the source
        named at the ingest, else that of the provider.
        """
        if dataset is None:
            raise LoadError("There is no dataset to load: it is None, as .first() is where no dataset matches.")
        return self._kloppy_loader()(self, dataset, loader or self.loader_of(dataset), **kwargs)

    def plot(self, dataset: Dataset, kind: str = "shots", *, shot: str | None = None, frame: int = 0) -> Picture:
        """Return a picture of a dataset; see `Dataset.plot`."""
        from ingestify.store.reading.dataset_picture import picture_of  # only who looks at a match needs it

        return picture_of(self, dataset, kind, shot=shot, frame=frame)

    def preview(self, dataset: Dataset) -> str:
        """Return the shots of a dataset as HTML for a notebook, or a sentence; it raises nothing."""
        from ingestify.pictures.picture import PREVIEW_SECONDS, shown_in_notebook
        from ingestify.store.reading.dataset_picture import preview_of

        return shown_in_notebook(lambda: preview_of(self, dataset), within_seconds=PREVIEW_SECONDS)

    def _kloppy_loader(self) -> Callable[..., Any]:
        if self._load_with_kloppy is None:
            raise ConfigurationError("This store has no kloppy loader.")
        return self._load_with_kloppy

    def open_files(self, files: Iterable[File], *, lazy: bool, auto_rewind: bool = True) -> FileCollection:
        """Return files with their content; see `load_files`."""
        loaded = [self._open_file(file, auto_rewind) for file in files]
        for one in loaded:
            if not lazy and one.size <= PRELOAD_BYTES:
                one.preload()
            if self._cache is not None:
                self._cache.hold(one.tag, one)
        return FileCollection(loaded, are_shared=self._cache is not None)

    def _open_file(self, file: File, auto_rewind: bool) -> LoadedFile:
        def make() -> LoadedFile:
            return LoadedFile(file, self.opener(file), auto_rewind=auto_rewind)

        return make() if self._cache is None else self._cache.share((file, auto_rewind), make)

    def opener(self, file: File) -> StoredContent:
        """Return the content of a file, which opens the provider's bytes and checks them; see `StoredContent`."""

        def open_object() -> BinaryIO:
            try:
                raw = self.storage.open(file.storage_path)
            except IntegrityError as error:
                if not self.catalogue.integrity_check.find_file_records([file.storage_path]):
                    raise IntegrityError(
                        f"The file {file.file_id} that came with revision {file.revision_id} is no longer in the lake: "
                        f"the revision was thinned (retention), or its dataset was deleted, and then the file was "
                        f"removed ({file.storage_path})."
                    ) from error
                self.identity.explain(error)
                raise
            return open_decompressed(file.storage_compression_method, raw, file.storage_path)

        content = StoredContent(file, open_object)
        cache = self._cache
        return content if cache is None else StoredContent(file, lambda: cache.open(content), is_verified=True)

    def load_ingestion_job_summaries(self, limit: int | None = None) -> list[JobSummary]:
        """Return the summaries of past and running jobs, newest first, with the tasks that changed or failed."""
        return self.catalogue.jobs.load(limit)

    def totals(self) -> StorageTotals:
        """Return how many datasets, revisions and files this bucket has, and how large they are."""
        return self.catalogue.overview.count_all(self.bucket)

    def count_warned(self) -> int:
        """Return how many datasets of this bucket have warnings of checks."""
        return self.catalogue.datasets.read_metadata(DatasetFilter(self.bucket, has_warnings=True)).row_count


def _some_of(datasets: Sequence[Dataset]) -> str:
    return ", ".join(map(str, datasets[:_SHOWN])) + ("" if len(datasets) <= _SHOWN else ", …")


def _iter_collections(datasets: Iterator[Dataset], batch_size: int) -> Iterator[DatasetCollection]:
    while batch := list(itertools.islice(datasets, batch_size)):
        times = [one.last_modified_at for one in batch if one.last_modified_at is not None]
        yield DatasetCollection(batch, CollectionMetadata(len(batch), max(times, default=None)))
