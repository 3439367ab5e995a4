"""One member of a ZIP archive, inflated in pieces that are never large, whatever the archive claims.

Stored members, Deflate and Deflate64 are read. Football data comes in no other method, so each other one is an error.
"""

from __future__ import annotations

import contextlib
import functools
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ingestify.checks.content import read_exactly
from ingestify.checks.problem import Problem, excerpt
from ingestify.checks.zip_directory import IS_UTF8, Member, damage_as_problem
from ingestify.inflation import STEP_BYTES, inflate

__all__ = ["CannotInflate", "is_encrypted", "iter_inflated"]

_DEFLATE64_STEP_BYTES = 512

_IS_ENCRYPTED, _IS_PATCH = 0x1, 0x20
_SIGNATURE = b"PK\x03\x04"
_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT, section 4.3.7

# APPNOTE.TXT, section 4.4.5.
_METHODS = {
    9: "Deflate64, as Windows Explorer does with large files",
    12: "bzip2",
    14: "LZMA",
    93: "Zstandard",
    95: "XZ",
    98: "PPMd",
}
_REMEDY = (
    "have the archive made by 7-Zip or zip with Deflate, which is what they do by themselves, or the file delivered "
    "without an archive"
)
_REMEDIES = {9: f"install ingestify's extra 'deflate64', {_REMEDY}"}

_Inflate = Callable[[bytes], Iterator[bytes]]


class CannotInflate(Exception):
    """The member is encrypted, or compressed with a method that is not supported."""


def is_encrypted(member: Member) -> bool:
    """Return whether the member needs a password."""
    return bool(member.info.flag_bits & _IS_ENCRYPTED)


def iter_inflated(stream: BinaryIO, member: Member) -> Iterator[bytes]:
    """Yield the content of a member in pieces of at most 256 KiB.

    Args:
        stream: The archive, seekable. Other code may read it between two pieces.
        member: The member.

    Raises:
        Problem: The member is damaged, or has another size than the directory says.
        CannotInflate: The member is encrypted, or compressed with a method that is not supported.
    """
    info = member.info
    what = f"the ZIP archive's member {excerpt(member.name)} is damaged"
    inflate_next = _inflater(member)
    made = crc = 0
    with damage_as_problem(what):
        position = _start(stream, member, what)
        remaining = info.compress_size
        while made < info.file_size or remaining:
            stream.seek(position)
            data = read_exactly(stream, min(remaining, STEP_BYTES))
            if not data:
                break
            position += len(data)
            remaining -= len(data)
            for piece in inflate_next(data):
                made += len(piece)
                if made > info.file_size:
                    raise Problem(f"{what}: it holds more than its {info.file_size:,} bytes")
                crc = zlib.crc32(piece, crc)
                yield piece
        if made < info.file_size:
            raise Problem(f"{what}: its data breaks off")
        if crc != info.CRC:
            raise Problem(f"{what}: its CRC does not match")


def _start(stream: BinaryIO, member: Member, what: str) -> int:
    """Return where the data begins: after the member's own header, which must have the same name."""
    info = member.info
    stream.seek(info.header_offset)
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_SIGNATURE):
        raise Problem(f"{what}: there is no member at the place that the directory names")
    _, _, flags, *_, name_bytes, extra_bytes = _HEADER.unpack(header)
    name = read_exactly(stream, name_bytes).decode("utf-8" if flags & IS_UTF8 else "cp437")
    if name != info.orig_filename:
        raise Problem(f"{what}: its own header has the name {excerpt(name)}")
    start = info.header_offset + _HEADER.size + int(name_bytes) + int(extra_bytes)
    if start + info.compress_size > member.end:
        raise Problem(f"{what}: its data overlaps the next member")
    return start


def _inflater(member: Member) -> _Inflate:
    """Return a function that inflates one compressed piece after the other, into pieces of limited size."""
    if is_encrypted(member) or member.info.flag_bits & _IS_PATCH:
        raise CannotInflate("it is encrypted")
    method = member.info.compress_type
    if method == 0:
        return lambda data: iter((data,))
    if method == 8:
        return functools.partial(inflate, zlib.decompressobj(-zlib.MAX_WBITS))
    if method == 9:
        with contextlib.suppress(ImportError):
            return _deflate64()
    name = _METHODS.get(method, f"the method number {method}")
    raise CannotInflate(f"it is compressed with {name}; {_REMEDIES.get(method, _REMEDY)}")


def _deflate64() -> _Inflate:
    import inflate64  # an extra, and rarely needed

    inflating = inflate64.Inflater()

    def inflate_next(data: bytes) -> Iterator[bytes]:
        # It returns all that an input holds at once: at most 64 KiB for each 18 bits.
        for start in range(0, len(data), _DEFLATE64_STEP_BYTES):
            if inflating.eof:
                return
            made = inflating.inflate(data[start : start + _DEFLATE64_STEP_BYTES])
            for begin in range(0, len(made), STEP_BYTES):
                yield made[begin : begin + STEP_BYTES]

    return inflate_next
