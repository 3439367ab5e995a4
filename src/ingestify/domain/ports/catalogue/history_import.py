"""The import of whole histories of datasets, copied from another lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHead, DatasetHistory
from ingestify.domain.quarantine import QuarantineEntry

__all__ = ["HistoryImportPort"]


class HistoryImportPort(Protocol):
    """The part of a catalogue that copying uses."""

    def find_heads(self, dataset_ids: Sequence[str]) -> list[DatasetHead]:
        """Return the heads of datasets of any bucket, in the order in which they came into the lake."""

    def find_heads_of(self, bucket: str, provider: str, dataset_type: str, keys: Sequence[str]) -> list[DatasetHead]:
        """Return the heads of the datasets with these canonical identifiers."""

    def write(
        self, histories: Sequence[DatasetHistory], removals_seen: int = 0
    ) -> list[tuple[DatasetEvent, ...] | None]:
        """Write datasets with all of their revisions and their events, in one transaction: each whole or not at all.

        No selector counts as complete any more.

        Args:
            histories: The histories, one for a dataset.
            removals_seen: The last removal that had ended before their objects were written.

        Returns:
            The events of each; None for a history whose dataset another writer has changed or made: it is not written.

        Raises:
            ObjectsInDoubt: Objects that are new in the lake may be gone; nothing was written.
            SaveError: The catalogue refused; nothing was written.
        """

    def write_entries(self, entries: Sequence[QuarantineEntry], removals_seen: int = 0) -> list[DatasetEvent]:
        """Add new quarantine entries with their ids, and give existing entries the state of the given ones.

        Arguments and errors are those of `write`. Returns the events.
        """
