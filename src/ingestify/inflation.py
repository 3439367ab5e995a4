"""Inflation of gzip and deflate in steps, so that a small body that holds a huge one never fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

__all__ = ["GZIP_MAGIC", "GZIP_WBITS", "STEP_BYTES", "BrokenGzip", "GzipInflater", "inflate", "iter_gzip"]

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 16 + zlib.MAX_WBITS

STEP_BYTES = 1 << 18
"""How many bytes one step makes at most."""

MOST_BYTES = 20 << 30
"""The most bytes that a gzip file may hold."""
MOST_RATIO = 1000
RATIO_FROM_BYTES = 1 << 30
"""A file is a bomb if it holds this much, and more than 1,000 times its own size."""

_REASONS = {"incorrect data check": "its CRC does not match", "incorrect length check": "its length does not match"}


class BrokenGzip(ValueError):
    """A gzip file is damaged, incomplete or a bomb. The message says which, for people, without a period."""


def iter_gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of all members of a gzip file, in pieces of at most 256 KiB.

    Args:
        chunks: The file, in parts of any size.

    Raises:
        BrokenGzip: A member is not complete, or does not inflate to its length and CRC, or something else follows.
    """
    gzip = GzipInflater()
    taken = made = before = 0
    try:
        for chunk in chunks:
            before, taken = taken, taken + len(chunk)
            for piece in gzip.feed(chunk):
                made += len(piece)
                _refuse_bomb(taken, made)
                yield piece
    except zlib.error as error:
        reason = str(error).rpartition(": ")[2]
        raise BrokenGzip(f"the gzip is damaged near byte {before}: {_REASONS.get(reason, reason)}") from error
    if gzip.rest:
        raise BrokenGzip("the gzip is followed by bytes that are not gzip")
    if gzip.is_cut:
        raise BrokenGzip(f"the gzip breaks off at byte {taken}")


def _refuse_bomb(taken: int, made: int) -> None:
    if made > MOST_BYTES or (made > RATIO_FROM_BYTES and made > taken * MOST_RATIO):
        raise BrokenGzip(f"the gzip is a bomb: its first {taken:,} bytes hold more than {made:,}")


def inflate(stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what the next data of a stream holds, in pieces of at most 256 KiB, until the stream ends.

    Raises:
        zlib.error: The data is damaged.
    """
    while not stream.eof:
        piece = stream.decompress(data, STEP_BYTES)
        data = stream.unconsumed_tail
        if piece:
            yield piece
        # The stream may take all input while it still holds output back.
        if not data and len(piece) < STEP_BYTES:
            return


class GzipInflater:
    """Inflates gzip (RFC 1952) of one member or several, with zeros between them or behind the last one.

    Attributes:
        rest: The first bytes of what follows the last member and is no gzip; nothing behind them is read. Empty: there
            is no such thing.
    """

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None
        self.rest = b""

    @property
    def is_cut(self) -> bool:
        """Whether a member has begun and not ended."""
        return self._member is not None and not self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next data holds, in pieces of at most 256 KiB.

        Raises:
            zlib.error: The data is damaged, or is no gzip from its first byte on.
        """
        while data:
            if self._member is None or self._member.eof:
                data = self._begin_member(data)
            if data and self._member is not None:
                yield from inflate(self._member, data)
                data = self._member.unused_data

    def _begin_member(self, data: bytes) -> bytes:
        """Begin the next member, and return the data from there on; none if there is no other member."""
        if self._member is not None:
            if len(self.rest) == len(GZIP_MAGIC):
                return b""
            data = (self.rest + data).lstrip(b"\0")  # tape drives pad with zeros
            self.rest = data[: len(GZIP_MAGIC)]
            if self.rest != GZIP_MAGIC:
                return b""
            self.rest = b""
        self._member = zlib.decompressobj(GZIP_WBITS)
        return data
