"""What worker processes do: they make the rows of one dataset for the tables that lack them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, cast

from ingestify.domain.dataset import Dataset
from ingestify.errors import IntegrityError, LoadError
from ingestify.masking import mask_text
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.mapping import MapResult, map_datasets
from ingestify.tables.definition import TableDefinition
from ingestify.tables.make_rows import Rows, make_rows

__all__ = ["LoaderOf", "Made", "Work", "iter_made", "make_rows_of"]

LoaderOf = Callable[[Dataset], str | None]
"""Returns the format of a dataset's files by the settings; None: they do not say it."""

_ALONE_SECONDS = 1.0
"""For so long this process works alone: to start others takes as long, and is seldom worth it for a few datasets."""


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """One dataset, and the tables that lack its rows. It can be pickled.

    Attributes:
        loader: The format of its files by the settings; None: they do not say it.
    """

    dataset: Dataset
    tables: tuple[TableDefinition, ...]
    loader: str | None

    def __str__(self) -> str:
        return str(self.dataset)


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """The rows that were made of one dataset.

    Attributes:
        rows: The rows by table.
        problem: Why there are none of any table; empty: there are.
    """

    work: Work
    rows: dict[str, Rows]
    problem: str = ""

    def rows_of(self, definition: TableDefinition) -> Rows:
        """Return the rows of a table, or why there are none."""
        return Rows(problem=self.problem) if self.problem else self.rows[definition.name]


def make_rows_of(work: Work) -> dict[str, Rows]:
    """Return the rows of a dataset, by table."""
    return make_rows(work.dataset, work.tables, work.loader)


def iter_made(store: DatasetStore, works: Iterator[Work], executor: Executor | None) -> Iterator[Made]:
    """Yield the rows of datasets as they come: from an executor, or from a process for each core.

    The first second of it, and all of a lake that no other process can open, is done in this process.

    Raises:
        Exception: Whatever an executor raises, or a worker, unless it is about one dataset.
    """
    began = time.monotonic()
    while executor is None and (work := next(works, None)) is not None:
        yield Made(work, make_rows_of(work))
        if time.monotonic() - began > _ALONE_SECONDS and not isinstance(store.reference, str):
            break
    # It takes anything that can be pickled and has a name.
    results: Iterator[Any] = map_datasets(cast(Any, make_rows_of), cast(Any, works), executor, progress=False)
    yield from map(_made, results)


def _made(result: MapResult[dict[str, Rows]]) -> Made:
    work = cast(Any, result.dataset)
    if isinstance(result.error, (LoadError, IntegrityError)):
        return Made(work, {}, mask_text(str(result.error)))
    return Made(work, result.value)
