"""A gzip file: every member complete (RFC 1952), with what is inside checked as what it says it is."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content, iter_chunks
from ingestify.checks.problem import Problem
from ingestify.inflation import GZIP_MAGIC, STEP_BYTES, GzipInflater

__all__ = ["check"]

MOST_BYTES = 20 << 30
"""How much may be inside."""
MOST_RATIO = 1000
RATIO_FROM_BYTES = 1 << 30
"""More than 1,000 times of what is stored is a bomb, where it is this much."""

_REASONS = {"incorrect data check": "its CRC is another", "incorrect length check": "its length is another"}


def check(content: Content, check_inner: Callable[[Content], object] | None = None) -> None:
    """Raise a Problem unless every member inflates to the length and the CRC that it names, to something in all.

    Args:
        content: The file.
        check_inner: What checks that which is inside, as it comes out; None: it is only inflated.
    """
    head = content.head()
    if not head.startswith(GZIP_MAGIC[: len(head)]):
        raise mismatch(head, "gzip")
    inside = _Inside(content)
    if check_inner is not None:
        check_inner(Content(inside.open, None))
    if not inside.was_read_through:
        with inside.open() as stream:
            for _ in iter_chunks(stream):
                pass


class _Inside:
    """What a gzip file holds; knows whether anybody read it to its end."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.was_read_through = False

    def open(self) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Inflated(self._content.open(), self._end), STEP_BYTES))

    def _end(self) -> None:
        self.was_read_through = True


class _Inflated(io.RawIOBase):
    """Inflates a stream, and closes it. Reading raises a Problem where it is damaged."""

    def __init__(self, stream: BinaryIO, at_end: Callable[[], object]) -> None:
        self._stream = stream
        self._pieces = _inflate(stream)
        self._rest = memoryview(b"")
        self._at_end = at_end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                self._at_end()
                return 0
            self._rest = memoryview(piece)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _inflate(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what all members hold, in pieces of at most 256 KiB, or raise a Problem."""
    gzip = GzipInflater()
    taken = made = before = 0
    try:
        for chunk in iter_chunks(stream):
            before, taken = taken, taken + len(chunk)
            for piece in gzip.feed(chunk):
                made += len(piece)
                _check_ratio(taken, made)
                yield piece
    except zlib.error as error:
        reason = str(error).rpartition(": ")[2]
        raise Problem(f"the gzip is damaged near byte {before}: {_REASONS.get(reason, reason)}") from error
    if gzip.rest:
        raise Problem("the gzip is followed by bytes that are not gzip")
    if gzip.is_cut:
        raise Problem(f"the gzip breaks off at byte {taken}")
    if not made:
        raise Problem("the gzip holds nothing: 0 bytes are inside")


def _check_ratio(taken: int, made: int) -> None:
    if made > MOST_BYTES or (made > RATIO_FROM_BYTES and made > taken * MOST_RATIO):
        raise Problem(f"the gzip is a bomb: its first {taken:,} bytes hold more than {made:,}")
