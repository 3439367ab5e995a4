"""The rows of one dataset for several tables, as Arrow IPC. Worker processes execute it.

Each row begins with the dataset's own columns: `provider`, `dataset_type`, the keys of its identifier, `dataset_id`,
`revision` and `lake_updated_at`. A key that has the name of a column of the table becomes `identifier.…`.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import Dataset
from ingestify.errors import ConfigurationError, IngestifyError, LoadError, StoreError
from ingestify.masking import mask_text
from ingestify.store.reading.data_frame import library
from ingestify.store.reading.table_list import with_own_names
from ingestify.tables.column_types import own_types, with_plain_types
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import version_of
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Rows", "make_rows", "own_columns"]


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one dataset in one table.

    Attributes:
        frames: Frames as Arrow IPC, compressed by zstd. A large table has several.
        height: The number of rows.
        problem: Why there are no rows; empty: there was no problem.
    """

    frames: list[bytes] = dataclasses.field(default_factory=list)
    height: int = 0
    problem: str = ""


def make_rows(dataset: Dataset, definitions: Sequence[TableDefinition], loader: str | None = None) -> dict[str, Rows]:
    """Return the rows of a dataset, by the name of the table.

    A table that cannot be made has a `problem`, and the others have their rows.

    Args:
        dataset: The dataset, which knows its lake.
        definitions: The tables. Those that are not for the dataset are left out.
        loader: The format of the dataset's files by the settings; None: the one that its source named.

    Raises:
        ConfigurationError: The function of a table cannot be imported, or an extra is not installed.
        StoreError: The lake cannot be read.
    """
    functions = [(one, one.load_function()) for one in definitions if one.is_for(dataset, loader)]
    # First what kloppy has to load as a whole, so that it need not load a part for the others.
    functions.sort(key=lambda one: not one[0].is_large)
    with TableInput(dataset, loader) as given:
        return {one.name: _rows_of(given, one, function) for one, function in functions}


def own_columns(dataset: Dataset) -> dict[str, Any]:
    """Return the columns that each table begins with, and their values. A key without a value has none."""
    first = {"provider": dataset.provider, "dataset_type": dataset.dataset_type}
    revision, updated_at = version_of(dataset)
    last = {"dataset_id": dataset.dataset_id, "revision": revision, "lake_updated_at": updated_at}
    keys = with_own_names(dataset.identifier, {**first, **last})
    return {**first, **{key: value for key, value in keys.items() if value is not None}, **last}


def _rows_of(given: TableInput, definition: TableDefinition, function: Callable[..., Any]) -> Rows:
    try:
        made = function(given, definition) if definition.takes_input else function(given.files, given.dataset)
        return _as_rows(given.dataset, _iter_frames(made))
    except (ConfigurationError, StoreError):
        raise  # these are not about one dataset: the build has to stop
    except IngestifyError as error:
        return Rows(problem=_told(str(error)))
    except Exception as error:  # noqa: BLE001 - the function is anybody's code, and its failure is one dataset's
        return Rows(problem=_told(f"{type(error).__name__}: {error}"))


def _told(reason: str) -> str:
    """Return a reason without secrets, as text that a table can hold: it may quote half of a character."""
    return mask_text(reason).encode(errors="backslashreplace").decode()


def _as_rows(dataset: Dataset, frames: Iterator[pl.DataFrame]) -> Rows:
    encoded, height = [], 0
    for frame in frames:
        content = io.BytesIO()
        _with_own_columns(with_plain_types(frame), dataset).write_ipc(content, compression="zstd")
        encoded.append(content.getvalue())
        height += frame.height
    return Rows(encoded, height)


def _iter_frames(made: Any) -> Iterator[pl.DataFrame]:
    if isinstance(made, Iterator):
        for one in made:
            yield _as_polars(one)
    else:
        yield _as_polars(made)


def _as_polars(made: Any) -> pl.DataFrame:
    """Return a frame of polars, pandas or Arrow as one of polars."""
    polars = library("polars")
    if isinstance(made, polars.DataFrame):
        return made  # type: ignore[no-any-return]
    if isinstance(made, polars.LazyFrame):
        return made.collect()  # type: ignore[no-any-return]
    if type(made).__module__.partition(".")[0] == "pandas" and hasattr(made, "columns"):
        return polars.from_pandas(made)  # type: ignore[no-any-return]
    if hasattr(made, "__arrow_c_stream__") and hasattr(made, "column_names"):
        return polars.DataFrame(made)  # type: ignore[no-any-return]
    raise LoadError(
        f"The function returned {_described(made)}; it must return a frame of polars, pandas or Arrow, or an iterator "
        f"of them."
    )


def _described(made: Any) -> str:
    return "None" if made is None else f"an object of the type {type(made).__name__}"


def _with_own_columns(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    polars = library("polars")
    own = own_columns(dataset)
    keys = {f"identifier.{key}" for key in dataset.identifier} | set(dataset.identifier)
    reserved = [name for name in own if name not in keys and name in frame.columns]
    if reserved:
        raise LoadError(f"The frame has a column '{reserved[0]}', which each table has already: give it another name.")
    named = {f"identifier.{name}" if name in frame.columns else name: value for name, value in own.items()}
    twice = next((name for name in named if name in frame.columns), None)
    if twice is not None:
        raise LoadError(
            f"The frame has a column '{twice}' and one with the name of the key, which takes that name: rename one of "
            f"them."
        )
    types = own_types()
    literals = (_literal(polars, value, types.get(name)).alias(name) for name, value in named.items())
    return frame.select(*literals, polars.all()).head(frame.height)  # of no column at all, polars makes one row


def _literal(polars: Any, value: Any, kind: pl.DataType | None) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        value = str(value)
    kinds = {bool: polars.Boolean, int: polars.Int64, float: polars.Float64}
    return polars.lit(value, kind or kinds.get(type(value), polars.String))
