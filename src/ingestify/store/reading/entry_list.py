"""Quarantine entries as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ingestify.domain.quarantine import QuarantineEntry
from ingestify.store.reading.table_list import TableList, with_own_names

__all__ = ["EntryList"]


class EntryList(TableList[QuarantineEntry]):
    """Quarantine entries as a table. The data frame has a column for each key of their identifiers."""

    columns = ("entry", "dataset", "name", "state", "since (UTC)", "readers see", "why")

    @property
    def caption(self) -> str:
        """How many entries there are."""
        return "1 entry" if len(self) == 1 else f"{len(self):,} entries"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each entry."""
        return map(_shown_of, self)

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each entry, with the keys of its identifier."""
        return [_row(entry) for entry in self]


def _shown_of(entry: QuarantineEntry) -> Sequence[object]:
    return (
        entry.entry_id,
        str(entry),
        entry.name,
        entry.state.value,
        entry.created_at,
        "nothing" if entry.base_revision_id is None else f"revision {entry.base_revision_id}",
        "; ".join(entry.reasons),
    )


def _row(entry: QuarantineEntry) -> dict[str, Any]:
    row = {
        "entry_id": entry.entry_id,
        "dataset_id": entry.dataset_id,
        "provider": entry.provider,
        "dataset_type": entry.dataset_type,
        "name": entry.name,
        "state": entry.state.value,
        "reasons": list(entry.reasons),
        "base_revision_id": entry.base_revision_id,
        "created_at": entry.created_at,
        "checked_at": entry.checked_at,
        "metadata": dict(entry.metadata),
    }
    return {**with_own_names(entry.identifier, row), **row}
