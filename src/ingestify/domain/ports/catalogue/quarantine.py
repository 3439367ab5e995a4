"""The catalogue's quarantine: bundles that failed a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ingestify.domain.identifier import Identifier
from ingestify.domain.ports.catalogue.datasets import DatasetFilter
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState, WaitingBundle

__all__ = ["QuarantinePort"]


class QuarantinePort(Protocol):
    """The quarantine of a catalogue."""

    def has_any(self, bucket: str, provider: str, dataset_type: str) -> bool:
        """Whether there is any entry that is OPEN or DISCARDED."""

    def find(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> list[QuarantineEntry]:
        """Return the entries of datasets that are OPEN or DISCARDED, oldest first, with one set query."""

    def find_waiting(self, dataset_filter: DatasetFilter) -> list[WaitingBundle]:
        """Return the bundles of OPEN entries, for readers of their datasets, newest first, with one query.

        The filter's states are those of the datasets in the lake.
        """

    def iter_entries(
        self, dataset_filter: DatasetFilter, states: Sequence[QuarantineState] = ()
    ) -> Iterator[QuarantineEntry]:
        """Yield entries, newest first, page by page: there may be as many as datasets. No states: any state."""

    def find_newest(
        self,
        dataset_filter: DatasetFilter,
        limit: int,
        before: int | None = None,
        states: Sequence[QuarantineState] = (),
    ) -> tuple[list[QuarantineEntry], int | None]:
        """Return a page of entries, newest first, and where the next page begins; None: there is none.

        Args:
            dataset_filter: Its states are those of datasets, and are ignored.
            limit: The most entries.
            before: Where the page begins, as the page before it said; None: it is the first one.
            states: Of the entries; none: any.
        """

    def count_reasons(self, bucket: str) -> list[tuple[str, tuple[str, ...], int]]:
        """Count the OPEN entries of a bucket by provider and reasons."""

    def count_open(self, bucket: str) -> Mapping[tuple[str, str], int]:
        """Count the OPEN entries of a bucket by (provider, dataset type)."""

    def find_ids(self, bucket: str, beginning: str) -> list[str]:
        """Return the ids of a bucket's entries that begin with a text."""

    def find_entry(self, entry_id: str) -> QuarantineEntry | None:
        """Return one entry, or None."""

    def save_check(self, entry: QuarantineEntry) -> None:
        """Save the time and the `feeds` of a check: the provider still serves the bundle. A requested retry is done."""

    def request_retry(self, entry_ids: Sequence[str]) -> int:
        """Let the next run fetch the bundles of open or discarded entries anew. Returns how many there were."""
