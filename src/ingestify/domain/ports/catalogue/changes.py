"""Changes to the catalogue's datasets, each in one transaction with its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.events import DatasetEvent
from ingestify.domain.thinning import ChooseThinned, Thinned

__all__ = ["ChangesPort", "HeadMoved", "OnEvents"]

OnEvents = Callable[[Sequence[DatasetEvent]], object]


class HeadMoved(Exception):
    """Another writer changed a dataset after a change to it was computed; compute it again.

    Not an IngestifyError: nobody outside the engine sees it.
    """

    def __init__(self, changes: Sequence[DatasetChange]) -> None:
        super().__init__(", ".join(str(change.identifier) for change in changes))
        self.changes = tuple(changes)


class ChangesPort(Protocol):
    """The changes to datasets and quarantine entries that the event log records."""

    def apply(self, changes: Sequence[DatasetChange], removals_seen: int = 0) -> list[AppliedChange]:
        """Commit changes with their event-log rows, in one transaction: all or none.

        Args:
            changes: The changes, one for a dataset.
            removals_seen: The last removal that had ended before their objects were written.

        Raises:
            HeadMoved: Another writer changed a dataset after its change was computed; nothing was written.
            ObjectsInDoubt: Objects of new files may be gone; nothing was written.
            SaveError: The catalogue refused; nothing was written.
            OutcomeUnknown: The connection was lost at the commit, and the log could not be read. The objects of the
                changes must stay.
        """

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> list[DatasetEvent]:
        """Mark current revisions VALIDATION_FAILED, in one transaction. Returns the events."""

    def mark_missing(self, dataset_ids: Sequence[str]) -> list[DatasetEvent]:
        """Set the state of datasets to MISSING, in one transaction. Returns the events."""

    def delete(self, dataset_ids: Sequence[str], on_events: OnEvents | None = None) -> list[str]:
        """Remove datasets with all their rows but their events.

        No selector counts as complete any more; the same after `invalidate`.

        Args:
            dataset_ids: The datasets.
            on_events: Called with the events after the commit.

        Returns:
            The paths of the objects that this orphaned. The time of each is kept for `DeletionsPort.find_orphaned`.
        """

    def thin(self, dataset_ids: Sequence[str], choose: ChooseThinned, on_events: OnEvents) -> list[Thinned]:
        """Remove the files of revisions, unless another revision needs them. The revisions stay, as THINNED.

        Args:
            dataset_ids: The datasets.
            choose: Gets a dataset and the numbers of its revisions that are kept.
            on_events: Called with the events after the commit.

        Returns:
            What was thinned. The time at which each object lost its last row is kept.
        """

    def discard_quarantine(
        self, entry_ids: Sequence[str], decided_by: str, note: str, on_events: OnEvents | None = None
    ) -> list[str]:
        """Mark open entries DISCARDED.

        Args:
            entry_ids: The entries.
            decided_by: Who decided it, for people.
            note: Why, for people.
            on_events: Called with the events after the commit.

        Returns:
            The paths of the objects that this orphaned.
        """
