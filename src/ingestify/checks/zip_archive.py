"""A ZIP archive: a central directory, and members whose CRCs are right. Nothing is extracted."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content, read_exactly
from ingestify.checks.problem import Problem, excerpt

if TYPE_CHECKING:
    import zipfile

__all__ = ["check"]

MOST_MEMBERS = 100_000
MOST_DIRECTORY_BYTES = 64 << 20
MOST_RATIO = 1000
RATIO_FROM_BYTES = 100 << 20
"""More than 1,000 times of what is stored is a bomb, where it is this much."""

_STEP_BYTES = 1 << 20
_IS_ENCRYPTED = 0x1

# APPNOTE.TXT, sections 4.3.12 to 4.3.16.
_MEMBER_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END_BYTES = 22
_MOST_COMMENT_BYTES = 0xFFFF
_END_64_BYTES = 56
_LOCATOR_64_SIGNATURE = b"PK\x06\x07"
_LOCATOR_64_BYTES = 20


def check(content: Content) -> None:
    """Raise a Problem unless there is a member, and each inflates to the CRC that the archive names.

    What is encrypted, or compressed in a way that Python cannot undo, cannot be checked and is no problem. Neither is
    a stream that cannot seek, beyond its first bytes.
    """
    head = content.head()
    if not head.startswith(b"PK"):
        raise mismatch(head, "ZIP")
    with content.open() as stream:
        if stream.seekable():
            _check_archive(stream)


def _check_archive(stream: BinaryIO) -> None:
    import zipfile  # it takes 10 ms to import

    _check_directory(stream)
    try:
        with _damage_as_problem("the ZIP archive has no readable central directory"):
            archive = zipfile.ZipFile(stream)
    except NotImplementedError:  # a version that Python does not know
        return
    with archive:
        files = [member for member in archive.infolist() if not member.filename.endswith("/")]
        if not files:
            raise Problem("the ZIP archive holds no file")
        _check_ratio(files)
        for file in files:
            if not file.flag_bits & _IS_ENCRYPTED:
                _check_member(archive, file)


def _check_directory(stream: BinaryIO) -> None:
    """Look at the size of the central directory, before zipfile reads all of it into memory."""
    size = stream.seek(0, os.SEEK_END)
    start = stream.seek(max(0, size - _END_BYTES - _MOST_COMMENT_BYTES))
    tail = read_exactly(stream, size - start)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END_BYTES > len(tail):
        raise Problem(f"the ZIP archive breaks off at byte {size}: it has no central directory at its end")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    end = start + at
    stream.seek(max(0, end - _LOCATOR_64_BYTES))
    locator = read_exactly(stream, _LOCATOR_64_BYTES)
    if locator.startswith(_LOCATOR_64_SIGNATURE):
        end -= _LOCATOR_64_BYTES + _END_64_BYTES
        stream.seek(max(0, end))
        length = int.from_bytes(read_exactly(stream, _END_64_BYTES)[40:48], "little")
    if length > MOST_DIRECTORY_BYTES:
        raise Problem(f"the ZIP archive has a central directory of {length:,} bytes")
    # Counted, not read from its number of members: zipfile does not believe that either.
    stream.seek(max(0, end - length))
    members = read_exactly(stream, length).count(_MEMBER_SIGNATURE)
    if members > MOST_MEMBERS:
        raise Problem(f"the ZIP archive has {members:,} members, more than {MOST_MEMBERS:,}")


def _check_ratio(files: Sequence[zipfile.ZipInfo]) -> None:
    made = sum(file.file_size for file in files)
    taken = sum(file.compress_size for file in files)
    if made > RATIO_FROM_BYTES and made > taken * MOST_RATIO:
        raise Problem(f"the ZIP archive is a bomb: its {taken:,} bytes hold {made:,}")


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    what = f"the ZIP archive's member {excerpt(member.filename)} is damaged"
    # Not implemented: a compression, or an encryption, that Python does not know.
    with contextlib.suppress(NotImplementedError), _damage_as_problem(what), archive.open(member) as stream:
        while stream.read(_STEP_BYTES):  # at its end zipfile compares the CRC
            pass


@contextlib.contextmanager
def _damage_as_problem(what: str) -> Iterator[None]:
    """Translate what zipfile and its decompressors raise for a damaged archive."""
    import zipfile

    # Python may be built without the one, and before 3.14 has not got the other.
    lzma_error = getattr(getattr(zipfile, "lzma", None), "LZMAError", zlib.error)
    zstd_error = getattr(getattr(zipfile, "zstd", None), "ZstdError", zlib.error)
    try:
        yield
    except NotImplementedError:
        raise
    except OSError as error:
        # bz2 has no error of its own, and a position before the file's beginning is one that the archive names.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise Problem(f"{what}: {_reason(error)}") from error
    except (zipfile.BadZipFile, zlib.error, lzma_error, zstd_error, struct.error) as error:
        raise Problem(f"{what}: {_reason(error)}") from error
    except (EOFError, ValueError, OverflowError, RuntimeError, LookupError) as error:
        raise Problem(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if str(error).startswith("Bad CRC-32"):
        return "its CRC is another"
    if isinstance(error, EOFError):
        return "it breaks off"
    return excerpt(str(error).rpartition(": ")[2] or type(error).__name__)
