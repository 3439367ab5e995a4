"""Temporary files of a local disk, and partial files, which a later process may resume."""

from __future__ import annotations

import contextlib
import os
from typing import BinaryIO

from ingestify.durable_folders import durable_folders, sync
from ingestify.failpoints import failpoint
from ingestify.locked_file import LockedFile
from ingestify.storage.disk import begin_sync, make_disk_error, translated

__all__ = ["LocalPartial", "LocalTemporary"]

_EXISTING = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
_NEW = _EXISTING | os.O_EXCL

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

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._descriptor: int | None = os.open(path, _NEW, 0o666)
        except FileNotFoundError:
            durable_folders.make(os.path.dirname(path))
            self._descriptor = os.open(path, _NEW, 0o666)
        failpoint("staging.created")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        assert self._descriptor is not None, "written to after finish()"
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            failpoint("staging.written")
        except OSError as error:
            raise make_disk_error("write", self.path, error) from error
        self._unhinted += len(data)
        if self._unhinted >= _HINT_BYTES:
            begin_sync(self._descriptor, self._unhinted)
            self._unhinted = 0

    def restart(self) -> None:
        """Remove the bytes that were written."""
        self._cut(0)

    def _cut(self, size: int) -> None:
        assert self._descriptor is not None, "cut after finish()"
        with translated("write", self.path):
            os.lseek(self._descriptor, size, os.SEEK_SET)
            os.ftruncate(self._descriptor, size)

    def finish(self) -> None:
        """Make the bytes durable."""
        if self._descriptor is None:
            return
        try:
            sync(self._descriptor)
            self._close()
            failpoint("staging.synced")
        except OSError as error:
            raise make_disk_error("write", self.path, error) from error

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def open(self) -> BinaryIO:
        """Read back the bytes that were written so far."""
        with translated("read", self.path):
            return open(self.path, "rb")

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        if self.is_published:
            return
        with contextlib.suppress(OSError):
            self._close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)


class LocalPartial(LocalTemporary):
    """Implements `domain.ports.PartialObject` with a file whose name is its key, and a second one for its notes.

    Args:
        path: The path of the file, which may exist.
        notes: The file of notes. A process that has locked it has the partial file.
    """

    def __init__(self, path: str, notes: LockedFile) -> None:
        self.path = path
        self._notes = notes
        self._descriptor = os.open(path, _EXISTING, 0o666)

    def read_notes(self) -> bytes:
        """Return the notes so far."""
        with translated("read", self._notes.path):
            return self._notes.read()

    def add_note(self, note: bytes) -> None:
        """Append to the notes."""
        with translated("write", self._notes.path):
            self._notes.append(note)
            failpoint("partial.noted")

    def cut(self, size: int, notes_size: int) -> None:
        """Cut the file and its notes to these sizes in bytes."""
        with translated("write", self._notes.path):
            self._notes.cut(notes_size)
        self._cut(size)

    def restart(self) -> None:
        """Remove the bytes that were written, and their notes."""
        self.cut(0, 0)

    def keep(self) -> None:
        """Close the file and unlock it, for a later process that takes it by its key."""
        if self.is_published:
            self.discard()
            return
        with contextlib.suppress(OSError):
            self._close()
        self._notes.close()

    def discard(self) -> None:
        """Remove the file and its notes, and unlock it."""
        if self._notes.is_held:  # otherwise another process may have it now
            super().discard()
            # The notes are last, with their lock: the next process finds no file.
            self._notes.remove()
