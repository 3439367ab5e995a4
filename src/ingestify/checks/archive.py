"""The members of a ZIP archive. They are read one by one and never extracted to a disk, so no name can harm it."""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Iterator
from typing import BinaryIO, cast

from ingestify.checks.content import PieceStream
from ingestify.checks.problem import Problem, excerpt
from ingestify.checks.zip_directory import DEFAULT_LIMITS, ArchiveLimits, Member, plain_name, read_directory
from ingestify.checks.zip_member import CannotInflate, is_encrypted, iter_inflated
from ingestify.errors import IntegrityError

__all__ = ["Archive", "ArchiveLimits"]

_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f]|\A/|\A[A-Za-z]:|\A\s*\Z")


class Archive:
    """A provider's ZIP archive. Use it from one thread.

    Args:
        stream: The archive: seekable, such as `files.get_file("tracking").stream`. It stays the caller's, and open.
        limits: The limits of its members and sizes.

    Raises:
        IntegrityError: The stream is no archive, or one beyond the limits; members share bytes or a name; or a member
            has a name that leaves the archive (`..`, `/…`, `C:…`), is a link, or is encrypted. Nothing was inflated.

    Folders in a name are separated by `/`, and accents are as on other systems. The files that macOS adds to an archive
    (`__MACOSX/`, `._events.json`, `.DS_Store`) are no members.
    """

    def __init__(self, stream: BinaryIO, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
        self._stream = stream
        try:
            members = read_directory(stream, limits)
            if members is None:
                raise Problem("the ZIP archive has a version that is not known here")
            for member in members:
                _require_plain(member)
            files = [member for member in members if not member.is_folder and not member.is_of_macos]
            self._members = {member.name: member for member in files}
            if len(self._members) < len(files):
                raise Problem("the ZIP archive has several members of one name")
        except Problem as problem:
            raise _refused(problem) from problem

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members, without folders, in the archive's order."""
        return tuple(self._members)

    def get_size(self, name: str) -> int:
        """Return the number of bytes of a member. Reading it never returns more.

        Raises:
            IntegrityError: There is no member of that name.
        """
        return self._get(name).info.file_size

    def open_member(self, name: str) -> BinaryIO:
        """Open a member for reading, forward only. The memory does not grow with its size.

        The bytes have been checked by the archive's CRC when the stream has been read to its end.

        Raises:
            IntegrityError: There is no member of that name. Reading raises it, too, if the member is damaged.
        """
        return cast(BinaryIO, io.BufferedReader(PieceStream(_iter_pieces(self._stream, self._get(name)))))

    def iter_members(self) -> Iterator[tuple[str, BinaryIO]]:
        """Yield the name and the stream of each member, in the archive's order. A stream is closed before the next."""
        for name in self._members:
            with self.open_member(name) as stream:
                yield name, stream

    def _get(self, name: str) -> Member:
        name = plain_name(name)
        if name not in self._members:
            raise IntegrityError(
                f"The ZIP archive has no member {excerpt(name)}; it has {len(self._members):,} others."
            )
        return self._members[name]


def _refused(problem: Problem) -> IntegrityError:
    return IntegrityError(f"{str(problem)[:1].upper()}{str(problem)[1:]}. Ask the provider for another file.")


def _require_plain(member: Member) -> None:
    info = member.info
    what = f"the ZIP archive's member {excerpt(info.orig_filename)}"
    # zipfile cuts a name at a NUL, so the NUL is searched in the original name.
    if "\0" in info.orig_filename or _UNSAFE_NAME.search(member.name) or ".." in member.name.split("/"):
        raise Problem(f"{what} has a name that leaves the archive, or none")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Problem(f"{what} is a link or a device, not a file")
    if is_encrypted(member):
        raise Problem(f"{what} is encrypted")


def _iter_pieces(stream: BinaryIO, member: Member) -> Iterator[bytes]:
    try:
        yield from iter_inflated(stream, member)
    except Problem as problem:
        raise _refused(problem) from problem
    except CannotInflate as error:
        raise IntegrityError(f"The ZIP archive's member {excerpt(member.name)} cannot be read: {error}.") from error
