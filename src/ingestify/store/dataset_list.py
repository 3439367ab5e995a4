"""Datasets as a table: in a notebook, and as a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ingestify.domain.dataset import DATASET_COLUMNS, Dataset, shown_of
from ingestify.store.table_list import TableList

__all__ = ["DatasetList"]


class DatasetList(TableList[Dataset]):
    """A list that is shown as a table; as a data frame it has a column for each key of the identifiers."""

    columns = DATASET_COLUMNS

    def __init__(self, datasets: Iterable[Dataset] = ()) -> None:
        # What is parsed when it is looked at is nothing that polars, or dataclasses.asdict, looks into.
        super().__init__(dataset.with_plain_feeds() for dataset in datasets)

    @property
    def caption(self) -> str:
        """How many there are."""
        return "1 dataset" if len(self) == 1 else f"{len(self):,} datasets"

    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield what is shown of each."""
        return map(shown_of, self)

    def as_rows(self) -> list[dict[str, Any]]:
        """Return a row for each dataset, with the keys of its identifier."""
        return [_row(dataset) for dataset in self]


def _row(dataset: Dataset) -> dict[str, Any]:
    last = dataset.revisions[-1].revision_id if dataset.revisions else None
    row = {
        "dataset_id": dataset.dataset_id,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "name": dataset.name,
        "state": dataset.state.value,
        "revision_id": last,
        "feeds": sorted({file.data_feed_key for file in dataset.files.values()}),
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "last_modified_at": dataset.last_modified_at,
        "metadata": dict(dataset.metadata),
    }
    # What the provider calls `name` does not hide ours.
    identifier = {f"identifier.{key}" if key in row else key: value for key, value in dataset.identifier.items()}
    return {**identifier, **row}
