"""A gzip file: every member is complete (RFC 1952), and the content is checked by its format."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content, PieceStream, iter_chunks
from ingestify.checks.problem import Problem
from ingestify.inflation import GZIP_MAGIC, STEP_BYTES, GzipInflater

__all__ = ["check"]

MOST_BYTES = 20 << 30
"""The most bytes that a gzip file may hold."""
MOST_RATIO = 1000
RATIO_FROM_BYTES = 1 << 30
"""A file is a bomb if it holds this much, and more than 1,000 times its own size."""

_REASONS = {"incorrect data check": "its CRC does not match", "incorrect length check": "its length does not match"}


def check(content: Content, check_inner: Callable[[Content], object] | None = None) -> None:
    """Raise a Problem unless every member inflates to its length and CRC, and the file holds at least one byte.

    Args:
        content: The file.
        check_inner: Checks the inflated content; None: the content is only inflated.
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
    """The content of a gzip file.

    Attributes:
        was_read_through: Whether a stream of it was read to its end.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self.was_read_through = False

    def open(self) -> BinaryIO:
        stream = self._content.open()
        return cast(BinaryIO, io.BufferedReader(PieceStream(self._iter_pieces(stream), stream), STEP_BYTES))

    def _iter_pieces(self, stream: BinaryIO) -> Iterator[bytes]:
        yield from _inflate(stream)
        self.was_read_through = True


def _inflate(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content of all members in pieces of at most 256 KiB, or raise a Problem."""
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
