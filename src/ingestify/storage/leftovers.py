"""What is in a staging folder and nobody has written to for a while."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ingestify.locked_file import LockedFile

__all__ = ["NOTES_SUFFIX", "PARTIAL_SUFFIX", "Leftover", "find_leftovers"]

NOTES_SUFFIX = ".notes"
PARTIAL_SUFFIX = ".partial"

_TEMPORARY = re.compile(r"[0-9a-f]{32}\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Leftover:
    """A temporary file, or a partial one with its notes.

    Attributes:
        path: In the staging folder; of a partial one without its suffix.
        size: Bytes, with the notes.
        is_partial: Whether somebody may have it locked, and the next run may go on from it.
    """

    path: Path
    size: int
    is_partial: bool

    @property
    def key(self) -> str:
        """What a partial file goes by."""
        return self.path.name

    def is_held(self) -> bool:
        """Whether a process has it; it is asked for without waiting, and let go of again."""
        notes = self.path.with_name(self.key + NOTES_SUFFIX)
        if not self.is_partial or not notes.exists():
            return False
        try:
            taken = LockedFile.take(notes, create=False)
        except OSError:
            return False  # a file system without locks; there nobody keeps one
        if taken is None:
            return True
        taken.close()
        return False


def find_leftovers(folder: Path, written_before: dt.datetime) -> Iterator[Leftover]:
    """Yield what was last written to before a moment; files of other names are left alone."""
    newest: dict[tuple[str, bool], float] = {}
    sizes: dict[tuple[str, bool], int] = {}
    try:
        entries = os.scandir(folder)
    except OSError:
        return  # there is none
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
            # Also when it was put here: an object that is being deleted passes through, and is as old as it is. What
            # has notes is protected by their lock.
            moment = status.st_mtime if is_partial else max(status.st_mtime, status.st_ctime)
            newest[one] = max(newest.get(one, 0.0), moment)
            sizes[one] = sizes.get(one, 0) + status.st_size
    for (name, is_partial), moment in newest.items():
        if moment < written_before.timestamp():
            yield Leftover(folder / name, sizes[name, is_partial], is_partial)
