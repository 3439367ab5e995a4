"""The files of one dataset, opened."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from ingestify.domain.dump import Dumped
from ingestify.domain.file import File
from ingestify.domain.json_value import JsonValue
from ingestify.domain.revision import FilesById, pick_file
from ingestify.store.reading.data_frame import read_pandas, read_polars
from ingestify.store.reading.stored_content import StoredContent
from ingestify.store.reading.unpacked_content import UnpackedContent

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["PRELOAD_BYTES", "FileCollection", "LoadedFile"]

PRELOAD_BYTES = 64 << 20
"""A larger file is streamed from the lake even if `load_files` is not lazy: a video does not fit in memory."""


class LoadedFile(Dumped):
    """A file of the lake, to be read. It has every attribute of `File` too.

    Args:
        file: What the catalogue knows of the file.
        open_stream: Opens the provider's bytes from their beginning. The bytes are checked if `DatasetStore.opener`
            returned it; the bytes of any other function are not.
        auto_rewind: Whether `stream` is at its beginning each time it is got.
    """

    def __init__(self, file: File, open_stream: Callable[[], BinaryIO], *, auto_rewind: bool = True) -> None:
        self.file = file
        self._content = StoredContent.of(file, open_stream)
        self._stream: BinaryIO | None = None
        self._auto_rewind = auto_rewind
        self._is_in_memory = False
        self._raw_stream: BinaryIO | None = None

    @property
    def open_stream(self) -> StoredContent:
        """Opens the provider's bytes from their beginning, any number of times."""
        return self._content

    @property
    def stream(self) -> BinaryIO:
        """A binary file object with the content; it can seek.

        It has exactly the provider's bytes, but for one case: of a file that is declared as JSON or another text, and
        that the provider sent as gzip, it has what is inside. `raw_stream` has the provider's bytes in this case, too.

        It is the same one each time, and at its beginning; with `load_files(…, auto_rewind=False)` it stays where the
        last read ended. Threads that share it share its position; each has the whole content with `read()`.

        If the object in the lake is damaged, reading raises an IntegrityError, at the last bytes at the latest. A first
        read in the middle of the file reads the whole file once to check it.
        """
        if self._stream is None or self._stream.closed:
            self._stream = UnpackedContent(self._content)()
        elif self._auto_rewind:
            self._stream.seek(0)
        return self._stream

    @property
    def raw_stream(self) -> BinaryIO:
        """A binary file object with exactly the provider's bytes, of which `size` and `tag` speak; at its beginning."""
        if self._raw_stream is None or self._raw_stream.closed:
            self._raw_stream = self._content()
        self._raw_stream.seek(0)
        return self._raw_stream

    def preload(self) -> None:
        """Read the file into memory now, and check it."""
        if self._is_in_memory:
            return
        content = self._content.read()
        self._is_in_memory = True
        self._content = StoredContent(self.file, lambda: io.BytesIO(content), is_verified=True)
        self._stream = self._raw_stream = None

    def read(self) -> bytes:
        """Return the content, as `stream` has it.

        Raises:
            IntegrityError: The object in the lake is missing or damaged.
        """
        return UnpackedContent(self._content).read()

    def text(self, encoding: str = "utf-8") -> str:
        """Return the content as text."""
        return self.read().decode(encoding)

    def json(self) -> JsonValue:
        """Return the content as JSON values."""
        return json.loads(self.read())

    def to_polars(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pl.DataFrame:
        """Return a polars DataFrame of a JSON, JSON Lines, CSV or TSV file; see `store.reading.data_frame`.

        Args:
            records: The dotted path of the records in JSON, such as `data.matches`; empty: the whole content is one
                row; `players[*]`: each value of an object with ids as keys, with its key as `id`; None: the records are
                looked for.
            encoding: The encoding of the text, such as `cp1252`; None: UTF-8, or what a byte order mark says.
            **options: Passed on to polars.

        Raises:
            MissingExtraError: polars is not installed.
            LoadError: The file has another format, or no such records.
        """
        with UnpackedContent(self._content)() as stream:
            return read_polars(stream, self.data_serialization_format, self.data_feed_key, records, encoding, **options)

    def to_pandas(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pd.DataFrame:
        """Return a pandas DataFrame; see `to_polars`. Nested objects become dotted columns.

        Raises:
            MissingExtraError: pandas is not installed.
            LoadError: The file has another format, or no such records.
        """
        with UnpackedContent(self._content)() as stream:
            return read_pandas(stream, self.data_serialization_format, self.data_feed_key, records, encoding, **options)

    def close(self) -> None:
        """Close the streams that are open."""
        for stream in (self._stream, self._raw_stream):
            if stream is not None:
                stream.close()

    @property
    def file_id(self) -> str:
        """`{data_feed_key}__{data_spec_version}`."""
        return self.file.file_id

    @property
    def data_feed_key(self) -> str:
        """The feed, such as `events`."""
        return self.file.data_feed_key

    @property
    def data_spec_version(self) -> str:
        """The feed's version, such as `v8`."""
        return self.file.data_spec_version

    @property
    def data_serialization_format(self) -> str:
        """The format, such as `json` or `csv`."""
        return self.file.data_serialization_format

    @property
    def size(self) -> int:
        """The number of the provider's bytes."""
        return self.file.size

    @property
    def tag(self) -> str:
        """The sha256 of the provider's bytes, hexadecimal."""
        return self.file.tag

    @property
    def modified_at(self) -> dt.datetime | None:
        """When the provider changed the file; None if the provider does not say."""
        return self.file.modified_at

    @property
    def created_at(self) -> dt.datetime:
        """When the file came into the lake."""
        return self.file.created_at

    @property
    def content_type(self) -> str | None:
        """The provider's Content-Type, or None."""
        return self.file.content_type

    @property
    def storage_size(self) -> int:
        """The number of bytes that the file takes in the lake."""
        return self.file.storage_size

    @property
    def storage_compression_method(self) -> str:
        """`zstd`, `gzip` or `none`."""
        return self.file.storage_compression_method

    @property
    def storage_path(self) -> str:
        """The object's path below the lake's `file_url`."""
        return self.file.storage_path

    @property
    def revision_id(self) -> int:
        """The number of the revision that brought the file."""
        return self.file.revision_id

    def _dumped_values(self) -> dict[str, object]:
        return dict(self.file.model_dump())

    def __repr__(self) -> str:
        return f"LoadedFile({self.file_id}, {self.size} bytes)"


class FileCollection(Sequence[LoadedFile]):
    """The current files of one dataset, all from one moment at the provider.

    It is a sequence of files, with the methods of a dict from file ids to files. Use it in a `with` block, or leave
    closing the files to the garbage collector.

    Args:
        files: The files.
        are_shared: Whether others may be reading the same files, so that they must not be closed.
    """

    def __init__(self, files: Sequence[LoadedFile], *, are_shared: bool = False) -> None:
        self._files = tuple(files)
        self._are_shared = are_shared
        self._by_id = {loaded.file_id: loaded for loaded in self._files}

    @property
    def feeds(self) -> list[str]:
        """The feeds of the files."""
        return list(dict.fromkeys(loaded.data_feed_key for loaded in self._files))

    def get_file(self, data_feed_key: str, data_spec_version: str | None = None) -> LoadedFile | None:
        """Return the file of a feed, or None; without a version, the highest version there is.

        `files[data_feed_key]` and `require_file` raise an error instead, which names the files that there are.
        """
        there = (loaded for loaded in self._files if data_spec_version in (None, loaded.data_spec_version))
        if data_feed_key not in {loaded.data_feed_key for loaded in there}:
            return None
        return self.require_file(data_feed_key, data_spec_version)

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> LoadedFile:
        """Return the file of a feed; without a version, the highest version there is.

        Raises:
            LoadError: There is no such file; the message names the files.
        """
        chosen = pick_file(tuple(loaded.file for loaded in self._files), data_feed_key, data_spec_version)
        return self._by_id[chosen.file_id]

    def find_file(self, data_feed_key: str) -> LoadedFile | None:
        """Return the file of a feed in its highest version, or None."""
        return self.get_file(data_feed_key)

    def keys(self) -> KeysView[str]:
        """The file ids."""
        return self._by_id.keys()

    def values(self) -> ValuesView[LoadedFile]:
        """The files."""
        return self._by_id.values()

    def items(self) -> ItemsView[str, LoadedFile]:
        """File ids with their files."""
        return self._by_id.items()

    def close(self) -> None:
        """Close every open stream. Within `with_file_cache()` they stay open, as others may be reading them."""
        for loaded in () if self._are_shared else self._files:
            loaded.close()

    def __enter__(self) -> FileCollection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[LoadedFile]:
        return iter(self._files)

    def __contains__(self, wanted: object) -> bool:
        """Whether there is a file with an id (`events__v8`), of a feed (`events`), or this very file."""
        return wanted in self._by_id or wanted in self.feeds or wanted in self._files

    @overload
    def __getitem__(self, index: int | str) -> LoadedFile: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LoadedFile]: ...

    def __getitem__(self, index: int | str | slice) -> LoadedFile | Sequence[LoadedFile]:
        """Return the file at a position, of a feed (`files["events"]`), or with a file id (`files["events__v8"]`)."""
        if not isinstance(index, str):
            return self._files[index]
        files = FilesById((loaded.file_id, loaded.file) for loaded in self._files)
        return self._by_id[files[index].file_id]

    def __repr__(self) -> str:
        return f"FileCollection({', '.join(self._by_id)})"
