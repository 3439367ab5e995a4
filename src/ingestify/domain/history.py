"""History import: a dataset with all of its revisions, taken over from another lake."""

from __future__ import annotations

import dataclasses
import datetime as dt

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import (
    DatasetCreated,
    DatasetEvent,
    MetadataUpdated,
    RevisionAdded,
    RevisionInvalidated,
    RevisionWarned,
)
from ingestify.domain.revision import Revision, RevisionState

__all__ = ["DatasetHead", "DatasetHistory", "find_conflict", "history_events"]


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetHead:
    """The state of a dataset's history, without loading it.

    Attributes:
        identifier_key: The identifier's canonical text.
        revision_count: How many revisions it has.
        current_state: The state of the last one; None if there is none.
        updated_at: When its row last changed.
    """

    dataset_id: str
    provider: str
    dataset_type: str
    identifier_key: str
    revision_count: int
    current_state: RevisionState | None
    updated_at: dt.datetime

    @property
    def identity(self) -> tuple[str, str, str]:
        """Provider, dataset type and canonical identifier, which are unique in a bucket."""
        return self.provider, self.dataset_type, self.identifier_key

    @property
    def moment(self) -> tuple[int, RevisionState | None, dt.datetime]:
        """Equal for two heads at the same point of one history."""
        return self.revision_count, self.current_state, self.updated_at

    def is_of(self, dataset: Dataset) -> bool:
        """Whether it is the head of this dataset, at the same point of its history."""
        state = dataset.revisions[-1].state if dataset.revisions else None
        return self.moment == (len(dataset.revisions), state, dataset.updated_at)


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetHistory:
    """The whole history that a dataset gets.

    Attributes:
        dataset: The dataset with the id, the bucket and the paths that it gets.
        existing: The dataset in the target when the import was prepared, which must be unchanged; None: it is new.
    """

    dataset: Dataset
    existing: Dataset | None

    @property
    def new_paths(self) -> set[str]:
        """The objects of the dataset that no row of the target names yet."""
        return _paths_of(self.dataset) - (set() if self.existing is None else _paths_of(self.existing))


def _paths_of(dataset: Dataset) -> set[str]:
    return {file.storage_path for revision in dataset.revisions for file in revision.modified_files}


def find_conflict(source: Dataset, target: Dataset) -> str | None:
    """Return why the history of `target` is not the beginning of the history of `source`; None: it is."""
    for ours, theirs in zip(source.revisions, target.revisions, strict=False):
        if ours.is_thinned or theirs.is_thinned:
            if ours.created_at != theirs.created_at:
                return f"revision {ours.revision_id} is another one in the target"
        elif _content(ours) != _content(theirs):
            differing = sorted({file_id for file_id, _ in _content(ours)[0] ^ _content(theirs)[0]})
            what = ", ".join(differing) or "what it removed"
            return f"revision {ours.revision_id} has other content in the target ({what})"
    ahead = len(target.revisions) - len(source.revisions)
    if ahead > 0:
        return f"the target has {ahead} {'revision' if ahead == 1 else 'revisions'} more than the source"
    return None


def _content(revision: Revision) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    files = frozenset((file.file_id, file.tag) for file in revision.modified_files)
    return files, frozenset(revision.removed_file_ids)


def history_events(history: DatasetHistory, moment: dt.datetime) -> list[DatasetEvent]:
    """Return the events of an import: those of each new revision, as after a run."""
    dataset, existing = history.dataset, history.existing
    begun = 0 if existing is None else len(existing.revisions)
    shown = [
        dataclasses.replace(dataset, revisions=dataset.revisions[: number + 1])
        for number in range(begun, len(dataset.revisions))
    ]
    events: list[DatasetEvent] = []
    if existing is None:
        events.append(DatasetCreated(dataset=shown[0] if shown else dataset, occurred_at=moment))
    for one in shown:
        events.append(RevisionAdded(dataset=one, occurred_at=moment))
        if one.warnings:
            events.append(RevisionWarned(dataset=one, occurred_at=moment, warnings=one.warnings))
    head = dataset.revisions[-1] if dataset.revisions else None
    is_failed = head is not None and head.state is RevisionState.VALIDATION_FAILED
    was_failed = (
        existing is not None
        and not shown
        and existing.revisions[-1:]
        and (existing.revisions[-1].state is RevisionState.VALIDATION_FAILED)
    )
    if head is not None and is_failed and not was_failed:
        events.append(RevisionInvalidated(dataset=dataset, reason=head.description, occurred_at=moment))
    return events or [MetadataUpdated(dataset=dataset, occurred_at=moment)]
