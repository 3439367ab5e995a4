"""A file of the lake as a table in Parquet. Needs polars."""

from __future__ import annotations

import io
from collections.abc import Iterator

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["TableContent"]


class TableContent:
    """The table of one file, with a column for each identifier key in front.

    A column of the feed that has the name of such a key is renamed to `{feed}.{name}`.
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

        taken = {name: f"{self._file.data_feed_key}.{name}" for name in frame.columns if name in self._identifier}
        keys = [polars.lit(value).alias(key) for key, value in self._identifier.items()]
        rows = frame.rename(taken).select([*keys, polars.all()]) if frame.width else frame
        target = io.BytesIO()
        rows.write_parquet(target)
        yield target.getvalue()
