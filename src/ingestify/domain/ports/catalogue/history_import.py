"""Whole histories of datasets, as they are copied from one lake into another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHead, DatasetHistory
from ingestify.domain.quarantine import QuarantineEntry

__all__ = ["HistoryImportPort"]


class HistoryImportPort(Protocol):
    """What copying reads of a catalogue, and writes into it."""

    def find_heads(self, dataset_ids: Sequence[str]) -> list[DatasetHead]:
        """Return where datasets stand, of whatever bucket, in the order in which they came into the lake."""

    def find_heads_of(self, bucket: str, provider: str, dataset_type: str, keys: Sequence[str]) -> list[DatasetHead]:
        """Return where the datasets with these canonical identifiers stand."""

    def write(
        self, histories: Sequence[DatasetHistory], removals_seen: int = 0
    ) -> list[tuple[DatasetEvent, ...] | None]:
        """Write datasets with all of their revisions and their events, in one transaction: each whole or not at all.

        No selector counts as ingested whole any more.

        Args:
            removals_seen: The last removal that had ended before their objects were written.

        Returns:
            The events of each. None for one that was worked out on a dataset that has moved on, or that is there by
            now: nothing of it was written.

        Raises:
            ObjectsInDoubt: Objects that the target had not may be gone; nothing was written.
            SaveError: The catalogue refused; nothing was written.
        """

    def write_entries(self, entries: Sequence[QuarantineEntry], removals_seen: int = 0) -> list[DatasetEvent]:
        """Add quarantine entries that are not there, with their ids, and let those that are have the given state.

        Returns the events of those that were added. The rest is as of `write`.
        """
