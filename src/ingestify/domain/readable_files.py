"""The files of a dataset, as subscribers and readers of the event log get them (`FileCollection`, `LoadedFile`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ingestify.domain.json_value import JsonValue

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["ReadableFile", "ReadableFiles"]


class ReadableFile(Protocol):
    """A file of the lake, to be read; it has every attribute of `File` too."""

    @property
    def file_id(self) -> str:
        """`{data_feed_key}__{data_spec_version}`."""

    @property
    def data_feed_key(self) -> str:
        """The feed, such as `events`."""

    @property
    def data_spec_version(self) -> str:
        """The feed's version, such as `v8`."""

    @property
    def data_serialization_format(self) -> str:
        """The format, such as `json` or `csv`."""

    @property
    def size(self) -> int:
        """The number of the provider's bytes."""

    @property
    def tag(self) -> str:
        """The sha256 of the provider's bytes, hexadecimal."""

    @property
    def stream(self) -> BinaryIO:
        """A binary file object with the content."""

    def read(self) -> bytes:
        """Return the content."""

    def text(self, encoding: str = "utf-8") -> str:
        """Return the content as text."""

    def json(self) -> JsonValue:
        """Return the content as JSON values."""

    def to_polars(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pl.DataFrame:
        """Return a polars DataFrame."""

    def to_pandas(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pd.DataFrame:
        """Return a pandas DataFrame."""


class ReadableFiles(Protocol):
    """The files of a dataset, to be read."""

    @property
    def feeds(self) -> list[str]:
        """The feeds of the files."""

    def get_file(self, data_feed_key: str, data_spec_version: str | None = None) -> ReadableFile | None:
        """Return the file of a feed, or None."""

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> ReadableFile:
        """Return the file of a feed, or raise a LoadError."""

    def close(self) -> None:
        """Close every open stream."""

    def __getitem__(self, index: int | str) -> ReadableFile: ...

    def __iter__(self) -> Iterator[ReadableFile]: ...

    def __len__(self) -> int: ...

    def __contains__(self, wanted: object) -> bool: ...

    def __enter__(self) -> ReadableFiles: ...

    def __exit__(self, *_: object) -> None: ...
