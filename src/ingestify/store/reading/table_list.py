"""A list that is a table: in a notebook, in a terminal, and as a data frame."""

from __future__ import annotations

import abc
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, SupportsIndex, TypeVar, overload

from ingestify.domain.html_table import html_table
from ingestify.domain.text_table import text_table
from ingestify.store.reading.data_frame import pandas_of, polars_of

__all__ = ["TableList", "with_own_names"]

T = TypeVar("T")


class TableList(list[T]):
    """A list that shows itself as a table, and that polars and pandas make a data frame of; so is a part of it."""

    columns: Sequence[str] = ()
    """The names of the columns that are shown."""

    @property
    @abc.abstractmethod
    def caption(self) -> str:
        """What it is, in a line."""

    @abc.abstractmethod
    def iter_shown(self) -> Iterator[Sequence[object]]:
        """Yield the values of each row that are shown."""

    @abc.abstractmethod
    def as_rows(self) -> list[dict[str, Any]]:
        """Return each row of a data frame."""

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

    def to_polars(self) -> Any:
        """Return a polars DataFrame.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return polars_of(self.as_rows())

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame likewise; what is nested are dotted columns, such as `metadata.match_date`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return pandas_of(self.as_rows())

    def __repr__(self) -> str:
        return text_table(self.caption, self.columns, self.iter_shown(), len(self))

    def _repr_html_(self) -> str:
        return html_table(self.caption, self.columns, self.iter_shown(), len(self))


def with_own_names(identifier: Mapping[str, object], row: Mapping[str, object]) -> dict[str, object]:
    """Return the keys of an identifier as columns beside a row's: what the provider calls `name` does not hide ours."""
    return {f"identifier.{key}" if key in row else key: value for key, value in identifier.items()}
