"""Source → what is new: consume a source lazily, look up the lake by sets, let the fetch policy decide."""

from __future__ import annotations

import dataclasses
import enum
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from ingestify.domain.change import metadata_text
from ingestify.domain.dataset import CollectionMetadata, Dataset
from ingestify.domain.fetch_policy import reasons_to_fetch
from ingestify.domain.identifier import Identifier
from ingestify.domain.plan import Job
from ingestify.domain.ports import KnownDataset
from ingestify.domain.resource import DatasetResource
from ingestify.domain.selector import identifier_matches
from ingestify.engine.planner import find_arguments
from ingestify.engine.report import JobProgress, PlannedDataset, one_line
from ingestify.errors import IngestifyError, SourceError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Action", "Decision", "Discovered", "as_exception", "decide", "iter_discovered"]

logger = logging.getLogger(__name__)

LOOK_UP_SIZE = 1000
"""How many identifiers one set query looks up."""


class Action(enum.StrEnum):
    """What is to be done with a discovered dataset."""

    FETCH = "fetch"
    REFETCH = "refetch"
    METADATA = "metadata"
    UNCHANGED = "unchanged"
    SKIP = "skip"


@dataclasses.dataclass(frozen=True, slots=True)
class Discovered:
    """A dataset that a job's source announced.

    Attributes:
        tries: How often another writer was faster with it.
    """

    progress: JobProgress
    resource: DatasetResource
    identifier: Identifier
    tries: int = 0

    @property
    def job(self) -> Job:
        """The job that found it."""
        return self.progress.job

    @property
    def key(self) -> tuple[str, str, Identifier]:
        """What is unique in a bucket."""
        return (self.provider, self.resource.dataset_type, self.identifier)

    @property
    def provider(self) -> str:
        """The resource's provider, else the source's."""
        return self.resource.provider or self.job.provider

    @property
    def name(self) -> str:
        """What people call it; its identifier if the source does not say."""
        return self.resource.name or str(self.identifier)


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, and why.

    Attributes:
        existing: The dataset in full; None if the lake has not got it, or if nothing is to be done.
        dataset_id: Its id if the lake has it.
        error: What the fetch policy raised, or the source marked; then the dataset fails.
    """

    discovered: Discovered
    action: Action
    existing: Dataset | None = None
    dataset_id: str | None = None
    reasons: tuple[str, ...] = ()
    error: Exception | None = None

    def as_planned(self) -> PlannedDataset:
        """Return it as a dry run tells it."""
        discovered, error = self.discovered, self.error
        return PlannedDataset(
            source=discovered.job.source_name,
            provider=discovered.provider,
            dataset_type=discovered.resource.dataset_type,
            identifier=str(discovered.identifier),
            name=discovered.name,
            action=self.action.value if error is None else "failed",
            reasons=self.reasons if error is None else (one_line(error),),
            files=tuple(discovered.resource.files),
        )


class _LazyMetadata:
    """Stands for a CollectionMetadata, read from the catalogue only when a source looks at it."""

    def __init__(self, store: DatasetStore, job: Job) -> None:
        self._store = store
        self._job = job
        self._read: CollectionMetadata | None = None

    def _metadata(self) -> CollectionMetadata:
        if self._read is None:
            job = self._job
            self._read = self._store.get_dataset_collection(
                dataset_type=job.plan.dataset_type,
                provider=job.provider,
                metadata_only=True,
                **job.selector.attributes,
            ).metadata
        return self._read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metadata(), name)


def iter_discovered(progress: JobProgress, store: DatasetStore) -> Iterator[list[Discovered]]:
    """Yield what a job's source announces, lazily: a list for each that it yields.

    Raises:
        SourceError: The source yields what is no dataset resource, or one that nothing identifies.
        Exception: Whatever the source raises.
    """
    job = progress.job
    found: Iterable[DatasetResource | list[DatasetResource]] | None = job.plan.source.find_datasets(
        job.plan.dataset_type,
        job.plan.data_spec_versions,
        cast(CollectionMetadata, _LazyMetadata(store, job)),
        **find_arguments(job),
    )
    if found is None:
        raise SourceError(
            f"find_datasets of the source '{job.source_name}' returned None; return a list, or yield resources."
        )
    if isinstance(found, (list, tuple)) and all(isinstance(one, DatasetResource) for one in found):
        found = [list(cast("Sequence[DatasetResource]", found))]
    left_out: Identifier | None = None
    any_chosen = False
    for item in found:
        batch = item if isinstance(item, (list, tuple)) else [item]
        for start in range(0, len(batch), LOOK_UP_SIZE):
            chosen = []
            for resource in batch[start : start + LOOK_UP_SIZE]:
                discovered = _identify(progress, resource)
                if identifier_matches(discovered.identifier, job.filters):
                    chosen.append(discovered)
                else:
                    left_out = discovered.identifier
            if chosen:
                any_chosen = True
                yield chosen
    if not any_chosen and left_out is not None:
        _warn_of_unknown_filters(job, left_out)


def _warn_of_unknown_filters(job: Job, example: Identifier) -> None:
    """A misspelt filter must not look like a provider that has nothing."""
    for key in job.filters:
        if key not in example:
            logger.warning(
                "%s: %s: no dataset has the identifier key '%s', so the filter lets none through; the keys are %s.",
                job.source_name,
                job.selector.name,
                key,
                ", ".join(example),
            )


def _identify(progress: JobProgress, resource: object) -> Discovered:
    job = progress.job
    if not isinstance(resource, DatasetResource):
        raise SourceError(
            f"find_datasets of the source '{job.source_name}' yielded a {type(resource).__name__}; "
            f"it must yield DatasetResource objects or lists of them."
        )
    identifier = resource.identifier(job.selector)
    if resource.provider is None:
        resource.provider = job.provider
    return Discovered(progress, resource, identifier)


def decide(store: DatasetStore, batch: Sequence[Discovered]) -> list[Decision]:
    """Decide what is to be done with each of a batch, by one set query for each kind of dataset in it.

    What a fetch policy raises fails its dataset only.

    Raises:
        StoreError: The catalogue refused.
    """
    kinds: dict[tuple[str, str], list[Discovered]] = {}
    for discovered in batch:
        kinds.setdefault((discovered.provider, discovered.resource.dataset_type), []).append(discovered)
    decisions: list[Decision] = []
    for (provider, dataset_type), members in kinds.items():
        for start in range(0, len(members), LOOK_UP_SIZE):
            some = members[start : start + LOOK_UP_SIZE]
            known = store.catalogue.find_known(
                store.bucket, provider, dataset_type, [discovered.identifier for discovered in some]
            )
            decisions += _decide_known(store, some, known)
    return decisions


def _decide_known(
    store: DatasetStore, members: Sequence[Discovered], known: dict[Identifier, KnownDataset]
) -> list[Decision]:
    first = [(discovered, *_first_look(discovered, known.get(discovered.identifier))) for discovered in members]
    # None: the summary was not enough, so the full dataset is loaded, for all such at once.
    full_ids = [
        known[discovered.identifier].dataset_id for discovered, action, _ in first if action in (None, Action.METADATA)
    ]
    full = {dataset.dataset_id: dataset for dataset in store.catalogue.get_datasets(full_ids)} if full_ids else {}
    decisions = []
    for discovered, action, error in first:
        row = known.get(discovered.identifier)
        existing = None if row is None else full.get(row.dataset_id)
        if action is None and error is None:
            action, error = _second_look(discovered, row, existing)
        reasons: tuple[str, ...] = ()
        if action is Action.REFETCH and existing is not None:
            reasons = tuple(reasons_to_fetch(existing.summary, discovered.resource)) or ("by the fetch policy",)
        elif action is Action.FETCH:
            reasons = ("not in the lake",)
        elif action is Action.METADATA and row is not None:
            reasons = tuple(_description_changes(discovered, row))
        elif action is Action.SKIP:
            reasons = ("the fetch policy does not want it",)
        decisions.append(
            Decision(
                discovered,
                action or Action.FETCH,
                existing,
                None if row is None else row.dataset_id,
                reasons,
                error,
            )
        )
    return decisions


def _first_look(discovered: Discovered, row: KnownDataset | None) -> tuple[Action | None, Exception | None]:
    resource, policy = discovered.resource, discovered.job.plan.fetch_policy
    if resource.error is not None:
        return Action.FETCH, as_exception(resource.error)
    try:
        if row is None:
            return (Action.FETCH if policy.should_fetch(resource) else Action.SKIP), None
        if not policy.can_skip(row.summary, resource):
            return None, None
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        return Action.FETCH, _policy_error(policy, error)
    return (Action.METADATA if _description_changes(discovered, row) else Action.UNCHANGED), None


def _second_look(
    discovered: Discovered, row: KnownDataset | None, existing: Dataset | None
) -> tuple[Action, Exception | None]:
    if existing is None or row is None:
        return Action.FETCH, None  # deleted since the set query
    policy = discovered.job.plan.fetch_policy
    try:
        if policy.should_refetch(existing, discovered.resource):
            return Action.REFETCH, None
    except BaseException as error:  # noqa: BLE001 - the edge to user code
        return Action.REFETCH, _policy_error(policy, error)
    return (Action.METADATA if _description_changes(discovered, row) else Action.UNCHANGED), None


def _description_changes(discovered: Discovered, row: KnownDataset) -> list[str]:
    """Return what differs of name, state and metadata, for people."""
    resource = discovered.resource
    changes = []
    if discovered.name != row.name:
        changes.append(f"name: '{row.name}' → '{discovered.name}'")
    # A state that post_load_files works out from the files is not known before they are loaded.
    if resource.post_load_files is None and resource.state is not row.state:
        changes.append(f"state: {row.state} → {resource.state}")
    if metadata_text(resource.metadata) != row.metadata:
        changes.append("metadata")
    return changes


def as_exception(error: BaseException) -> Exception:
    """Return an error of user code as one that can fail a dataset or a job: a `sys.exit` there ends neither more."""
    if isinstance(error, Exception):
        return error
    wrapped = SourceError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def _policy_error(policy: object, error: BaseException) -> Exception:
    if isinstance(error, IngestifyError):
        return error
    wrapped = SourceError(f"The fetch policy {type(policy).__name__} raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
