"""Temporary files of a local disk, and partial files, which a later process may resume."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from ingestify.durable_folders import durable_folders, sync
from ingestify.failpoints import failpoint
from ingestify.locked_file import LockedFile
from ingestify.storage.disk import TranslatedErrors, begin_sync

__all__ = ["LocalPartial", "LocalTemporary"]

_HINT_BYTES = 16 << 20
"""After so many bytes of a large file the system is told to begin to write them to the disk."""


class LocalTemporary:
    """Implements `domain.ports.TemporaryObject` with a file. Used by one thread at a time.

    Args:
        path: The path of the file, which does not exist yet.

    Attributes:
        is_published: Whether the file was renamed, so that `discard` has nothing to remove.
    """

    _unhinted = 0
    is_published = False

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO | None = path.open("xb", buffering=0)
        except FileNotFoundError:
            durable_folders.make(path.parent)
            self._file = path.open("xb", buffering=0)
        failpoint("staging.created")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        assert self._file is not None, "written to after finish()"
        view = memoryview(data)
        with TranslatedErrors("write", self.path):
            while view:
                view = view[self._file.write(view) :]
            failpoint("staging.written")
        self._unhinted += len(data)
        if self._unhinted >= _HINT_BYTES:
            begin_sync(self._file.fileno(), self._unhinted)
            self._unhinted = 0

    def restart(self) -> None:
        """Remove the bytes that were written."""
        assert self._file is not None, "restarted after finish()"
        with TranslatedErrors("write", self.path):
            self._file.seek(0)
            self._file.truncate()

    def finish(self) -> None:
        """Make the bytes durable."""
        if self._file is None:
            return
        with TranslatedErrors("write", self.path):
            sync(self._file.fileno())
            self._file.close()
            failpoint("staging.synced")
        self._file = None

    def open(self) -> BinaryIO:
        """Read back the bytes that were written so far."""
        with TranslatedErrors("read", self.path):
            return self.path.open("rb")

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if not self.is_published:
            with contextlib.suppress(OSError):
                self.path.unlink()


class LocalPartial(LocalTemporary):
    """Implements `domain.ports.PartialObject` with a file whose name is its key, and a second one for its notes.

    Args:
        path: The path of the file, which may exist.
        notes: The file of notes. A process that has locked it has the partial file.
    """

    def __init__(self, path: Path, notes: LockedFile) -> None:
        self.path = path
        self._notes = notes
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)

    def read_notes(self) -> bytes:
        """Return the notes so far."""
        with TranslatedErrors("read", self._notes.path):
            return self._notes.read()

    def add_note(self, note: bytes) -> None:
        """Append to the notes."""
        with TranslatedErrors("write", self._notes.path):
            self._notes.append(note)
            failpoint("partial.noted")

    def cut(self, size: int, notes_size: int) -> None:
        """Cut the file and its notes to these sizes in bytes."""
        assert self._file is not None, "cut after finish()"
        with TranslatedErrors("write", self.path):
            self._notes.cut(notes_size)
            self._file.seek(size)
            self._file.truncate()

    def restart(self) -> None:
        """Remove the bytes that were written, and their notes."""
        self.cut(0, 0)

    def keep(self) -> None:
        """Close the file and unlock it, for a later process that takes it by its key."""
        if self.is_published:
            self.discard()
            return
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        self._notes.close()

    def discard(self) -> None:
        """Remove the file and its notes, and unlock it."""
        if self._notes.is_held:  # otherwise another process may have it now
            super().discard()
            # The notes are last, with their lock: the next process finds no file.
            self._notes.remove()
