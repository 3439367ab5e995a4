"""The columns of a table: which type holds the values of all datasets, and names that every engine reads.

The type of a column is the narrowest that holds all of its values: whole numbers become floats, and other mixed values
text. A column without values fits any type.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ingestify.errors import LoadError
from ingestify.store.reading.data_frame import library

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Columns", "with_plain_names"]

_REFUSED = re.compile(r"[ ,;{}()\n\t=]")
"""Spark reads no column with one of these in its name."""

_EXACT_IN_FLOATS = 2**53


def with_plain_names(frame: pl.DataFrame, known: dict[str, str]) -> pl.DataFrame:
    """Return the frame with names that every engine reads.

    Args:
        frame: The rows of a dataset.
        known: The names of the table's columns by their small letters: SQL knows no others. New names are added.

    Raises:
        LoadError: Two names differ only in capital letters, or in characters that not every engine reads.
    """
    seen: dict[str, str] = {}
    for name in frame.columns:
        other = seen.setdefault(_plain(name).lower(), name)
        if other != name:
            raise LoadError(f"The columns '{other}' and '{name}' would be one column of the table: rename one of them.")
    names = {name: known.setdefault(small, _plain(name)) for small, name in seen.items()}
    return frame.rename(names)


def _plain(name: str) -> str:
    return _REFUSED.sub("_", name) or "_"  # SQL has no column without a name


@dataclasses.dataclass(slots=True)
class Columns:
    """The columns of some rows of a table.

    Attributes:
        types: The name of each column to its type, in the order of the table.
    """

    types: dict[str, pl.DataType] = dataclasses.field(default_factory=dict)
    _empty: set[str] = dataclasses.field(default_factory=set)
    """The columns without values."""
    _large: set[str] = dataclasses.field(default_factory=set)
    """The columns of whole numbers that floats do not hold exactly."""

    def add(self, frame: pl.DataFrame) -> None:
        """Add the columns of some rows, so that their values fit too."""
        polars = library("polars")
        for column in frame.iter_columns():
            name, kind = column.name, column.dtype
            is_empty = column.null_count() == len(column)
            if is_empty and (kind == polars.Null or name in self.types):
                continue
            if kind == polars.Int64 and not is_empty and (column.abs() > _EXACT_IN_FLOATS).any():
                self._large.add(name)
            if name not in self.types or name in self._empty:
                self.types[name] = kind
                self._empty.discard(name)
            else:
                self.types[name] = self._joined(name, self.types[name], kind)
            if is_empty:
                self._empty.add(name)

    def find_wider(
        self, there: Mapping[str, pl.DataType], find_largest: Callable[[list[str]], Mapping[str, int]]
    ) -> dict[str, pl.DataType]:
        """Return the columns of a table that have to be wider, so that these rows fit into them too.

        Args:
            there: The columns of the table.
            find_largest: Returns the largest absolute value of each of some columns of whole numbers.
        """
        polars = library("polars")
        met = {name: kind for name, kind in self.types.items() if name in there and name not in self._empty}
        whole = [name for name, kind in met.items() if kind == polars.Float64 and there[name] == polars.Int64]
        if whole:
            found = find_largest(whole)
            self._large.update(name for name in whole if found[name] > _EXACT_IN_FLOATS)
        joined = {name: self._joined(name, there[name], kind) for name, kind in met.items()}
        return {name: kind for name, kind in joined.items() if kind != there[name]}

    def _joined(self, name: str, one: pl.DataType, other: pl.DataType) -> pl.DataType:
        polars = library("polars")
        if one == other:
            return one
        if {one, other} == {polars.Int64(), polars.Float64()} and name not in self._large:
            return polars.Float64()  # type: ignore[no-any-return]
        return polars.String()  # type: ignore[no-any-return]
