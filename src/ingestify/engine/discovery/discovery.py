"""A source is asked for its datasets, and its answer is read lazily."""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from ingestify.domain.adopted import keep_former_versions
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.plan import IngestionPlan, Job
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.domain.selector import Selector, identifier_matches
from ingestify.domain.text import LONGEST_KIND, is_storable, problem_of_name
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.duplicates import Duplicates, preferred
from ingestify.engine.discovery.metadata import text_of_metadata
from ingestify.engine.discovery.source_calls import find_datasets
from ingestify.engine.report.report import JobProgress
from ingestify.engine.workers import StopToken
from ingestify.errors import LakeNotFound, SourceError
from ingestify.failpoints import failpoint
from ingestify.store.dataset_store import DatasetStore

__all__ = ["LOOK_UP_SIZE", "as_exception", "iter_discovered", "lake_metadata", "list_again"]

logger = logging.getLogger(__name__)

LOOK_UP_SIZE = 1000
"""How many identifiers one query of the catalogue looks up."""


class _LazyMetadata:
    """A `CollectionMetadata` that is read from the catalogue only when a source reads an attribute of it."""

    def __init__(self, store: DatasetStore, job: Job) -> None:
        self._store = store
        self._job = job
        self._read: CollectionMetadata | None = None

    def _metadata(self) -> CollectionMetadata:
        if self._read is None:
            try:
                self._read = self._store.catalogue.datasets.read_metadata(self._job.dataset_filter(self._store.bucket))
            except LakeNotFound:  # a dry run makes no lake
                self._read = CollectionMetadata(0, None)
        return self._read

    @property
    def was_read(self) -> bool:
        """Whether the source read it."""
        return self._read is not None

    @property
    def ingested_until(self) -> dt.datetime | None:
        """The time up to which the lake has all changes; see `CollectionMetadata`."""
        if not self._job.plan.source.follows_changes:
            return None
        try:
            found = self._store.catalogue.selector_syncs.find(self._job.identity(self._store.bucket))
        except LakeNotFound:
            return None
        return None if found is None else found.followed_until

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metadata(), name)


def lake_metadata(store: DatasetStore, plan: IngestionPlan) -> _LazyMetadata:
    """Return what a source may ask about all datasets of a plan, read when it asks."""
    job = Job(plan, plan.source.name, plan.source.provider, Selector({}))
    return _LazyMetadata(store, job)


def _metadata_of(progress: JobProgress, store: DatasetStore) -> _LazyMetadata:
    """Return the metadata that a source gets about the lake: one object for all calls in a job."""
    if not isinstance(progress.collection_metadata, _LazyMetadata):
        progress.collection_metadata = _LazyMetadata(store, progress.job)
    return progress.collection_metadata


def _iter_found(
    job: Job, metadata: _LazyMetadata, versions: DataSpecVersionCollection | None = None
) -> Iterator[list[Any]]:
    """Yield the announcements of a source lazily: a list for each item that it yields.

    Args:
        job: The plan and the selector.
        metadata: What the source may ask about the lake.
        versions: The feeds and versions to ask for; None: those of the plan.

    Raises:
        SourceError: `find_datasets` returned one resource, or nothing that can be iterated over.
        Exception: Any error of the source.
    """
    found: Iterable[Any] | None = find_datasets(job, cast(CollectionMetadata, metadata), versions)
    if found is None:
        return
    if isinstance(found, DatasetResource) or not isinstance(found, Iterable):
        raise SourceError(
            f"find_datasets of the source '{job.source_name}' returned one {type(found).__name__}; return a list, or "
            f"yield it, without async."
        )
    if isinstance(found, (list, tuple)) and all(isinstance(one, (DatasetResource, UnreadableEntry)) for one in found):
        found = [found]
    for item in found:
        yield list(item) if isinstance(item, (list, tuple)) else [item]


def iter_discovered(
    progress: JobProgress, store: DatasetStore, fail_entry: Callable[[str, BaseException | str], None]
) -> Iterator[list[Discovered]]:
    """Yield the datasets that a job's source announces, lazily: a list for each item that it yields, no duplicates.

    Args:
        progress: The job; its listing and its matches are filled.
        store: The lake.
        fail_entry: Called with the name of an entry that cannot be read, and why. The other entries go on, and the
            listing is not whole.

    Raises:
        SourceError: The source yields something else than dataset resources.
        Exception: Any error of the source.
    """
    job = progress.job
    metadata = _metadata_of(progress, store)
    duplicates = Duplicates(progress.sync_before.duplicates if progress.sync_before is not None else ())
    any_unreadable = False
    wanted = job.chosen
    try:
        for batch in _iter_found(job, metadata):
            chosen = []
            for resource in batch:
                try:
                    discovered = _identify(progress, resource, store)
                except _Unreadable as unreadable:
                    any_unreadable = True
                    fail_entry(unreadable.where, unreadable.why)
                    continue
                if wanted and not identifier_matches(discovered.identifier, wanted):
                    progress.passed_over = discovered.identifier
                    continue
                discovered.number = progress.listing.add(discovered.key[2])
                chosen.append(discovered)
                if wanted:
                    progress.match(discovered.identifier)
            yield from _in_parts(duplicates.sift(chosen))
    except Exception:
        # The datasets that were announced are ingested, also if the source fails after them.
        yield from _in_parts(_held_back(progress, duplicates))
        raise
    yield from _in_parts(_held_back(progress, duplicates))
    is_whole = job.is_whole_selector and job.lists_everything and not metadata.was_read
    progress.listing.is_of_everything = is_whole
    progress.listing.is_whole = is_whole and not any_unreadable
    progress.listing.duplicates = duplicates.found
    progress.listed_all = not any_unreadable


def _held_back(progress: JobProgress, duplicates: Duplicates) -> list[Discovered]:
    """Return the datasets that were held back until the end of the listing, and warn of duplicates."""
    held = duplicates.end()
    duplicates.warn(f"{progress.job.source_name}: {progress.job.selector.name}")
    if duplicates.replaced_count:
        progress.count("discovered", -duplicates.replaced_count)
    return held


def _in_parts(several: list[Discovered]) -> Iterator[list[Discovered]]:
    for start in range(0, len(several), LOOK_UP_SIZE):
        yield several[start : start + LOOK_UP_SIZE]


class _Unreadable(Exception):
    """One entry of a listing cannot be read."""

    def __init__(self, where: str, why: BaseException | str) -> None:
        super().__init__(where)
        self.where = where
        self.why = why


def _identify(progress: JobProgress, resource: object, store: DatasetStore) -> Discovered:
    """Return the dataset that a source announced, with its identity in the lake.

    Args:
        progress: The job.
        resource: What the source yielded.
        store: The lake, which has the key types.

    Raises:
        _Unreadable: The entry cannot be read or stored.
        SourceError: The source yielded something else than a dataset resource.
    """
    job = progress.job
    if not isinstance(resource, DatasetResource):
        if isinstance(resource, UnreadableEntry):
            raise _Unreadable(resource.where, resource.error)
        raise SourceError(
            f"find_datasets of the source '{job.source_name}' yielded a {type(resource).__name__}; "
            f"it must yield DatasetResource objects or lists of them."
        )
    failpoint("discovery.found")
    provider = resource.provider = resource.provider or job.provider
    try:
        _check_kind(provider, resource.dataset_type)
        announced = resource.identifier(job.selector)
        identifier = store.key_types.apply(provider, resource.dataset_type, announced, resource)
        identifier.check_length()
        key = (provider, resource.dataset_type, identifier.canonical)
        metadata = _describable(resource)
    except Exception as error:
        raise _Unreadable(_name_of(resource), error) from error
    return Discovered(progress, resource, identifier, provider, key, metadata)


def _check_kind(provider: object, dataset_type: object) -> None:
    are_texts = isinstance(provider, str) and isinstance(dataset_type, str)
    problem = (_problem_of_kind if are_texts else _problem_of_kind.__wrapped__)(provider, dataset_type)
    if problem:
        raise SourceError(problem)


@functools.lru_cache(maxsize=256)  # the datasets of a run have the same few
def _problem_of_kind(provider: object, dataset_type: object) -> str:
    for called, name in (("provider", provider), ("dataset type", dataset_type)):
        if problem := problem_of_name(name, LONGEST_KIND):
            return f"its {called} {name!r:.80} {problem}"
    return ""


def _describable(resource: DatasetResource) -> str:
    """Return the metadata of a resource as text, if the catalogue can store its name and metadata.

    Raises:
        SourceError: The catalogue cannot store them.
    """
    name: object = resource.name
    if name is not None:
        text = resource.name = name if isinstance(name, str) else str(name)
        if not is_storable(text):
            raise SourceError(f"its name {text[:80]!r} holds a NUL or half of a character, which no database keeps")
    return text_of_metadata(resource.metadata) if resource.metadata else "{}"


def _name_of(resource: DatasetResource) -> str:
    """Return a name for messages about a resource whose identifier is not known."""
    try:
        own = "/".join(f"{key}={value}" for key, value in resource.dataset_resource_id.items())
    except ValueError:  # Python refuses to print a huge number
        own = ""
    return resource.name if isinstance(resource.name, str) and resource.name else own or "a dataset without a name"


def list_again(
    progress: JobProgress,
    store: DatasetStore,
    wanted: Mapping[tuple[str, str, str], Discovered],
    stop: StopToken,
    found: dict[tuple[str, str, str], Discovered],
    versions: DataSpecVersionCollection | None = None,
) -> None:
    """List a job's selector again, for some of the datasets that it listed before. Blocks on the network.

    The listing is read only until all wanted datasets were found, so a source whose listing never ends can be used.

    Args:
        progress: The job.
        store: The lake.
        wanted: The datasets to find, by key.
        stop: The run's stop token.
        found: Filled with the new announcements, by key, also if the source raises later.
        versions: The feeds and versions to ask for; None: those of the plan.

    Raises:
        SourceError: The run stops.
        Exception: Any error of the source.
    """
    before_this = progress.sync_before
    may_repeat = bool(progress.listing.duplicates or (before_this is not None and before_this.duplicates))
    for batch in _iter_found(progress.job, _metadata_of(progress, store), versions):
        if stop.is_set:
            raise SourceError("stopped before the index was read once more")
        for resource in batch:
            try:
                again = _identify(progress, resource, store)
            except _Unreadable:
                continue
            before = wanted.get(again.key)
            if before is not None:
                there = found.get(again.key)
                chosen = again if there is None else preferred(there, again)
                keep_former_versions(chosen.resource, before.resource.files, progress.job.plan.source.former_versions)
                found[again.key] = msgspec.structs.replace(before, resource=chosen.resource, metadata=chosen.metadata)
        if len(found) == len(wanted) and not may_repeat:
            break


def as_exception(error: BaseException) -> Exception:
    """Return the error that a source marked a dataset with as an `Exception`."""
    if isinstance(error, Exception):
        return error
    wrapped = SourceError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
