"""Inflation of gzip and deflate in steps, so that a small body that holds a huge one never fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

__all__ = ["GZIP_MAGIC", "GZIP_WBITS", "STEP_BYTES", "GzipInflater", "inflate"]

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 16 + zlib.MAX_WBITS

STEP_BYTES = 1 << 18
"""How many bytes one step makes at most."""


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
