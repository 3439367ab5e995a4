"""The content of a stored file as a reader wants it: gzip that is declared as JSON, or as another text, is inflated.

The lake keeps such a file as the provider sent it, without a compression of its own. Nothing but its first bytes shows
what it is. A lake that the published package made before its version 0.11 has such files compressed once more: there
readers got the gzip file, and they still do.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

from ingestify.domain import formats
from ingestify.errors import IntegrityError
from ingestify.inflation import GZIP_MAGIC, STEP_BYTES, BrokenGzip, iter_gzip
from ingestify.store.reading.stored_content import StoredContent

__all__ = ["UnpackedContent"]


class UnpackedContent:
    """What a reader gets of a stored file. A call opens it. Threads may share it, but not its streams.

    Args:
        stored: The provider's bytes.
    """

    def __init__(self, stored: StoredContent) -> None:
        self._stored = stored
        file = stored.file
        self._may_be_packed = file.storage_compression_method == "none" and formats.is_text(
            file.data_serialization_format
        )

    def __call__(self) -> BinaryIO:
        """Open a stream that can seek.

        Raises:
            IntegrityError: The object is missing; or, when it is read, damaged, or gzip that is broken.
        """
        if not self._may_be_packed:
            return self._stored()
        return cast(BinaryIO, io.BufferedReader(_LazyStream(self._stored), STEP_BYTES))

    def read(self) -> bytes:
        """Return the whole content.

        Raises:
            IntegrityError: The object is missing or damaged, or gzip that is broken.
        """
        content = self._stored.read()
        if not (self._may_be_packed and content.startswith(GZIP_MAGIC)):
            return content
        return b"".join(_inflated(self._stored, [content]))


def _inflated(stored: StoredContent, chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from iter_gzip(chunks)
    except BrokenGzip as error:
        raise IntegrityError(
            f"The file {stored.file.file_id} in {stored.file.storage_path} is as the provider sent it, and cannot be "
            f"read: {error}; raw_stream has its bytes, and a refetch asks the provider once more."
        ) from error


class _LazyStream(io.RawIOBase):
    """A stream of the content. What it is shows when it is used for the first time."""

    def __init__(self, stored: StoredContent) -> None:
        self._stored = stored
        self._plain = stored()
        self._inflated: _InflatedStream | None = None
        self._is_known = False

    def _content(self) -> BinaryIO | _InflatedStream:
        if not self._is_known:
            is_gzip = self._plain.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            self._plain.seek(0)
            if is_gzip:
                self._inflated = _InflatedStream(self._stored, self._plain)
            self._is_known = True
        return self._inflated or self._plain

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._content().readinto(buffer)  # type: ignore[union-attr] # both have it

    def tell(self) -> int:
        return self._content().tell() if self._is_known else 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if not self._is_known and (offset, whence) == (0, os.SEEK_SET):
            return 0  # nothing was read yet
        return self._content().seek(offset, whence)

    def close(self) -> None:
        # Without a stream, opening failed; the garbage collector calls this all the same.
        if not self.closed and hasattr(self, "_plain"):
            self._plain.close()
        super().close()


class _InflatedStream:
    """What is inside gzip. Only a step of it is in memory: to go back, it begins again."""

    def __init__(self, stored: StoredContent, packed: BinaryIO) -> None:
        self._stored = stored
        self._packed = packed
        self._begin()

    def _begin(self) -> None:
        self._packed.seek(0)
        self._pieces = _inflated(self._stored, iter(lambda: self._packed.read(STEP_BYTES), b""))
        self._rest = memoryview(b"")
        self._position = 0
        self._error: IntegrityError | None = None

    def _take(self, size: int) -> memoryview:
        """Return the next bytes, at most that many; none at the end."""
        while not self._rest:
            if self._error is not None:
                raise self._error  # a second try fails too
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                break
            except IntegrityError as error:
                self._error = error
                raise
        taken, self._rest = self._rest[:size], self._rest[size:]
        self._position += len(taken)
        return taken

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        taken = self._take(len(view))
        view[: len(taken)] = taken
        return len(taken)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            while self._take(STEP_BYTES):
                pass
        target = max(0, offset + (0 if whence == os.SEEK_SET else self._position))
        if target < self._position:
            self._begin()
        while self._position < target and self._take(target - self._position):
            pass
        return self._position
