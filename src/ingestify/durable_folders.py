"""Folders that survive a power loss: a file is safe only if the names of all its folders are on the disk.

A name is on the disk when its parent folder was synced after the name was created. A folder that exists may have been
created by this process, by a thread that has not synced yet, or by a process that was killed before it synced. So
folders that were found are synced like folders that were made. Each is remembered, so that it is synced once.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable

__all__ = ["DurableFolders", "durable_folders", "sync", "sync_folder", "sync_names"]

REMEMBERED = 10_000
"""The most folders that are remembered. One more clears the memory, and then folders are synced again when needed."""


def sync(descriptor: int) -> None:
    """Wait until the disk has the content of a file, or the names in a folder."""
    if sys.platform == "darwin":
        # On macOS fsync leaves the bytes in the drive's cache; this asks the drive to write them.
        import fcntl  # there is none on Windows

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: str) -> None:
    """Wait until the disk has the names in a folder."""
    if os.name == "nt":
        return  # Windows cannot open a folder; NTFS journals the rename.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


class DurableFolders:
    """Remembers which folders, with all their parents, survive a power loss. Safe to share between threads."""

    def __init__(self) -> None:
        self._inodes: dict[str, int] = {}  # another folder of the same name is another folder
        self._lock = threading.Lock()

    def settle(self, folders: Iterable[str]) -> None:
        """Wait until the disk has the names of these folders, and of every folder above them.

        Args:
            folders: Absolute paths. A folder that another process has removed is skipped.

        Raises:
            OSError: A folder could not be synced.
        """
        if os.name == "nt":
            return
        settled: dict[str, int] = {}
        for folder in folders:
            try:
                settled.update(self._find_unknown(folder))
            except FileNotFoundError:
                continue
        if not settled:
            return
        are_all_there = True
        for parent in {os.path.dirname(folder) for folder in settled}:
            try:
                sync_names(parent)
            except FileNotFoundError:
                are_all_there = False
        if are_all_there:
            self._remember(settled)

    def make(self, folder: str, made: Callable[[], object] = lambda: None) -> None:
        """Create a folder and its parents, unless they exist; `settle` makes them durable.

        Args:
            folder: Its absolute path.
            made: Called after each folder that was created.

        Raises:
            OSError: A folder could not be created. FileNotFoundError: Another process removed one meanwhile.
        """
        try:
            self._make_one(folder, made)
        except FileNotFoundError:
            parent = os.path.dirname(folder)
            if parent == folder:
                raise
            self.make(parent, made)
            self._make_one(folder, made)

    def _make_one(self, folder: str, made: Callable[[], object]) -> None:
        with self._lock:
            self._inodes.pop(folder, None)  # if the one that was known is gone, the new one may get its inode
        try:
            os.mkdir(folder)
        except FileNotFoundError:
            raise
        except OSError:
            if os.path.isdir(folder):
                return
            if os.path.lexists(folder):
                raise
            # It was removed between `mkdir`, which found it there, and the look at what is there.
            raise FileNotFoundError(errno.ENOENT, "the folder was removed meanwhile", folder) from None
        made()

    def _find_unknown(self, folder: str) -> dict[str, int]:
        """Return a folder and its parents with their inodes, up to a known one or to the top of the disk."""
        unknown: dict[str, int] = {}
        while True:
            status = os.lstat(folder)
            if self._inodes.get(folder) == status.st_ino:
                return unknown
            parent = os.path.dirname(folder)
            if stat.S_ISLNK(status.st_mode):
                unknown.update(self._find_unknown(os.path.realpath(folder)))
            elif parent == folder or os.stat(parent).st_dev != status.st_dev:
                return unknown
            unknown[folder] = status.st_ino
            folder = parent

    def _remember(self, settled: dict[str, int]) -> None:
        with self._lock:
            if len(self._inodes) + len(settled) > REMEMBERED:
                self._inodes.clear()
            self._inodes.update(settled)


def sync_names(parent: str) -> None:
    """Wait until the disk has the names in a folder, unless it can only be older than the lake."""
    try:
        sync_folder(parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        if not os.access(parent, os.W_OK):
            return  # then nobody with this user's rights made a folder there: it is older than the lake
        if not isinstance(error, PermissionError):
            raise
        os.sync()  # a folder in which one may make others, and not look


durable_folders = DurableFolders()
"""The durable folders of this process."""
