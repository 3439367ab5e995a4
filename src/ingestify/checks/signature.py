"""Formats that are checked by their magic bytes only."""

from __future__ import annotations

import os
from collections.abc import Callable

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import HEAD_BYTES, Content, iter_chunks
from ingestify.checks.problem import Problem

__all__ = ["begins_with", "check_parquet", "check_pdf"]

# https://parquet.apache.org/docs/file-format/: PARE if the footer is encrypted.
_PARQUET = (b"PAR1", b"PARE")
_PARQUET_BYTES = 12


def begins_with(expected: str, *magics: bytes) -> Callable[[Content], None]:
    """Return a check that raises a Problem unless the file begins with one of `magics`."""

    def check(content: Content) -> None:
        head = content.head()
        if not head.startswith(magics):
            raise mismatch(head, expected)

    return check


def check_pdf(content: Content) -> None:
    """Raise a Problem unless `%PDF-` is in the first 1,024 bytes, where PDF readers accept it."""
    head = content.head()
    if b"%PDF-" not in head[:1024]:
        raise mismatch(head, "a PDF document")


def check_parquet(content: Content) -> None:
    """Raise a Problem unless the file begins and ends with the magic bytes of Parquet."""
    head = content.head()
    if not head.startswith(_PARQUET):
        raise mismatch(head, "Parquet")
    end = b""
    with content.open() as stream:
        if stream.seekable() and content.size is not None:
            stream.seek(max(0, content.size - HEAD_BYTES), os.SEEK_SET)
        position = 0
        for chunk in iter_chunks(stream):
            position += len(chunk)
            end = (end + chunk)[-_PARQUET_BYTES:]
    if len(end) < _PARQUET_BYTES or not end.endswith(_PARQUET):
        raise Problem("the Parquet file breaks off: it does not end with PAR1")
