"""How the catalogue's datasets change: each change and its events in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.events import DatasetEvent

__all__ = ["ChangesPort", "HeadMoved", "OnEvents"]

OnEvents = Callable[[Sequence[DatasetEvent]], object]


class HeadMoved(Exception):
    """Another writer changed a dataset after a change to it was worked out; work it out again.

    Not an IngestifyError: nobody outside the engine sees it.
    """

    def __init__(self, changes: Sequence[DatasetChange]) -> None:
        super().__init__(", ".join(str(change.identifier) for change in changes))
        self.changes = tuple(changes)


class ChangesPort(Protocol):
    """The changes to a catalogue's datasets and quarantine entries that the event log tells."""

    def apply(self, changes: Sequence[DatasetChange], removals_seen: int = 0) -> list[AppliedChange]:
        """Commit changes with their event-log rows, in one transaction: all or none.

        Args:
            removals_seen: The last removal that had ended before their objects were written.

        Raises:
            HeadMoved: Some were worked out on a dataset that has moved on; nothing was written.
            ObjectsInDoubt: Objects of new files may be gone; nothing was written.
            SaveError: The catalogue refused; nothing was written.
            OutcomeUnknown: The connection was lost at the commit, and it could not be found out either whether they
                are there. Nothing that they name may be removed.
        """

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> list[DatasetEvent]:
        """Mark current revisions VALIDATION_FAILED, in one transaction. Returns the events."""

    def mark_missing(self, dataset_ids: Sequence[str]) -> list[DatasetEvent]:
        """Set the state of datasets to MISSING, in one transaction. Returns the events."""

    def delete(self, dataset_ids: Sequence[str], on_events: OnEvents | None = None) -> list[str]:
        """Remove datasets with all their rows. Returns the paths of objects that no row names any more.

        Args:
            on_events: Called with the events once they are committed.

        With each path the moment is remembered, for `find_unnamed`.
        No selector counts as ingested whole any more; likewise after `invalidate`.
        """

    def discard_quarantine(
        self, entry_ids: Sequence[str], decided_by: str, note: str, on_events: OnEvents | None = None
    ) -> list[str]:
        """Mark open entries DISCARDED. Returns the paths of objects that nothing names any more.

        Args:
            on_events: Called with the events once they are committed.
        """
