"""Deliveries in a folder of this computer, or on a mounted disk."""

from __future__ import annotations

import datetime as dt
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from ingestify.domain.delivery import DeliveredFile, SkippedEntry
from ingestify.errors import SourceError
from ingestify.storage.deliveries import folder_events
from ingestify.storage.deliveries.stream import DeliveredStream, changed_error

__all__ = ["FolderDelivery"]

_BUFFER_BYTES = 1 << 20
_OUTSIDE = "leads out of the location"


class FolderDelivery:
    """Reads a folder. A link counts only if it leads to a file inside the folder.

    Args:
        root: The folder; it may be a link itself.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def iter_files(self, folder: str = "") -> Iterator[DeliveredFile | SkippedEntry]:
        """Yield files, folder by folder, each in the order of their names; see `Delivery.iter_files`."""
        real_root = self._real_root()
        first = os.path.join(real_root, folder) if folder else real_root  # noqa: PTH118 - a name may be no text
        if folder and not os.path.isdir(first):  # noqa: PTH112
            return
        if folder and os.path.realpath(first) != os.path.normpath(first):
            yield SkippedEntry(folder, "is behind a link, and links to folders are not followed", hides=True)
            return
        waiting = [(folder, first)]
        while waiting:
            prefix, path = waiting.pop()
            try:
                with os.scandir(path) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                if not prefix:
                    raise SourceError(f"The location {self._root} cannot be read: {error.strerror}.") from error
                if not isinstance(error, FileNotFoundError):  # removed meanwhile
                    yield SkippedEntry(prefix, f"cannot be read: {error.strerror}", hides=True)
                continue
            inner = []
            for entry in entries:
                name = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    inner.append((f"{name}/", entry.path))
                else:
                    yield from self._examine(name, entry, real_root)
            waiting += reversed(inner)

    def _examine(self, name: str, entry: os.DirEntry[str], real_root: str) -> Iterator[DeliveredFile | SkippedEntry]:
        try:
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if not _is_inside(target, real_root):
                    yield SkippedEntry(name, f"is a link that {_OUTSIDE}")
                    return
                if entry.is_dir():
                    yield SkippedEntry(name, "is a link to a folder, which is not followed")
                    return
            found = entry.stat()
        except FileNotFoundError:
            if entry.is_symlink():
                yield SkippedEntry(name, "is a link that leads nowhere")
            return  # removed meanwhile
        except OSError as error:
            yield SkippedEntry(name, f"cannot be read: {error.strerror}", hides=True)
            return
        if stat.S_ISREG(found.st_mode):
            yield DeliveredFile(name, found.st_size, _modified_at(found), _version(found))
        else:
            yield SkippedEntry(name, "is no file")

    def open(self, file: DeliveredFile) -> BinaryIO:
        """Open a file; see `Delivery.open`."""
        real_root = self._real_root()
        try:
            target = os.path.realpath(os.path.join(real_root, file.path), strict=True)  # noqa: PTH118
            # A second check: since the listing somebody may have put a link in its place.
            if not _is_inside(target, real_root):
                raise SourceError(f"{file.path} is a link that {_OUTSIDE}")
            flags = (
                os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            )
            descriptor = os.open(target, flags)
        except OSError as error:
            raise SourceError(f"{file.path} cannot be read: {error.strerror}") from error
        raw = _RawFile(descriptor)
        if raw.read_version() != file.version:
            raw.close()
            raise changed_error(file)
        stream = DeliveredStream(file, raw, lambda error: _translate(file, error))
        return cast(BinaryIO, io.BufferedReader(stream, _BUFFER_BYTES))

    def find_no_events(self) -> str:
        """Return why no file events come; see `DeliveryWithEvents`."""
        return folder_events.find_no_events(self._root)

    def following(self, is_wanted: Callable[[str], bool], tell: Callable[[str], None]) -> AbstractContextManager[None]:
        """Tell of files that land; see `DeliveryWithEvents`."""
        return folder_events.following(self._root, is_wanted, tell)

    def is_being_written(self, file: DeliveredFile) -> bool | None:
        """Return whether somebody writes a file; see `DeliveryWithEvents`."""
        return folder_events.is_being_written(os.path.join(self._root, file.path))  # noqa: PTH118

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def _real_root(self) -> str:
        try:
            return os.path.realpath(self._root, strict=True)
        except OSError as error:
            raise SourceError(
                f"The location {self._root} is not there: {error.strerror}. If it is on another disk, mount that; "
                f"nothing was changed in the lake."
            ) from error


class _RawFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read_at(self, position: int, size: int) -> bytes:
        os.lseek(self._descriptor, position, os.SEEK_SET)
        return os.read(self._descriptor, size)

    def read_version(self) -> str:
        return _version(os.fstat(self._descriptor))

    def close(self) -> None:
        os.close(self._descriptor)


def _translate(file: DeliveredFile, error: BaseException) -> SourceError | None:
    return SourceError(f"{file.path} cannot be read: {error.strerror}") if isinstance(error, OSError) else None


def _is_inside(target: str, root: str) -> bool:
    return target == root or target.startswith(root if root.endswith(os.sep) else f"{root}{os.sep}")


def _version(found: os.stat_result) -> str:
    # A file that replaces another, or is overwritten, may have the same time and size (rsync -t, touch -r). Then its
    # inode differs, or its change time, which nobody can set back.
    return f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}-{found.st_ctime_ns}"


def _modified_at(found: os.stat_result) -> dt.datetime:
    # In whole microseconds, without the rounding of a float.
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=found.st_mtime_ns // 1000)
