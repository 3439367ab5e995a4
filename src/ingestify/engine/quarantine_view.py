"""What waits in quarantine, as a run sees it."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.identifier import Identifier
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.store.dataset_store import DatasetStore

__all__ = ["QuarantineView"]


class QuarantineView:
    """What a run knows of the quarantine: mostly that nothing is in it, for which it asks only once.

    Safe to use from any thread.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._empty: set[tuple[str, str]] = set()

    def find(
        self, kind: tuple[str, str], identifiers: Sequence[Identifier]
    ) -> dict[tuple[Identifier, str], QuarantineEntry]:
        """Return the entries that count, of datasets of one (provider, dataset type), by identifier and source.

        What another source of the provider served is for that source to settle.
        """
        if kind in self._empty:
            return {}
        catalogue, bucket = self._store.catalogue, self._store.bucket
        if not catalogue.has_quarantined(bucket, *kind):
            self._empty.add(kind)
            return {}
        found = catalogue.find_quarantined(bucket, *kind, identifiers)
        return {(entry.identifier, entry.source.get("source", "")): entry for entry in found}

    def changed(self) -> None:
        """This run put something into it."""
        self._empty.clear()
