"""The rows of some datasets, on their way from the workers into one commit."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.errors import LoadError
from ingestify.store.reading.data_frame import library
from ingestify.tables.columns import Columns, with_plain_names
from ingestify.tables.delta import cast
from ingestify.tables.make_rows import Rows
from ingestify.tables.problems import TableProblem

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Batch"]

_MOST_DATASETS = 200
_MOST_BYTES = 64_000_000
"""A commit has about so many datasets, or so many bytes of compressed Arrow: its files are neither small nor huge."""


class Batch:
    """Rows, compressed until they are written.

    Args:
        table: The name of the table.
        names: The names of its columns by their small letters.

    Attributes:
        columns: The columns of the rows.
        datasets: The datasets by their ids, also those without rows.
        problems: Those that rows could not be made of.
    """

    def __init__(self, table: str, names: dict[str, str]) -> None:
        self.columns = Columns()
        self.datasets: dict[str, Dataset] = {}
        self.problems: list[TableProblem] = []
        self._table = table
        self._names = names
        self._rows: dict[str, Rows] = {}

    def add(self, dataset: Dataset, rows: Rows) -> None:
        """Add the rows of a dataset, or why there are none."""
        self.datasets[dataset.dataset_id] = dataset
        problem = rows.problem
        try:
            for content in () if problem else rows.frames:
                self.columns.add(self._frame(content))
        except LoadError as error:
            problem = str(error)
        if problem:
            self.problems.append(TableProblem.of(self._table, dataset, problem, now()))
        elif rows.height:
            self._rows[dataset.dataset_id] = rows

    def drop(self, dataset_id: str) -> None:
        """Forget a dataset."""
        del self.datasets[dataset_id]
        self._rows.pop(dataset_id, None)

    @property
    def ids_with_rows(self) -> set[str]:
        """The datasets with rows."""
        return set(self._rows)

    @property
    def ids_without_problem(self) -> set[str]:
        """The datasets whose rows could be made, also if there are none."""
        return self.datasets.keys() - {one.dataset_id for one in self.problems}

    @property
    def height(self) -> int:
        """The number of rows."""
        return sum(rows.height for rows in self._rows.values())

    @property
    def is_full(self) -> bool:
        """Whether it is time to commit it."""
        size = sum(len(content) for rows in self._rows.values() for content in rows.frames)
        return len(self.datasets) >= _MOST_DATASETS or size >= _MOST_BYTES

    def iter_frames(self, schema: Mapping[str, pl.DataType]) -> Iterator[pl.DataFrame]:
        """Yield the rows with these columns, one frame after the other."""
        for rows in self._rows.values():
            for content in rows.frames:
                yield cast(self._frame(content), schema)

    def _frame(self, content: bytes) -> pl.DataFrame:
        """Return rows as the workers made them, with names that every engine reads."""
        return with_plain_names(library("polars").read_ipc(io.BytesIO(content)), self._names)
