"""The bytes of a file that is checked: in memory, in an object of the lake, or inside gzip."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

__all__ = ["HEAD_BYTES", "Content", "PieceStream", "iter_chunks", "read_exactly"]

HEAD_BYTES = 1 << 14
"""The length of a file's beginning by which its format is recognised."""

CHUNK_BYTES = 1 << 18


class Content:
    """The bytes that a check reads. Used by one thread at a time.

    Args:
        open_stream: Opens the bytes from their beginning, any number of times.
        size: The number of bytes; None: it is not known before they are read.
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
    """Return the next `size` bytes, fewer only at the end of the stream: one read may return less than there is."""
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


class PieceStream(io.RawIOBase):
    """A stream of pieces that are made while it is read.

    Args:
        pieces: The pieces. An error of theirs is raised by the reading.
        source: A stream that is closed with this one.
    """

    def __init__(self, pieces: Iterator[bytes], source: BinaryIO | None = None) -> None:
        self._pieces = pieces
        self._source = source
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with the next bytes. Returns how many there are; 0 at the end."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Close the source too."""
        if self._source is not None:
            self._source.close()
        super().close()
