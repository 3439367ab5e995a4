"""Leftovers: files in a staging folder that nobody has written to for a while."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ingestify.locked_file import LockedFile

__all__ = ["NOTES_SUFFIX", "PARTIAL_SUFFIX", "Leftover", "find_leftovers"]

NOTES_SUFFIX = ".notes"
PARTIAL_SUFFIX = ".partial"

_TEMPORARY = re.compile(r"[0-9a-f]{32}\Z")


class Leftover(msgspec.Struct, frozen=True):
    """A temporary file, or a partial file with its notes.

    Attributes:
        path: Its path; that of a partial file has no suffix.
        size: The size in bytes, with the notes.
        is_partial: Whether it is a partial file, which a process may have locked, and the next run may resume.
    """

    path: Path
    size: int
    is_partial: bool

    @property
    def key(self) -> str:
        """The key of a partial file."""
        return self.path.name

    def is_held(self) -> bool:
        """Whether a process holds the file. Its lock is tried without waiting, and released again."""
        notes = self.path.with_name(self.key + NOTES_SUFFIX)
        if not self.is_partial or not notes.exists():
            return False
        try:
            taken = LockedFile.take(notes, create=False)
        except OSError:
            return False  # without locks there are no partial files
        if taken is None:
            return True
        taken.close()
        return False


def find_leftovers(folder: Path, written_before: dt.datetime) -> Iterator[Leftover]:
    """Yield the leftovers that were last written before a moment; files with other names are ignored."""
    newest: dict[tuple[str, bool], float] = {}
    sizes: dict[tuple[str, bool], int] = {}
    try:
        entries = os.scandir(folder)
    except OSError:
        return  # there is no staging folder
    with entries:
        for entry in entries:
            key, dot, suffix = entry.name.rpartition(".")
            is_partial = dot + suffix in (NOTES_SUFFIX, PARTIAL_SUFFIX)
            if not is_partial and not _TEMPORARY.match(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # it was published, or discarded
            one = (key if is_partial else entry.name, is_partial)
            # The change time too: an object that is being deleted is moved here for a moment, however old it is. The
            # lock of its notes protects a partial file.
            moment = status.st_mtime if is_partial else max(status.st_mtime, status.st_ctime)
            newest[one] = max(newest.get(one, 0.0), moment)
            sizes[one] = sizes.get(one, 0) + status.st_size
    for (name, is_partial), moment in newest.items():
        if moment < written_before.timestamp():
            yield Leftover(folder / name, sizes[name, is_partial], is_partial)
