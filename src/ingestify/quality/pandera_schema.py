"""A bundle check that validates the records of a feed with a schema of pandera.

In config.yaml, with the class `Events` in a `my_schemas.py` beside it:

    dataset_types:
      - provider: statsbomb
        dataset_type: match
        checks:
          - {type: ingestify.pandera, feed: events, schema: my_schemas:Events}

Format of the failures: https://pandera.readthedocs.io/en/stable/lazy_validation.html
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from ingestify.domain.bundle_check import BundleFile
from ingestify.errors import ConfigurationError
from ingestify.quality.frame_check import FrameCheck, named_row, shown_text, shown_value

__all__ = ["PanderaSchema"]


class _Schema(NamedTuple):
    """A schema, and the library of the frames that it is for."""

    schema: Any
    library: Literal["polars", "pandas"]


class PanderaSchema(FrameCheck):
    """The records of a feed fit a schema of pandera, for frames of polars or of pandas.

    The frame is the one that `LoadedFile.to_polars` or `LoadedFile.to_pandas` makes. All checks of the schema are made;
    each column and check that fails is one problem, with the number of rows and the first of them.

    Args:
        feed: The feed, such as `events`.
        schema: A `DataFrameSchema` or `DataFrameModel` of `pandera.polars` or `pandera.pandas`, or its dotted path.
        required: Whether a bundle without the feed has a problem. Otherwise nothing is checked there.
        records: Where the records are in JSON; see `BundleFile.to_polars`.
        encoding: The encoding of the text; see `BundleFile.to_polars`.
        transform: A function that gets the frame and returns the one to validate, or its dotted path; None: none.
    """

    package = "pandera"
    extra = "pandera"
    what = "schema"

    def __init__(
        self,
        feed: str,
        schema: object,
        *,
        required: bool = False,
        records: str | None = None,
        encoding: str | None = None,
        transform: Callable[[Any], Any] | str | None = None,
    ) -> None:
        super().__init__(feed, schema, required=required, records=records, encoding=encoding, transform=transform)
        self.configuration["schema"] = schema

    def load(self) -> object:
        """Return the schema."""
        return self._loaded.schema

    def read_frame(self, file: BundleFile, records: str | None, encoding: str | None) -> Any:
        """Return the frame of the library that the schema is for."""
        if self._loaded.library == "polars":
            return file.to_polars(records, encoding)
        return file.to_pandas(records, encoding)

    def validate(self, frame: Any) -> Iterator[str]:
        """Yield each column and check that fails."""
        errors = importlib.import_module("pandera.errors")
        try:
            self._loaded.schema.validate(frame, lazy=True)
        except errors.SchemaErrors as error:
            yield from _sentences(error.failure_cases, frame, self._loaded.library)
        except errors.SchemaError as error:
            yield str(error)

    @functools.cached_property
    def _loaded(self) -> _Schema:
        found = self._load_given()
        if isinstance(found, type) and hasattr(found, "to_schema"):
            try:
                found = found.to_schema()
            except Exception as error:
                raise ConfigurationError(f"{self.name}: pandera makes no schema of {found!r}: {error}") from error
        for library in ("polars", "pandas"):
            try:
                module = importlib.import_module(f"pandera.{library}")
            except ImportError:  # the library is not installed
                continue
            if isinstance(found, module.DataFrameSchema):
                return _Schema(found, library)
        raise ConfigurationError(
            f"{self.name}: the schema is {found!r}; it must be a DataFrameSchema or a DataFrameModel of pandera.polars "
            f"or pandera.pandas."
        )


class _Failure:
    """A check that fails: in how many rows, and the first of them."""

    def __init__(self, index: object, value: object) -> None:
        self.index, self.value = index, value
        self.rows = {index}


def _sentences(cases: Any, frame: Any, library: str) -> Iterator[str]:
    failures: dict[tuple[Any, ...], _Failure] = {}
    names = ["schema_context", "column", "check", "check_number", "failure_case", "index"]
    rows = cases.select(names).iter_rows() if library == "polars" else cases[names].itertuples(index=False)
    for context, column, check, number, value, index in rows:
        is_of_frame = context == "DataFrameSchema"
        # pandas has a row that fails a check of the whole frame once for each column
        key = (None if is_of_frame else column, check, _none(number), value if _none(index) is None else None)
        if key in failures:
            failures[key].rows.add(index)
        else:
            failures[key] = _Failure(_none(index), value)
    ids = (lambda row: frame["id"][row]) if library == "polars" else (lambda row: frame.at[row, "id"])
    # polars has text of each value here
    shown = shown_text if library == "polars" else shown_value
    for (column, check, *_), failure in failures.items():
        value = failure.value if failure.index is None else shown(failure.value)
        yield _sentence(column, str(check), failure, value, len(frame), ids)


def _none(value: Any) -> Any:
    """Return None in place of what pandas has for a value that is missing."""
    return None if value is None or value != value else value  # NaN is not itself


def _sentence(
    column: str | None, check: str, failure: _Failure, value: Any, height: int, ids: Callable[[Any], object]
) -> str:
    if failure.index is None:
        return _sentence_of_schema(column, check, value)
    rows = f"{len(failure.rows):,} of {height:,} rows"
    row = named_row(failure.index, ids)
    if column is None:
        return f"{rows} fail '{check}', such as {row}"
    if check == "not_nullable":
        return f"'{column}' has no value in {rows}, such as {row}"
    if check == "field_uniqueness":
        return f"'{column}' repeats a value in {rows}, such as {value} in {row}"
    if check.startswith("dtype("):
        return f"'{column}' is not of the type {check[6:-1]} in {rows}, such as {value} in {row}"
    return f"'{column}' fails {check} in {rows}, such as {value} in {row}"


def _sentence_of_schema(column: str | None, check: str, value: Any) -> str:
    """Return a sentence about what is wrong with no row."""
    if check == "column_in_dataframe":
        return f"the column '{value}' is missing"
    if check == "column_in_schema":
        return f"the schema has no column '{value}'"
    if check.startswith("dtype("):
        return f"'{column}' has the type {value}, and not {check[6:-1]}"
    where = "the frame" if column is None else f"'{column}'"
    return f"{where} fails {check}" + ("" if value is None or isinstance(value, bool) else f": {value}")
