"""When it is believed that a provider has something no more: at once, or when a second listing says the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ingestify.domain.dataset import DatasetState
from ingestify.domain.text import storable
from ingestify.engine.report.listing import Listing, digest_of, number_of
from ingestify.engine.report.report import JobProgress
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Absence", "AbsenceLimits", "describe_unlisted", "find_absence", "warn_of_nothing"]

logger = PrintableLogger(__name__)

_SHOWN = 5
_MOST_CHARACTERS = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Absence:
    """What the lake has of a selector, and its listing has not.

    Attributes:
        dataset_ids: Of the datasets from the same source that are not MISSING yet.
        digest: Stands for that set.
        held: How many datasets the lake has of the selector, those among them, without what came with this run.
        has_left: Whether some were left out because another writer was at them meanwhile.
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


@dataclasses.dataclass(frozen=True, slots=True)
class AbsenceLimits:
    """How much may be missing at once; more of it needs a second listing.

    Attributes:
        at_once_count: So many datasets of a selector are believed at once.
        at_once_share: So much of what the lake has of a selector, likewise: 0.2 is a fifth.
    """

    at_once_count: int = 3
    at_once_share: float = 0.2

    def believe(self, absence: Absence) -> bool:
        """Return whether one listing is enough. One without anything never is: a disk may not be mounted."""
        count = len(absence.dataset_ids)
        if absence.is_empty:
            return False
        return count <= self.at_once_count or count <= self.at_once_share * absence.held


def find_absence(store: DatasetStore, progress: JobProgress, others: Sequence[Listing]) -> Absence:
    """Look for what the lake has of a job's selector from its source, and the source lists no more.

    Args:
        others: Of jobs of the same source whose selectors overlap with this one: what they list is listed.
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
    # What another source of the same provider brought is for that source to list.
    absent = list(numbers)
    theirs = {
        dataset.dataset_id: dataset.name
        for start in range(0, len(absent), 1000)
        for dataset in store.catalogue.datasets.get(absent[start : start + 1000])
        if not dataset.revisions or job.plan.answers_for(dataset.revisions[-1].source.get("source"))
    }
    # What another writer brought or changed since the source was asked, it may list by now.
    touched = store.catalogue.event_log.find_touched(list(theirs), began_after)
    gone = [dataset_id for dataset_id in theirs if dataset_id not in touched]
    return Absence(
        gone,
        digest_of(numbers[dataset_id] for dataset_id in gone),
        max(held, 0) + len(theirs),
        bool(touched),
        progress.listing.is_empty,
        tuple(sorted(theirs[dataset_id] for dataset_id in gone)),
    )


def describe_unlisted(progress: JobProgress, absence: Absence) -> str:
    """Return what was not believed of a job's listing, for people."""
    count = len(absence.dataset_ids)
    theirs = "1 dataset of it" if count == 1 else f"{count:,} datasets of it"
    if progress.job.has_departed:
        return f"the source does not discover it any more, and the lake has {theirs}; nothing is marked MISSING yet"
    if absence.is_empty:
        return f"nothing is listed, and the lake has {theirs}; nothing is marked MISSING yet"
    are = "is" if count == 1 else "are"
    return (
        f"{count:,} of the {absence.held:,} datasets of it {are} not listed any more ({absence.some_names}); "
        "none is marked MISSING yet"
    )


def warn_of_nothing(progress: JobProgress, store: DatasetStore) -> None:
    """Say that a selector that the plan writes out lists nothing, and that the lake has nothing of it either.

    One that was discovered may be a season that has not begun; one that somebody wrote is more likely misspelt.
    """
    job = progress.job
    if job.is_discovered or not job.is_whole_selector or not progress.listing.is_empty or progress.failed:
        return
    if store.catalogue.datasets.read_metadata(job.dataset_filter(store.bucket)).row_count == 0:
        logger.warning(
            "%s: %s lists nothing: the provider has nothing there, or has it under another name; correct the selector "
            "in the ingestion plan if it is wrong.",
            job.source_name,
            job.selector,
        )
