"""A gzip file: every member is complete (RFC 1952), and the content is checked by its format."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar, cast

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content, PieceStream, iter_chunks
from ingestify.checks.problem import Problem
from ingestify.inflation import GZIP_MAGIC, STEP_BYTES, BrokenGzip, iter_gzip

__all__ = ["check"]


T = TypeVar("T")


def check(content: Content, check_inner: Callable[[Content], T]) -> T:
    """Raise a Problem unless every member inflates to its length and CRC, and the file holds at least one byte.

    Args:
        content: The file.
        check_inner: Checks the inflated content.

    Returns:
        What `check_inner` returned.
    """
    head = content.head()
    if not head.startswith(GZIP_MAGIC[: len(head)]):
        raise mismatch(head, "gzip")
    inside = _Inside(content)
    found = check_inner(Content(inside.open, None))
    if not inside.was_read_through:
        with inside.open() as stream:
            for _ in iter_chunks(stream):
                pass
    return found


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
    is_empty = True
    try:
        for piece in iter_gzip(iter_chunks(stream)):
            is_empty = False
            yield piece
    except BrokenGzip as error:
        raise Problem(str(error)) from error
    if is_empty:
        raise Problem("the gzip holds nothing: 0 bytes are inside")
