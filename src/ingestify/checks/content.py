"""A file's bytes, wherever they are: in memory, in an object of the lake, or inside gzip."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

__all__ = ["HEAD_BYTES", "Content", "iter_chunks", "read_exactly"]

HEAD_BYTES = 1 << 14
"""How much of a file shows what it is."""

CHUNK_BYTES = 1 << 18


class Content:
    """What a check reads. Used by one thread at a time.

    Args:
        open_stream: Opens the bytes from their beginning, any number of times.
        size: Their number; None: only known once they are read.
        body: The same bytes, if they are in memory.
    """

    def __init__(self, open_stream: Callable[[], BinaryIO], size: int | None, body: bytes | None = None) -> None:
        self._open_stream = open_stream
        self.size = size
        self._body = body
        self._head: bytes | None = None

    @classmethod
    def of_bytes(cls, body: bytes) -> Content:
        """Return the content of a file that is in memory."""
        return cls(lambda: io.BytesIO(body), len(body), body)

    def open(self) -> BinaryIO:
        """Return a buffered stream of the bytes, from their beginning. The caller closes it."""
        stream = self._open_stream()
        # Lines of an unbuffered stream are read byte by byte.
        return cast(BinaryIO, io.BufferedReader(stream)) if isinstance(stream, io.RawIOBase) else stream

    def head(self) -> bytes:
        """Return the first 16 KiB."""
        if self._head is None:
            self._head = self.read(HEAD_BYTES)
        return self._head

    def read(self, most_bytes: int) -> bytes:
        """Return the bytes, but no more than `most_bytes`."""
        if self._body is not None:
            return self._body if len(self._body) <= most_bytes else self._body[:most_bytes]
        with self.open() as stream:
            return read_exactly(stream, most_bytes)


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes, fewer only where the stream ends: one read may give less than there is."""
    first = stream.read(size)
    if not first or len(first) == size:
        return first
    parts = [first]
    missing = size - len(first)
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def iter_chunks(stream: BinaryIO, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield the rest of a stream, piece by piece."""
    while chunk := stream.read(size):
        yield chunk
