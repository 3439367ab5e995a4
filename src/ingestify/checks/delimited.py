"""Delimited text, CSV and TSV: a header, and rows.

The number of cells in a row is not checked: Metrica's tracking has three header lines of different lengths.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator

from ingestify.checks.appearance import UTF8_BOM, UTF16_BOMS, looks_like_json, mismatch
from ingestify.checks.content import Content, iter_chunks
from ingestify.checks.problem import Problem, excerpt

__all__ = ["check_csv", "check_tsv"]

MOST_BYTES = 64 << 20
"""The most bytes of a file that are checked."""

_IN_A_CELL = re.compile(rb"[^\s,;|\"']")
_END_OF_LINE = re.compile(rb"[\r\n]")
_NOT_BLANK = re.compile(rb"\S")
_DELIMITERS = ",;\t|"
_LONGEST_QUOTED = 128 << 10
"""Characters of the last cell. A longer one has rather a stray quote in the middle than a cut at its end."""

_SENTINEL = "\x1eend\x1e"


def check_csv(content: Content) -> None:
    """Raise a Problem unless the file is text with a header and a row, and its last cell is not cut within quotes.

    The encoding is not checked: NUL is the only byte that no encoding has.
    """
    quotes, last = _check(content, "CSV")
    # An even number of quotes is balanced. An odd number may have an inch sign in it, so the cells are parsed.
    if quotes % 2 and last not in b"\r\n" and _ends_in_quotes(content):
        raise Problem("the CSV breaks off in a quoted cell, at its end")


def check_tsv(content: Content) -> None:
    """Raise a Problem unless the file is text with a header and a row. Quotes have no meaning in TSV."""
    _check(content, "TSV")


def _check(content: Content, expected: str) -> tuple[int, bytes]:
    """Check the text. Return its number of quotes and its last byte; 0 and no byte if the file is too large."""
    head = content.head().removeprefix(UTF8_BOM).lstrip()
    if head.startswith((b"<", b"{")) or looks_like_json(head):
        raise mismatch(head, expected)
    table = _Table()
    is_utf16 = head.startswith(UTF16_BOMS)
    quotes = position = 0
    last = b""
    with content.open() as stream:
        chunks = iter_chunks(stream)
        for chunk in _as_utf8(chunks) if is_utf16 else chunks:
            zero = chunk.find(0)
            if zero >= 0:
                raise Problem(f"it holds a NUL byte, which no {expected} has, at byte {position + zero}")
            table.feed(chunk if position else chunk.removeprefix(UTF8_BOM))
            quotes += 0 if is_utf16 else chunk.count(b'"')
            last = chunk[-1:]
            position += len(chunk)
            if position > MOST_BYTES:
                return 0, b""
    table.end(expected, head)
    return quotes, last


class _Table:
    """Finds, in this order, a cell of the header, the end of its line, and a character on a later line."""

    def __init__(self) -> None:
        self._wanted = [_IN_A_CELL, _END_OF_LINE, _NOT_BLANK]

    def feed(self, chunk: bytes) -> None:
        start = 0
        while self._wanted:
            found = self._wanted[0].search(chunk, start)
            if found is None:
                return
            start = found.end()
            del self._wanted[0]

    def end(self, expected: str, head: bytes) -> None:
        if len(self._wanted) == 3:
            raise Problem(f"the {expected} has no header: it holds only white space and separators")
        if self._wanted:
            raise Problem(f"the {expected} has a single line, and no row after its header: {excerpt(head)}")


def _as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Convert UTF-16 (Excel's "Unicode text"), which is full of NUL bytes, to UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
    try:
        for chunk in chunks:
            if text := decoder.decode(chunk):
                yield text.encode("utf-8", "surrogatepass")
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise Problem(f"it begins as UTF-16, and is not valid UTF-16: {error.reason}") from error


def _ends_in_quotes(content: Content) -> bool:
    """Return whether the last cell is still open at the end of the file."""
    with content.open() as stream:
        # Quotes and separators are the same bytes in UTF-8 and in every code page.
        text = io.TextIOWrapper(stream, encoding="latin-1", newline="")
        header = text.readline()
        delimiter = max(_DELIMITERS, key=header.count)
        row: list[str] = []
        try:
            for row in csv.reader(itertools.chain([header], text, [_SENTINEL]), delimiter=delimiter):  # noqa: B007
                pass
        except csv.Error:  # a cell is longer than the limit of this process, which any code may set
            return False
    return row != [_SENTINEL] and len(row[-1]) <= _LONGEST_QUOTED
