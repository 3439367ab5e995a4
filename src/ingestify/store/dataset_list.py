"""Datasets as a table: in a notebook, and as a data frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingestify.domain.dataset import Dataset, datasets_as_html
from ingestify.store.data_frame import pandas_of, polars_of

__all__ = ["DatasetList"]


class DatasetList(list[Dataset]):
    """A list that a notebook shows as a table, and that polars and pandas make a data frame of."""

    def __init__(self, datasets: Iterable[Dataset] = ()) -> None:
        # What is parsed when it is looked at is nothing that polars, or dataclasses.asdict, looks into.
        super().__init__(dataset.with_plain_feeds() for dataset in datasets)

    def to_polars(self) -> Any:
        """Return a polars DataFrame: a row for each dataset, with a column for each key of the identifiers.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return polars_of([_row(dataset) for dataset in self])

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame likewise; the metadata are dotted columns, such as `metadata.match_date`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return pandas_of([_row(dataset) for dataset in self])

    def _repr_html_(self) -> str:
        return datasets_as_html(f"{len(self):,} datasets", self)


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
