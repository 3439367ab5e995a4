"""A feed of many datasets as one frame: the columns of all of them, and each with one type.

The frame is the one that `data_frame` would make of the records of all files together. The files are read side by side,
each with the shape that the files before it had; a frame is brought into the last shape at the end. Besides the result,
only a few files are in memory.
"""

from __future__ import annotations

import functools
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ingestify.domain.readable_files import ReadableFile
from ingestify.store.reading.data_frame import DELIMITED, NO_VALUE, as_load_error, library, read_rows
from ingestify.store.reading.records import JSON
from ingestify.store.reading.shape import EXACT, NOTHING, Kind, Shape, loses, shape_of, united
from ingestify.store.reading.typed_json import ShapeCheck, column_type, columns_of, frame_of, records_in

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["ManyFiles", "ahead"]

T = TypeVar("T")

_THREADS = min(os.cpu_count() or 1, 8)
_AHEAD = 2 * _THREADS
"""How many files are read before their turn."""


class _Read(NamedTuple):
    """A frame, and the shape in which it was read."""

    frame: Any
    height: int
    shape: Shape


class ManyFiles:
    """Reads files of one feed into frames that have the same columns.

    Args:
        files: The files, each with what names it in an error.
        records: Where the records are in JSON; see `data_frame`.
        encoding: The encoding of the text; None: UTF-8, or what a byte order mark says.

    Attributes:
        count: How many files were read until now.
        mixed: The dotted paths of the columns that are text, as their types do not go together.
    """

    def __init__(self, files: Sequence[tuple[ReadableFile, str]], records: str | None, encoding: str | None) -> None:
        self._files = files
        self._how = (records, encoding)
        self._check = ShapeCheck(Shape(Kind.OBJECT, fields={}))
        self.count = 0
        self.mixed: set[str] = set()

    def read_polars(self) -> list[tuple[pl.DataFrame, int]]:
        """Return a frame for each file, with its height, which a frame without columns does not have.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: A file has another format, or no such records.
            IntegrityError: An object of the lake is missing or damaged.
        """
        library("polars")
        with ThreadPoolExecutor(_THREADS, "ingestify-frame") as pool:
            opened = ahead(pool, (functools.partial(_open, *file, *self._how) for file in self._files))
            read = deque(ahead(pool, map(self._learn, self._files, opened)))
            # A frame goes as soon as it was brought into the last shape.
            return list(ahead(pool, (self._finisher(file, read.popleft()) for file in self._files)))

    def read_pandas(self) -> list[pd.DataFrame]:
        """Return a frame for each file. Those that lack a column lack it.

        Raises:
            MissingExtraError: pandas is not installed.
            LoadError: A file has another format, or no such records.
            IntegrityError: An object of the lake is missing or damaged.
        """
        library("pandas")
        frames = []
        with ThreadPoolExecutor(_THREADS, "ingestify-frame") as pool:
            for frame in ahead(pool, (functools.partial(_to_pandas, *file, *self._how) for file in self._files)):
                frames.append(frame)
                self.count += 1
        return frames

    def _learn(self, named: tuple[ReadableFile, str], content: Any) -> Callable[[], _Read]:
        """Unite the shape of a file with that of the files before it, and return what makes a frame of the file."""
        file, what = named
        self.count += 1
        if not isinstance(content, bytes):
            found = _read_table(content)
            self._unite(found.shape)
            return lambda: found
        is_quick = file.data_serialization_format.lower() in JSON and self._how == (None, None)
        records = records_in(content, file.data_feed_key) if is_quick else b""
        if not self._check.fits(records):
            with _naming(what):
                rows = _rows(file, content, *self._how)
            self._unite(shape_of(rows))
            if not self._check.fits(records):
                return functools.partial(_read_rows, what, rows, self._check.shape)
        return functools.partial(_read_quickly, file, what, records, self._check.shape)

    def _unite(self, shape: Shape) -> None:
        both = united(self._check.shape, shape, mixed=self.mixed)
        if both != self._check.shape:
            self._check = ShapeCheck(both)

    def _finisher(self, named: tuple[ReadableFile, str], read: _Read) -> Callable[[], tuple[Any, int]]:
        """Return what brings a frame into the last shape. If it lacks what that shows, its file is read again."""
        return lambda: self._finish(*named, read)

    def _finish(self, file: ReadableFile, what: str, read: _Read) -> tuple[Any, int]:
        last = self._check.shape
        if loses(read.shape, last):
            read = (
                _with_texts(file, what, self._how[1], read, last)
                if _is_delimited(file)
                else _read_rows(what, _rows(file, file.read(), *self._how), last)
            )
        polars = library("polars")
        before, after = read.shape.fields or {}, last.fields or {}
        if not before and after:
            empty = polars.DataFrame(schema={key: column_type(polars, shape) for key, shape in after.items()})
            return empty.clear(read.height), read.height
        columns = [
            _widened(polars, polars.col(key), before[key], shape).alias(key)
            if key in before
            else polars.lit(None, column_type(polars, shape)).alias(key)
            for key, shape in after.items()
            if before.get(key) != shape
        ]
        return read.frame.with_columns(columns).select(list(after)), read.height


def ahead(pool: Executor, calls: Iterator[Callable[[], T]]) -> Iterator[T]:
    """Yield what calls return, in their order. Some of them are executed before their turn, side by side."""
    waiting: deque[Future[T]] = deque()
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Let an error say at which dataset it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(f"It happened at {what}.")
        raise


def _is_delimited(file: ReadableFile) -> bool:
    return file.data_serialization_format.lower() in DELIMITED


def _open(file: ReadableFile, what: str, records: str | None, encoding: str | None) -> Any:
    """Return the content, or the frame of a delimited file, which needs no records."""
    with _naming(what):
        return file.to_polars(records, encoding) if _is_delimited(file) else file.read()


def _to_pandas(file: ReadableFile, what: str, records: str | None, encoding: str | None) -> Any:
    with _naming(what):
        return file.to_pandas(records, encoding)


def _rows(file: ReadableFile, content: bytes, records: str | None, encoding: str | None) -> list[dict[str, Any]]:
    return read_rows(io.BytesIO(content), file.data_serialization_format, file.data_feed_key, records, encoding)


def _read_rows(what: str, rows: list[dict[str, Any]], shape: Shape) -> _Read:
    polars = library("polars")
    with as_load_error("polars", what, polars.exceptions.PolarsError, *NO_VALUE):
        return _Read(frame_of(polars, rows, shape), len(rows), shape)


def _read_quickly(file: ReadableFile, what: str, content: bytes, shape: Shape) -> _Read:
    polars = library("polars")
    try:
        frame = polars.read_json(content, schema=columns_of(polars, shape))
    except polars.exceptions.PolarsError:  # such as a text that is no UTF-8, or a number that only Python reads
        return _read_rows(what, _rows(file, content, None, None), shape)
    return _Read(frame, frame.height, shape)


def _read_table(frame: Any) -> _Read:
    """Return the frame of a delimited file with its shape. A column without values has no type."""
    polars = library("polars")
    empty = [column.name for column in frame if column.null_count() == frame.height]
    frame = frame.with_columns(polars.col(empty).cast(polars.Null)) if empty else frame
    return _Read(
        frame, frame.height, Shape(Kind.OBJECT, fields={one.name: _shape_of_column(polars, one) for one in frame})
    )


def _shape_of_column(polars: Any, column: Any) -> Shape:
    if column.dtype.is_integer():
        return shape_of([column.min(), column.max(), *column.filter(column.abs() > EXACT)])
    kinds = {polars.Null: Kind.NULL, polars.Boolean: Kind.BOOL, polars.Float64: Kind.FLOAT}
    return Shape(kinds.get(column.dtype, Kind.TEXT))


def _with_texts(file: ReadableFile, what: str, encoding: str | None, read: _Read, last: Shape) -> _Read:
    """Return the frame of a delimited file with the texts in it where the last shape has text."""
    before, after = read.shape.fields or {}, last.fields or {}
    names = [key for key, shape in before.items() if loses(shape, after[key])]
    with _naming(what):
        texts = file.to_polars(None, encoding, infer_schema_length=0)
    fields = {**before, **dict.fromkeys(names, Shape(Kind.TEXT))}
    return _Read(
        read.frame.with_columns([texts[name] for name in names]), read.height, Shape(Kind.OBJECT, fields=fields)
    )


def _widened(polars: Any, values: Any, old: Shape, new: Shape) -> Any:
    """Return an expression for values of a shape in a wider shape."""
    if old == new:
        return values
    if old.kind is new.kind is Kind.OBJECT:
        before = old.fields or {}
        fields = [
            (
                _widened(polars, values.struct.field(key), before[key], shape)
                if key in before
                else polars.lit(None, column_type(polars, shape))
            ).alias(key)
            for key, shape in (new.fields or {}).items()
        ]
        return polars.when(values.is_not_null()).then(polars.struct(fields))
    if old.kind is new.kind is Kind.LIST:
        return values.list.eval(_widened(polars, polars.element(), old.items or NOTHING, new.items or NOTHING))
    return values.cast(column_type(polars, new))
