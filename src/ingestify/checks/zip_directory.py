"""A ZIP archive's central directory (APPNOTE.TXT, section 4.3.12), read with limits.

Bombs are refused before anything is inflated: members that share bytes (the same bytes are listed a thousand times),
impossible sizes, and a directory that fills the memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from ingestify.checks.problem import Problem, excerpt

if TYPE_CHECKING:
    import zipfile

__all__ = [
    "DEFAULT_LIMITS",
    "IS_UTF8",
    "ArchiveLimits",
    "Member",
    "damage_as_problem",
    "plain_name",
    "read_directory",
]

MOST_DIRECTORY_BYTES = 64 << 20

_MEMBER_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END_BYTES = 22
_MOST_COMMENT_BYTES = 0xFFFF
_LOCAL_HEADER_BYTES = 30
IS_UTF8 = 0x800
"""The flag of a member whose name is in UTF-8."""


@dataclasses.dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The limits of an archive.

    Attributes:
        members: The most members.
        size_bytes: The most inflated bytes of all members.
        ratio: The most inflated bytes for each byte of the archive, if there are more than `ratio_from_bytes`.
        ratio_from_bytes: See `ratio`.
    """

    members: int = 100_000
    size_bytes: int = 20 << 30
    ratio: int = 1000
    ratio_from_bytes: int = 100 << 20


DEFAULT_LIMITS = ArchiveLimits()


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One member, as the central directory describes it.

    Attributes:
        info: The entry of the directory.
        name: The name, always with `/` between folders.
        end: Where the next member or the directory begins; the member's bytes lie before it.
    """

    info: zipfile.ZipInfo
    name: str
    end: int

    @property
    def is_folder(self) -> bool:
        """Whether the member is a folder."""
        return self.name.endswith("/")

    @property
    def is_of_macos(self) -> bool:
        """Whether macOS added the member to the archived files."""
        return self.name.startswith("__MACOSX/") or self.name.rpartition("/")[2].startswith(("._", ".DS_Store"))


def read_directory(stream: BinaryIO, limits: ArchiveLimits = DEFAULT_LIMITS) -> list[Member] | None:
    """Return an archive's members in the order of its directory; None: Python does not know its version.

    Args:
        stream: The archive, seekable. Its position is changed.
        limits: The limits.

    Raises:
        Problem: The directory cannot be read, or is beyond the limits, or members share bytes.
    """
    import zipfile  # it takes 10 ms to import

    _require_end(stream)
    guarded = _Guarded(stream, limits)
    try:
        with damage_as_problem("the ZIP archive has no readable central directory"):
            archive = zipfile.ZipFile(cast(BinaryIO, guarded))
    except NotImplementedError:
        return None
    with archive:
        members = _placed(archive.infolist(), archive.start_dir)
    _check_sizes(members, limits)
    return members


def _require_end(stream: BinaryIO) -> None:
    """Raise a Problem that the archive breaks off, if its end is missing; zipfile's own error is not clear."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END_BYTES - _MOST_COMMENT_BYTES))
    tail = stream.read(_END_BYTES + _MOST_COMMENT_BYTES)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END_BYTES > len(tail):
        raise Problem(f"the ZIP archive breaks off at byte {size}: it has no central directory at its end")


class _Guarded(io.RawIOBase):
    """The archive's stream for zipfile, which reads the directory in one piece and makes an object of each member.

    Each read is limited here, whatever sizes and numbers the archive names. The limit is on reads, because zipfile
    finds the directory differently in different versions of Python.
    """

    def __init__(self, stream: BinaryIO, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1, /) -> bytes:
        data = (
            b"" if size > MOST_DIRECTORY_BYTES else self._stream.read(size if size >= 0 else MOST_DIRECTORY_BYTES + 1)
        )
        if max(size, len(data)) > MOST_DIRECTORY_BYTES:
            raise Problem(f"the ZIP archive has a central directory of {max(size, len(data)):,} bytes")
        members = data.count(_MEMBER_SIGNATURE)
        if members > self._limits.members:
            raise Problem(f"the ZIP archive has {members:,} members, more than {self._limits.members:,}")
        return data


def _placed(infos: Sequence[zipfile.ZipInfo], directory_start: int) -> list[Member]:
    """Return the members with the place of each, or raise a Problem if two share bytes."""
    in_order = sorted(infos, key=lambda info: info.header_offset)
    ends = {}
    for index, info in enumerate(in_order):
        end = in_order[index + 1].header_offset if index + 1 < len(in_order) else directory_start
        if info.header_offset < 0 or info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            raise Problem(
                f"the ZIP archive's member {excerpt(_name_of(info))} is damaged: its {info.compress_size:,} bytes "
                "reach beyond its place in the archive"
            )
        ends[id(info)] = end
    return [Member(info, _name_of(info), ends[id(info)]) for info in infos]


def _name_of(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if name == info.orig_filename and not info.flag_bits & IS_UTF8:
        # macOS writes UTF-8 without the flag, so zipfile has decoded it as the code page of DOS.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return plain_name(name)


def plain_name(name: str) -> str:
    """Return a member's name in the form that is compared.

    PowerShell separates folders with a backslash, and macOS separates letters from their accents.
    """
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _check_sizes(members: Sequence[Member], limits: ArchiveLimits) -> None:
    # No two members share bytes, so the sum of their sizes is real.
    made = sum(member.info.file_size for member in members)
    taken = sum(member.info.compress_size for member in members)
    if made > limits.size_bytes or (made > limits.ratio_from_bytes and made > taken * limits.ratio):
        raise Problem(f"the ZIP archive is a bomb: its {taken:,} bytes hold {made:,}")


@contextlib.contextmanager
def damage_as_problem(what: str) -> Iterator[None]:
    """Translate the errors of zipfile and the decompressors into a Problem; an error of the disk stays an OSError."""
    import zipfile

    try:
        yield
    except NotImplementedError:
        raise
    except OSError as error:
        # The archive may name a position before the file's beginning.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise Problem(f"{what}: {_reason(error)}") from error
    except (zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise Problem(f"{what}: {_reason(error)}") from error
    except (EOFError, ValueError, OverflowError, RuntimeError, LookupError) as error:
        raise Problem(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return excerpt(str(error).rpartition(": ")[2] or type(error).__name__)
