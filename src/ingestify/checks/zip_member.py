"""One member of a ZIP archive, inflated in pieces that are never large, whatever it claims.

Not with zipfile's own reader: of bzip2 and LZMA that one makes all that a piece of input holds at once, and a kilobyte
of bzip2 may hold a gigabyte.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ingestify.checks.content import read_exactly
from ingestify.checks.problem import Problem, excerpt
from ingestify.checks.zip_directory import IS_UTF8, Member, damage_as_problem

__all__ = ["CannotInflate", "is_encrypted", "iter_inflated"]

_STEP_BYTES = 1 << 18
_DEFLATE64_STEP_BYTES = 512
_MOST_LZMA_WINDOW_BYTES = 128 << 20

_IS_ENCRYPTED, _IS_PATCH = 0x1, 0x20
_SIGNATURE = b"PK\x03\x04"
_HEADER = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT, section 4.3.7

_UNKNOWN = {
    9: "it is compressed with Deflate64, as Windows Explorer does with large files; install ingestify's extra "
    "'deflate64', have the archive made by 7-Zip or zip, or the file delivered without one",
}
"""Methods that people meet, and what to do."""

_Inflate = Callable[[bytes], Iterator[bytes]]


class CannotInflate(Exception):
    """The member is encrypted, or compressed in a way that is not known here."""


def is_encrypted(member: Member) -> bool:
    """Return whether a password would be needed."""
    return bool(member.info.flag_bits & _IS_ENCRYPTED)


def iter_inflated(stream: BinaryIO, member: Member) -> Iterator[bytes]:
    """Yield what a member holds, in pieces of at most 256 KiB.

    Args:
        stream: The archive, seekable. Others may read it between two pieces.

    Raises:
        Problem: The member is damaged, or holds more or less than it says.
        CannotInflate: It is encrypted, or compressed in an unknown way.
    """
    info = member.info
    what = f"the ZIP archive's member {excerpt(member.name)} is damaged"
    inflate = _inflater(member)
    made = crc = 0
    with damage_as_problem(what):
        position = _start(stream, member, what)
        remaining = info.compress_size
        while made < info.file_size or remaining:
            stream.seek(position)
            data = read_exactly(stream, min(remaining, _STEP_BYTES))
            if not data:
                break
            position += len(data)
            remaining -= len(data)
            for piece in inflate(data):
                made += len(piece)
                if made > info.file_size:
                    raise Problem(f"{what}: it holds more than the {info.file_size:,} bytes that it names")
                crc = zlib.crc32(piece, crc)
                yield piece
        if made < info.file_size:
            raise Problem(f"{what}: it breaks off")
        if crc != info.CRC:
            raise Problem(f"{what}: its CRC is another")


def _start(stream: BinaryIO, member: Member, what: str) -> int:
    """Return where the data begins: behind the member's own header, which must be of this very member."""
    info = member.info
    stream.seek(info.header_offset)
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_SIGNATURE):
        raise Problem(f"{what}: there is no member where it says")
    _, _, flags, *_, name_bytes, extra_bytes = _HEADER.unpack(header)
    name = read_exactly(stream, name_bytes).decode("utf-8" if flags & IS_UTF8 else "cp437")
    if name != info.orig_filename:
        raise Problem(f"{what}: its own header calls it {excerpt(name)}")
    start = info.header_offset + _HEADER.size + int(name_bytes) + int(extra_bytes)
    if start + info.compress_size > member.end:
        raise Problem(f"{what}: it reaches into the next one")
    return start


def _inflater(member: Member) -> _Inflate:
    """Return what turns compressed pieces, one after the other, into pieces of bounded size."""
    if is_encrypted(member) or member.info.flag_bits & _IS_PATCH:
        raise CannotInflate("it is encrypted")
    with contextlib.suppress(ImportError):  # Python may be built without bz2 and lzma
        match member.info.compress_type:
            case 0:
                return lambda data: iter((data,))
            case 8:
                return _deflate()
            case 9:
                return _deflate64()
            case 12:
                import bz2  # rarely needed

                return _stepwise(bz2.BZ2Decompressor())
            case 14:
                return _lzma(member.info.file_size)
    raise CannotInflate(
        _UNKNOWN.get(member.info.compress_type, f"its compression has the number {member.info.compress_type}")
    )


def _deflate() -> _Inflate:
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)

    def inflate(data: bytes) -> Iterator[bytes]:
        while not inflating.eof:
            piece = inflating.decompress(data, _STEP_BYTES)
            data = inflating.unconsumed_tail
            if piece:
                yield piece
            # All input may be taken while output is still held back.
            if not data and len(piece) < _STEP_BYTES:
                return

    return inflate


def _deflate64() -> _Inflate:
    import inflate64  # an extra, and rarely needed

    inflating = inflate64.Inflater()

    def inflate(data: bytes) -> Iterator[bytes]:
        # It gives all that an input holds at once, which is 64 KiB for each 18 bits at the most.
        for start in range(0, len(data), _DEFLATE64_STEP_BYTES):
            if inflating.eof:
                return
            made = inflating.inflate(data[start : start + _DEFLATE64_STEP_BYTES])
            for begin in range(0, len(made), _STEP_BYTES):
                yield made[begin : begin + _STEP_BYTES]

    return inflate


def _stepwise(inflating: object) -> _Inflate:
    """Return the same for the decompressors of bz2 and lzma, which keep what they have not used yet."""

    def inflate(data: bytes) -> Iterator[bytes]:
        while not inflating.eof:  # type: ignore[attr-defined]
            piece = inflating.decompress(data, _STEP_BYTES)  # type: ignore[attr-defined]
            data = b""
            if piece:
                yield piece
            else:
                return

    return inflate


def _lzma(file_size: int) -> _Inflate:
    """Return the same for LZMA: version, size of the properties, properties, data (APPNOTE.TXT, section 5.8.8)."""
    import lzma  # rarely needed

    head = b""
    started: _Inflate | None = None

    def inflate(data: bytes) -> Iterator[bytes]:
        nonlocal head, started
        if started is None:
            head += data
            if len(head) < 9:
                return
            properties, window = head[4], int.from_bytes(head[5:9], "little")
            if head[2:4] != b"\x05\x00" or properties >= 225:
                raise ValueError("its LZMA properties make no sense")
            # No more of the past is ever looked at than there is.
            window = min(max(window, 4096), max(file_size, 4096))
            if window > _MOST_LZMA_WINDOW_BYTES:
                raise CannotInflate(f"it wants {window:,} bytes of memory")
            wanted = {
                "id": lzma.FILTER_LZMA1,
                "dict_size": window,
                "lc": properties % 9,
                "lp": properties // 9 % 5,
                "pb": properties // 45,
            }
            started = _stepwise(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[wanted]))
            data, head = head[9:], b""
        yield from started(data)

    return inflate
