"""The quarantine, as a run sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestify.domain.identifier import Identifier
from ingestify.domain.plan import Job
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.engine.discovery.discovered import Discovered
from ingestify.store.dataset_store import DatasetStore

__all__ = ["QuarantineView"]


class QuarantineView:
    """Finds entries in the quarantine. It remembers for which dataset types there are none, as for most of them.

    Safe to use from any thread.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._empty: set[tuple[str, str]] = set()

    def find(self, kind: tuple[str, str], batch: Sequence[Discovered]) -> list[QuarantineEntry | None]:
        """Return, for each of several datasets of one type, the entry that its job has to settle, or None.

        An entry from another source of the provider is settled by that source, as long as a plan has it.

        Args:
            kind: Provider and dataset type.
            batch: The datasets.
        """
        nothing: list[QuarantineEntry | None] = [None] * len(batch)
        if kind in self._empty:
            return nothing
        catalogue, bucket = self._store.catalogue, self._store.bucket
        if not catalogue.quarantine.has_any(bucket, *kind):
            self._empty.add(kind)
            return nothing
        of_each: dict[Identifier, dict[str, QuarantineEntry]] = {}
        for entry in catalogue.quarantine.find(bucket, *kind, [one.identifier for one in batch]):
            of_each.setdefault(entry.identifier, {})[entry.source.get("source", "")] = entry
        return [_entry_for(of_each.get(one.identifier, {}), one.job) for one in batch]

    def changed(self) -> None:
        """Ask the catalogue again, as there may be new entries."""
        self._empty.clear()


def _entry_for(by_source: Mapping[str, QuarantineEntry], job: Job) -> QuarantineEntry | None:
    own = by_source.get(job.source_name)
    return own or next((entry for origin, entry in by_source.items() if job.plan.answers_for(origin)), None)
