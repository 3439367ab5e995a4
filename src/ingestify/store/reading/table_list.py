"""A list that is shown as a table in a notebook and in a terminal, and becomes a data frame."""

from __future__ import annotations

import abc
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar, overload

from ingestify.domain.html_table import html_table
from ingestify.domain.text_table import text_table
from ingestify.store.reading.data_frame import pandas_of, polars_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["TableList", "with_own_names"]

T = TypeVar("T")


class TableList(list[T]):
    """A list that is shown as a table, and becomes a data frame of polars or pandas. A slice of it is one too."""

    columns: Sequence[str] = ()
    """The names of the columns that are shown."""

    @property
    @abc.abstractmethod
    def caption(self) -> str:
        """The line above the table."""

    @abc.abstractmethod
    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the shown values of each row."""

    @abc.abstractmethod
    def as_rows(self) -> list[dict[str, Any]]:
        """Return the rows of a data frame."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: SupportsIndex | slice) -> T | Self:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part = copy.copy(self)
        part[:] = super().__getitem__(index)
        return part

    def to_polars(self) -> pl.DataFrame:
        """Return a polars DataFrame.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return polars_of(self.as_rows())

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas DataFrame; nested values become dotted columns, such as `metadata.match_date`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return pandas_of(self.as_rows())

    def __repr__(self) -> str:
        return text_table(self.caption, self.columns, self.iter_shown(), len(self))

    def _repr_html_(self) -> str:
        return html_table(self.caption, self.columns, self.iter_shown(), len(self))


def with_own_names(identifier: Mapping[str, object], row: Mapping[str, object]) -> dict[str, object]:
    """Return an identifier's keys as further columns of a row; a key that the row has too becomes `identifier.…`."""
    return {f"identifier.{key}" if key in row else key: value for key, value in identifier.items()}
