"""The columns of several frames of polars together: each comes in the order in which it comes first, with one type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestify.errors import LoadError
from ingestify.store.reading.data_frame import library

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Columns"]


class Columns:
    """Takes frames one by one, and then brings each of them to the same columns.

    A column without values takes the type of the others, whole numbers beside fractions become floats, and numbers
    beside text become text. Other types, such as a duration and a number, do not go together.

    Attributes:
        texts: The columns in which numbers became text.
    """

    def __init__(self) -> None:
        self._polars = library("polars")
        self._types: dict[str, tuple[Any, str]] = {}
        self.texts: set[str] = set()

    def add(self, frame: pl.DataFrame, what: str) -> None:
        """Take the columns of a frame; `what` names it in an error.

        Raises:
            LoadError: A column has a type that does not go together with that of a frame before it.
        """
        for name, new in frame.schema.items():
            old, where = self._types.get(name, (self._polars.Null(), what))
            both = self._wider(old, new)
            if both is None:
                raise _refuse(name, new, what, f"{old} in {where}")
            if both == self._polars.String and {old, new} - {both, self._polars.Null()}:
                self.texts.add(name)
            self._types[name] = (both, where if both == old else what)

    def fitted(self, frame: pl.DataFrame, what: str) -> pl.DataFrame:
        """Return a frame with the columns of all frames.

        Raises:
            LoadError: A whole number of it cannot be a fraction without being rounded.
        """
        fitted: pl.DataFrame = self._polars.DataFrame(
            [
                self._cast(frame[name], kind, what, where)
                if name in frame.schema
                else self._polars.Series(name, [None], kind).new_from_index(0, frame.height)
                for name, (kind, where) in self._types.items()
            ]
        )
        return fitted

    def _wider(self, old: Any, new: Any) -> Any:
        """Return the type that has the values of both, or None."""
        if old == new or new == self._polars.Null:
            return old
        if old == self._polars.Null:
            return new
        if not all(one.is_numeric() or one == self._polars.String for one in (old, new)):
            return None
        both = [self._polars.Series(dtype=kind).to_frame() for kind in (old, new)]
        return self._polars.concat(both, how="vertical_relaxed").dtypes[0]

    def _cast(self, column: pl.Series, kind: Any, what: str, where: str) -> pl.Series:
        cast = column.cast(kind)
        if (
            column.dtype.is_integer()
            and kind.is_float()
            and not (cast.cast(column.dtype, strict=False) == column).all()
        ):
            raise _refuse(
                column.name, f"{column.dtype} with numbers that a float does not hold", what, f"{kind} in {where}"
            )
        return cast


def _refuse(name: str, kind: object, what: str, other: str) -> LoadError:
    return LoadError(
        f"The column '{name}' is {kind} in {what} and {other}, which do not go together in one frame. Leave one of the "
        f"matches out, or read them one by one with engine.load_dataset_with_kloppy."
    )
