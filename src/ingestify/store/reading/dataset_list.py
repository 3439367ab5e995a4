"""Datasets as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from ingestify.domain.dataset import DATASET_COLUMNS, Dataset, shown_of
from ingestify.store.reading.table_list import TableList, with_own_names

__all__ = ["DatasetList"]


class DatasetList(TableList[Dataset]):
    """Datasets as a table. The data frame has a column for each key of their identifiers.

    Args:
        datasets: The datasets.
        in_quarantine: The ids of datasets of which a newer version waits in quarantine.
    """

    columns = DATASET_COLUMNS

    def __init__(self, datasets: Iterable[Dataset] = (), in_quarantine: Collection[str] = ()) -> None:
        # polars and dataclasses.asdict do not see into feeds that are parsed at their first use.
        super().__init__(dataset.with_plain_feeds() for dataset in datasets)
        self._in_quarantine = frozenset(in_quarantine)

    @property
    def caption(self) -> str:
        """How many datasets there are."""
        return "1 dataset" if len(self) == 1 else f"{len(self):,} datasets"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each dataset."""
        for dataset in self:
            row = shown_of(dataset)
            if dataset.dataset_id in self._in_quarantine:
                row = tuple(
                    f"{one} (newer in quarantine)" if name == "revision" else one
                    for name, one in zip(self.columns, row, strict=True)
                )
            yield row

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each dataset, with the keys of its identifier."""
        return [_row(dataset, is_older=dataset.dataset_id in self._in_quarantine) for dataset in self]


def _row(dataset: Dataset, *, is_older: bool) -> dict[str, Any]:
    last = dataset.revisions[-1].revision_id if dataset.revisions else None
    row = {
        "dataset_id": dataset.dataset_id,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "name": dataset.name,
        "state": dataset.state.value,
        "revision_id": last,
        "newer_in_quarantine": is_older,
        "feeds": sorted({file.data_feed_key for file in dataset.files.values()}),
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "last_modified_at": dataset.last_modified_at,
        "metadata": dict(dataset.metadata),
    }
    return {**with_own_names(dataset.identifier, row), **row}
