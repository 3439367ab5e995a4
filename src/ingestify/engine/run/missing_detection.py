"""Datasets of the lake that a source no longer lists: what they are, and whether one listing is enough to say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec

from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import canonical_value
from ingestify.domain.plan import Job
from ingestify.domain.selector import Filters, Selector, Several
from ingestify.domain.text import storable
from ingestify.engine.report.listing import Listing, digest_of, number_of
from ingestify.engine.report.report import JobProgress
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["MissingDatasets", "MissingLimits", "describe_unlisted", "find_missing", "warn_if_nothing_is_listed"]

logger = PrintableLogger(__name__)

_SHOWN = 5
_MOST_CHARACTERS = 100


class MissingDatasets(msgspec.Struct, frozen=True):
    """What the lake has of a selector, and the listing of the selector does not have.

    Attributes:
        dataset_ids: The ids of the datasets from the same source that are not marked MISSING yet.
        digest: A digest of that set.
        held: How many datasets of the selector the lake has, with these, and without those that came with this run.
        has_left: Whether some were left out because another writer changed them meanwhile.
        is_empty: Whether the listing has nothing at all.
        names: Their names, in order.
    """

    dataset_ids: list[str]
    digest: str
    held: int
    has_left: bool
    is_empty: bool
    names: tuple[str, ...] = ()

    @property
    def some_names(self) -> str:
        """The first names, for people."""
        more = len(self.names) - _SHOWN
        shown = ", ".join(storable(name, _MOST_CHARACTERS) for name in self.names[:_SHOWN])
        return f"{shown} and {more:,} more" if more > 0 else shown


class MissingLimits(msgspec.Struct, frozen=True):
    """How many datasets of a selector are marked MISSING after one listing. More than that need a second listing.

    Attributes:
        at_once_count: The number of datasets.
        at_once_share: The share of what the lake has of the selector; 0.2 is a fifth. The larger one of the two counts.
    """

    at_once_count: int = 3
    at_once_share: float = 0.2

    def believe(self, missing: MissingDatasets) -> bool:
        """Return whether one listing is enough. An empty one never is: a disk may not be mounted."""
        count = len(missing.dataset_ids)
        if missing.is_empty:
            return False
        return count <= self.at_once_count or count <= self.at_once_share * missing.held


def find_missing(store: DatasetStore, progress: JobProgress, others: Sequence[Listing]) -> MissingDatasets:
    """Find what the lake has of a job's selector from its source, and the source no longer lists.

    Args:
        store: The lake.
        progress: The job.
        others: The listings of other jobs of the source whose selectors overlap with this one. They count, too.
    """
    job, began_after = progress.job, progress.began_after
    assert began_after is not None, "its discovery began"
    listed = progress.listing.numbers().union(*(one.numbers() for one in others))
    numbers: dict[str, int] = {}
    held = -progress.listing.came_count
    for dataset_id, key, state in store.catalogue.datasets.iter_identities(job.dataset_filter(store.bucket)):
        if state is DatasetState.MISSING:
            continue
        number = number_of(key)
        if number in listed:
            held += 1
        else:
            numbers[dataset_id] = number
    # Another source of the same provider lists what it brought itself.
    absent = list(numbers)
    theirs = {
        dataset.dataset_id: dataset.name
        for start in range(0, len(absent), 1000)
        for dataset in store.catalogue.datasets.get(absent[start : start + 1000])
        if not dataset.revisions or job.plan.answers_for(dataset.revisions[-1].source.get("source"))
    }
    # The source may list by now what another writer brought or changed since the source was asked.
    touched = store.catalogue.event_log.find_touched(list(theirs), began_after)
    gone = [dataset_id for dataset_id in theirs if dataset_id not in touched]
    return MissingDatasets(
        gone,
        digest_of(numbers[dataset_id] for dataset_id in gone),
        max(held, 0) + len(theirs),
        bool(touched),
        progress.listing.is_empty,
        tuple(sorted(theirs[dataset_id] for dataset_id in gone)),
    )


def describe_unlisted(progress: JobProgress, missing: MissingDatasets) -> str:
    """Return what a job's listing lacks and is not marked MISSING yet, for people."""
    count = len(missing.dataset_ids)
    theirs = "1 dataset of it" if count == 1 else f"{count:,} datasets of it"
    if progress.job.has_departed:
        return f"the source does not discover it any more, and the lake has {theirs}; nothing is marked MISSING yet"
    if missing.is_empty:
        return f"nothing is listed, and the lake has {theirs}; nothing is marked MISSING yet"
    are = "is" if count == 1 else "are"
    return (
        f"{count:,} of its {missing.held:,} datasets {are} not listed any more ({missing.some_names}); "
        "none is marked MISSING yet"
    )


def warn_if_nothing_is_listed(progress: JobProgress, store: DatasetStore) -> None:
    """Warn if a selector that the plan writes out lists nothing, and the lake has nothing of it either.

    A selector that was discovered may be a season that has not begun. A selector that a person wrote may be misspelt.
    So may one of several values of a key.
    """
    job = progress.job
    if job.is_discovered or not job.is_whole_selector or progress.failed:
        return
    selector: Selector | None = job.selector if progress.listing.is_empty else None
    for key, values in job.selector.several.items() if progress.listed_all else ():
        listed = progress.matched.get(key, ())
        not_listed = [one for one in values if canonical_value(one) not in listed]
        unknown = [one for one in not_listed if not _is_in_lake(store, job, {**job.selector.attributes, key: one})]
        if unknown:
            selector = Selector({**job.selector.attributes, key: Several(unknown)})
    if selector is not None and not _is_in_lake(store, job, selector.attributes):
        logger.warning(
            "%s: %s lists nothing: the provider has nothing there, or has it under another name; correct the selector "
            "in the ingestion plan if it is wrong.",
            job.source_name,
            selector,
        )


def _is_in_lake(store: DatasetStore, job: Job, attributes: Filters) -> bool:
    wanted = dataclasses.replace(job.dataset_filter(store.bucket), selector=attributes)
    return store.catalogue.datasets.read_metadata(wanted).row_count > 0
