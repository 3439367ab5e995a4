"""MP4 and QuickTime: a sequence of boxes (ISO/IEC 14496-12, section 4.2) up to the end of the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content, iter_chunks, read_exactly
from ingestify.checks.problem import Problem, excerpt

__all__ = ["check_mp4", "check_quicktime"]

MOST_BOXES = 1_000_000
"""A recording of a whole day in fragments of a tenth of a second has fewer."""

_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
# Files from before 2001 have no `ftyp`.
_QUICKTIME_STARTS = frozenset({b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip", b"pnot"})


def check_mp4(content: Content) -> None:
    """Raise a Problem unless boxes fill the file exactly, `ftyp` first, with `moov` and `mdat` among them."""
    _check(content, "MP4", frozenset({b"ftyp"}))


def check_quicktime(content: Content) -> None:
    """Raise a Problem as for MP4; but a QuickTime file needs no `ftyp`."""
    _check(content, "QuickTime", _QUICKTIME_STARTS)


def _check(content: Content, expected: str, starts: frozenset[bytes]) -> None:
    head = content.head()
    if head[4:8] not in starts:
        raise mismatch(head, expected)
    with content.open() as stream:
        size = content.size if content.size is not None else sum(map(len, iter_chunks(stream)))
    with content.open() as stream:
        kinds = set(_iter_kinds(stream, size))
    if missing := [kind for kind in (b"moov", b"mdat") if kind not in kinds]:
        names = " and ".join(f"'{kind.decode()}'" for kind in missing)
        raise Problem(f"the {expected} has no box {names}, so nothing can be played")


def _iter_kinds(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the kind of each box of the file's first level."""
    position = 0
    for _ in range(MOST_BOXES):
        header = read_exactly(stream, min(_HEADER_BYTES, size - position))
        if not header.strip(b"\0") and len(header) < _HEADER_BYTES:
            return  # some cameras end a file with a few zeros
        length, kind = int.from_bytes(header[:4]), header[4:]
        if len(header) < _HEADER_BYTES:
            raise Problem(f"the video breaks off at byte {size}, in the header of a box")
        used = _HEADER_BYTES
        if length == 1:  # a length of 64 bits follows
            header = read_exactly(stream, _HEADER_BYTES)
            length, used = int.from_bytes(header), _LARGE_HEADER_BYTES
            if len(header) < _HEADER_BYTES:
                raise Problem(f"the video breaks off at byte {size}, in the header of the box {excerpt(kind)}")
        elif length == 0:  # the box ends with the file
            yield kind
            return
        if length < used:
            raise Problem(f"at byte {position} the video has no box, but {header.hex(' ')}")
        end = position + length
        if end > size:
            raise Problem(
                f"the video breaks off: its box {excerpt(kind)} at byte {position} ends at byte {end}, and the file "
                f"has {size} bytes"
            )
        yield kind
        _skip(stream, length - used)
        position = end
    raise Problem(f"the video has more than {MOST_BOXES:,} boxes")


def _skip(stream: BinaryIO, size: int) -> None:
    if stream.seekable():
        stream.seek(size, os.SEEK_CUR)
        return
    while size and (chunk := stream.read(min(size, 1 << 20))):
        size -= len(chunk)
