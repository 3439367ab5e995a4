"""The lake as one object: what is in it, and the only way into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.delivery import OpenInbox
from ingestify.domain.file import File
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.ports import Catalogue, EventPublisher, Storage
from ingestify.domain.retention import Retention
from ingestify.domain.text import LONGEST_KIND, problem_of_name, storable
from ingestify.errors import ConfigurationError, DatasetNotFound, StoreError
from ingestify.failpoints import failpoint
from ingestify.remedies import remedy
from ingestify.store.commits import Commits
from ingestify.store.objects.bucket_objects import BucketObjects
from ingestify.store.objects.identity import LakeIdentity
from ingestify.store.objects.layout import Layout
from ingestify.store.objects.staging import StagedFile
from ingestify.store.quarantine import Quarantine
from ingestify.store.reading.file_cache import FileCache
from ingestify.store.reading.nothing_found import iter_identifier_keys
from ingestify.store.reading.overview import LakeOverview
from ingestify.store.removal import remove_orphans_of_commit
from ingestify.store.writing import DatasetWriter

if TYPE_CHECKING:
    from kloppy.domain import EventDataset, TrackingDataset

    KloppyDataset: TypeAlias = EventDataset | TrackingDataset | Any
    """Any: which of them it is, or what else a loader of an installed package returns, is known only at runtime."""

__all__ = ["DatasetStore"]

_LOOKED_AT_FOR_KEYS = 1000


class DatasetStore(DatasetWriter):
    """One bucket of a lake. Every method may be called from any thread.

    Args:
        publisher: Tells the subscribers of an event.
        bucket: Which part of the lake; datasets of different buckets know nothing of each other.
        layout: How objects are spread over folders; None: the default.
        compression: `zstd`, `gzip` or `none`, for new objects; an old object is read whichever it has.
        key_types: The types of the values of identifier keys; the catalogue is opened with the same.
        file_url: Where the storage is, without secrets, for messages.
        where: Where the whole lake is, for messages; empty: it is made of the catalogue's place and `file_url`.
        retention: How old jobs and events may become; None: all are kept.
        indexed: (provider, dataset type) to the identifier keys that get an index; no keys: those of its datasets.
            None: no settings say it.
        load_with_kloppy: `(store, dataset, loader, **kwargs)` → kloppy's object.
        name: The name of the lake in other systems (`main.name` of the settings); empty: it has none.

    Attributes:
        objects: Writes the objects of this bucket.
        commits: Writes to the catalogue, and tells subscribers.
        quarantine: The bundles that failed a check.
        overview: The lake in short, and pages of its lists.
        where: Where the lake is, for messages.
        open_inbox: Opens the storage of what is pushed to this bucket, which is beside the files of the lake; it
            raises a ConfigurationError until who made the store says where that is.
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
        indexed: Mapping[tuple[str, str], Sequence[str]] | None = None,
        load_with_kloppy: Callable[..., Any] | None = None,
        name: str = "",
    ) -> None:
        if problem := problem_of_name(bucket, LONGEST_KIND):
            raise ConfigurationError(f"The bucket {bucket!r:.80} {problem}.")
        super().__init__(catalogue, storage, LakeIdentity(catalogue, storage, file_url), bucket)
        self.where = where or catalogue.where + (f" with its files in {file_url}" if file_url else "")
        self.name = name
        self.publisher = publisher
        self.key_types = key_types or KeyTypes()
        self.retention = retention
        self._indexed = indexed
        self._load_with_kloppy = load_with_kloppy
        self.objects = BucketObjects(storage, bucket, layout or Layout(), compression, self.identity)
        self.commits = Commits(catalogue, storage, publisher, self)
        self.quarantine = Quarantine(self, self.commits)
        self.overview = LakeOverview(self)
        self.open_inbox: OpenInbox = _no_inbox

    def __repr__(self) -> str:
        return f"DatasetStore({self.bucket!r} of {self.catalogue!r}, files in {self.storage!r})"

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

    def create_indexes(self) -> tuple[list[str], list[str]]:
        """Make the database indexes for `identifier_index: true` of the settings, and drop those that are not there.

        Returns:
            The names of the new indexes, and of the dropped ones.

        Raises:
            ConfigurationError: The store was opened without a config.yaml.
        """
        wanted = [(*kind, key) for kind, keys in self.find_keys_to_index().items() for key in keys]
        return self.catalogue.indexes.sync(wanted)

    def find_keys_to_index(self) -> dict[tuple[str, str], Sequence[str]]:
        """Return (provider, dataset type) to the identifier keys that `create_indexes` makes indexes for.

        Raises:
            ConfigurationError: The store was opened without a config.yaml.
        """
        if self._indexed is None:
            raise ConfigurationError(
                "This store was opened without a config.yaml, which says which indexes are wanted (identifier_index)."
            )
        found: dict[tuple[str, str], Sequence[str]] = {}
        for (provider, dataset_type), keys in self._indexed.items():
            wanted = self.dataset_filter(dataset_type, provider)
            found[provider, dataset_type] = keys or sorted(
                iter_identifier_keys(self.catalogue, wanted, most=_LOOKED_AT_FOR_KEYS)
            )
        return found

    def close(self) -> None:
        """Close the catalogue's connections."""
        self.catalogue.close()

    def with_file_cache(self) -> FileCacheScope:
        """Keep what `load_files` reads, so that the next reader does not ask the storage for it.

        A thread that loads a file again gets the same object, with the same `stream`.

        Returns:
            A store with a cache of its own. In a `with` block this store uses that cache too, and the cache
            is emptied at its end::

                with store.with_file_cache() as cached:
                    cached.load_files(dataset)
        """
        return FileCacheScope(self)

    def restore_object(self, file: File, staged: StagedFile) -> None:
        """Replace the object of a file by a staged file with the same bytes, unless it is whole."""
        if self.objects.restore(file, staged) and staged.storage_size != file.storage_size:
            # Another version of the compressor, or the published package, wrote the original.
            self.catalogue.row_repair.correct_sizes(file.storage_path, file.tag, file.size, staged.storage_size)

    def invalidate_revision(self, dataset: Dataset, reason: str = "") -> None:
        """Mark a dataset's current revision VALIDATION_FAILED, so that the next run fetches it again.

        Readers go on seeing its files until the provider has others.
        """
        self.invalidate_revisions([dataset], reason)

    def invalidate_revisions(self, datasets: Iterable[Dataset], reason: str = "", batch_size: int = 1000) -> int:
        """Mark the current revisions of many datasets VALIDATION_FAILED.

        Args:
            datasets: May be a generator over a lake of any size, such as `iter_dataset_collection_batches(…)`.
            reason: Why, for people.
            batch_size: How many datasets are marked in one transaction.

        Returns:
            How many were marked. A dataset that was marked already, or has no revision, is not counted.

        Raises:
            ValueError: A batch size below 1.
            SaveError: The catalogue refused; the batches before are marked.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        remaining = iter(datasets)
        count = 0
        while batch := [dataset.dataset_id for dataset in itertools.islice(remaining, batch_size)]:
            count += self.commits.invalidate(batch, storable(reason))
        return count

    def destroy_dataset(self, dataset: Dataset) -> list[str]:
        """Remove a dataset, as `delete_datasets` does. Returns its id in a list; an empty one if it was not there."""
        try:
            known = self.get_dataset(dataset.dataset_id)
        except DatasetNotFound:
            return []
        self.delete_datasets([known])
        return [known.dataset_id]

    def load_part_with_kloppy(self, files: Any, dataset: Dataset, loader: str, **kwargs: Any) -> KloppyDataset:
        """Read a part of a dataset with kloppy.

        Args:
            files: `files.load_files(dataset)` returns what kloppy gets in place of the dataset's files.
            dataset: The dataset.
            loader: The format of its files.
            **kwargs: Arguments for kloppy.
        """
        return self._kloppy_loader()(files, dataset, loader, **kwargs)

    def delete_datasets(self, datasets: Sequence[Dataset], *, with_objects: bool = False) -> int:
        """Remove datasets from the lake, at once. Returns how many there were.

        A reader that has opened one of them reads on: its objects stay until garbage is collected, a safety age later.

        Args:
            datasets: Datasets of any bucket of this lake.
            with_objects: Remove the objects now too; a reader that has one of them open gets an error.

        Raises:
            SaveError: The catalogue refused; nothing is removed.
            StoreError: The datasets are removed, but some of their objects are not.
        """
        # Another catalogue that has this storage learns of the deletion before garbage is collected.
        self.identity.claim()
        begun = now()
        orphans = self.commits.delete([dataset.dataset_id for dataset in datasets])
        failpoint("delete.rows_gone")
        if not with_objects:
            return len(datasets)
        # Rows before objects: a crash in between leaves orphaned objects, never rows without an object.
        try:
            remove_orphans_of_commit(self.catalogue, self.storage, orphans, begun)
        except StoreError as error:
            raise StoreError(
                f"The {len(datasets)} datasets are removed from the lake, but not all of their files from the storage; "
                f"no dataset has these any more, and {remedy('gc')} removes them. {error}"
            ) from error
        return len(datasets)


class FileCacheScope(DatasetStore):
    """A store that keeps what it read; made by `DatasetStore.with_file_cache`."""

    def __init__(self, parent: DatasetStore) -> None:
        vars(self).update(vars(parent))  # the same store in all but its cache
        self._parent = parent
        self._cache = FileCache()

    def __enter__(self) -> FileCacheScope:
        self._parent._cache = self._cache
        return self

    def __exit__(self, *_: object) -> None:
        self._parent._cache = None
        assert self._cache is not None
        self._cache.clear()


def _no_inbox() -> Storage:
    raise ConfigurationError(
        "This lake has no inbox for what is pushed: open it with get_engine or get_dev_engine, or set its open_inbox."
    )
