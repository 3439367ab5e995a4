"""A file of the lake as a table in Parquet. Needs polars."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.store.reading.data_frame import as_load_error, free_name, polars_of
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["TableContent"]


class TableContent:
    """The table of one file, with a column for each identifier key in front.

    A column of the feed that has the name of such a key is renamed to `{feed}.{name}`, or to `{feed}.{feed}.{name}` if
    that is taken too.
    """

    tag = None

    def __init__(self, store: DatasetReader, dataset: Dataset, file: File) -> None:
        self._store = store
        self._identifier = dict(dataset.identifier)
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in one chunk.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: The file is no table.
            IntegrityError: The object is missing or damaged.
        """
        with self._store.open_files([self._file], lazy=True) as files:
            frame = files[0].to_polars()
        import polars  # an extra, which to_polars has asked for

        taken = {*frame.columns, *self._identifier}
        names = {name: free_name(name, f"{self._file.data_feed_key}.", taken) for name in self._identifier}
        columns = [
            _as_parquet(polars, polars.col(name), kind).alias(names.get(name, name))
            for name, kind in frame.schema.items()
        ]
        keys = polars_of([self._identifier])[[0] * frame.height]
        target = io.BytesIO()
        with as_load_error("polars", f"the feed '{self._file.data_feed_key}'", polars.exceptions.PolarsError):
            keys.hstack(frame.select(columns)).write_parquet(target)
        yield target.getvalue()


def _as_parquet(polars: Any, values: Any, kind: Any) -> Any:
    """Return an expression for values. Objects without keys, for which Parquet has no type, become the text `{}`."""
    if not _has_objects_without_keys(polars, kind):
        return values
    if isinstance(kind, polars.List):
        return values.list.eval(_as_parquet(polars, polars.element(), kind.inner))
    fields = [_as_parquet(polars, values.struct.field(one.name), one.dtype).alias(one.name) for one in kind.fields]
    return polars.when(values.is_not_null()).then(polars.struct(fields) if fields else polars.lit("{}"))


def _has_objects_without_keys(polars: Any, kind: Any) -> bool:
    if isinstance(kind, polars.List):
        return _has_objects_without_keys(polars, kind.inner)
    if not isinstance(kind, polars.Struct):
        return False
    return not kind.fields or any(_has_objects_without_keys(polars, one.dtype) for one in kind.fields)
