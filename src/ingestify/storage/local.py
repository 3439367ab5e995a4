"""Objects on a local disk, with the standard library: durable, atomic, immutable.

The order that survives a power loss: sync the temporary file; rename it to a name that says its content; sync
the folder, and the parent of every folder just made; only then may the catalogue commit a row that names it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ingestify.clock import now
from ingestify.domain.ports import Leftovers, PartialObject, StoredObject, TemporaryObject
from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.failpoints import failpoint
from ingestify.locked_file import LockedFile
from ingestify.storage.leftovers import NOTES_SUFFIX, PARTIAL_SUFFIX, Leftover, find_leftovers

__all__ = ["LocalStorage"]

STAGING_FOLDER = ".staging"
"""Temporary objects live here, on the same file system as the lake, so that a rename is atomic."""

PARTIALS_KEPT = dt.timedelta(days=7)
"""What was left of a file, and not taken up for so long, is removed by the next process that may leave some itself."""

FOLDER_TRIES = 100

_HINT_BYTES = 16 << 20
"""How much of a large file is written before the system is asked to begin with the disk."""

_REMEDIES = {
    errno.ENOSPC: "the disk is full: make room, then run again; nothing that was committed is lost",
    errno.EDQUOT: "your quota on this disk is used up: make room, then run again; nothing committed is lost",
    errno.EROFS: "the disk is mounted read-only: mount it for writing, or choose another file_url",
    errno.EACCES: "this user may not write there: change the folder's permissions, or choose another file_url",
    errno.EPERM: "this user may not write there: change the folder's permissions, or choose another file_url",
    errno.ENAMETOOLONG: "the path is too long for this file system: choose a shorter file_url",
}


_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
"""What another file would meet too."""


def _refused(action: str, path: Path | str, error: OSError) -> StoreError:
    remedy = _REMEDIES.get(error.errno or 0, "look at the disk, then run again")
    kind = LakeUnwritable if action == "write" and error.errno in _HOPELESS else StoreError
    return kind(f"Cannot {action} {path}: {error.strerror or error}; {remedy}.")


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # On macOS fsync leaves the bytes in the drive's cache; this asks the drive to write them.
        import fcntl  # there is none on Windows

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _begin_sync(descriptor: int, size: int) -> None:
    """Let the disk take the last `size` bytes while more come, so that `finish` need not wait for a whole large file.

    The hint says that they will not be read again. What it does to bytes that are not on the disk yet is to send them
    there, without waiting; they stay in the cache.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.posix_fadvise(descriptor, max(0, end - size), size, os.POSIX_FADV_DONTNEED)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder; NTFS journals the rename.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


class _LocalTemporary:
    """A temporary file. Used by one thread at a time."""

    _unhinted = 0
    is_published = False

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO | None = path.open("xb", buffering=0)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        failpoint("staging.created")

    def write(self, data: bytes) -> None:
        assert self._file is not None, "written to after finish()"
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
            failpoint("staging.written")
        except OSError as error:
            raise _refused("write", self.path, error) from error
        self._unhinted += len(data)
        if self._unhinted >= _HINT_BYTES:
            _begin_sync(self._file.fileno(), self._unhinted)
            self._unhinted = 0

    def restart(self) -> None:
        assert self._file is not None, "restarted after finish()"
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise _refused("write", self.path, error) from error

    def finish(self) -> None:
        if self._file is None:
            return
        try:
            _sync(self._file.fileno())
            self._file.close()
            failpoint("staging.synced")
        except OSError as error:
            raise _refused("write", self.path, error) from error
        self._file = None

    def open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _refused("read", self.path, error) from error

    def discard(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if not self.is_published:
            with contextlib.suppress(OSError):
                self.path.unlink()


class _LocalPartial(_LocalTemporary):
    """A temporary file of a name that is known beforehand; whoever has its notes locked has it."""

    def __init__(self, path: Path, notes: LockedFile) -> None:
        self.path = path
        self._notes = notes
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)

    def read_notes(self) -> bytes:
        try:
            return self._notes.read()
        except OSError as error:
            raise _refused("read", self._notes.path, error) from error

    def add_note(self, note: bytes) -> None:
        try:
            self._notes.append(note)
            failpoint("partial.noted")
        except OSError as error:
            raise _refused("write", self._notes.path, error) from error

    def cut(self, size: int, notes_size: int) -> None:
        assert self._file is not None, "cut after finish()"
        try:
            self._notes.cut(notes_size)
            self._file.seek(size)
            self._file.truncate()
        except OSError as error:
            raise _refused("write", self.path, error) from error

    def restart(self) -> None:
        self.cut(0, 0)

    def keep(self) -> None:
        if self.is_published:
            self.discard()
            return
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        self._notes.close()

    def discard(self) -> None:
        if self._notes.is_held:  # otherwise it may be somebody else's by now
            super().discard()
            # Last, with the lock: whoever gets that finds nothing of ours.
            self._notes.remove()


class LocalStorage:
    """Implements `domain.ports.Storage` on a folder.

    Args:
        root: The folder. It is made with the first object.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._root = str(self.root)
        self._staging = self.root / STAGING_FOLDER
        self._has_cleared = False

    def create_temporary(self) -> TemporaryObject:
        """Begin an object in the staging folder."""
        path = self._staging / uuid.uuid4().hex
        try:
            return _LocalTemporary(path)
        except OSError as error:
            raise _refused("write", path, error) from error

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:
        """Take the file of that key in the staging folder; see `domain.ports.Storage.take_partial`.

        Its lock is that of the file system. On a network disk it is as good as that one's `flock`.
        """
        if not self._has_cleared:
            self._has_cleared = True
            self._clear_abandoned()
        return self._take_partial(key, create=create)

    def _take_partial(self, key: str, *, create: bool) -> _LocalPartial | None:
        if create:
            with contextlib.suppress(OSError):  # create_temporary tells what is wrong
                self._staging.mkdir(parents=True, exist_ok=True)
        try:
            notes = LockedFile.take(self._staging / (key + NOTES_SUFFIX), create=create)
        except OSError:
            return None  # a file system without locks keeps none
        if notes is None:
            return None
        try:
            return _LocalPartial(self._staging / (key + PARTIAL_SUFFIX), notes)
        except OSError:
            notes.remove()
            return None

    def _clear_abandoned(self) -> None:
        """Remove what was left of files and never taken up; what somebody has is not touched."""
        for leftover in find_leftovers(self._staging, now() - PARTIALS_KEPT):
            if leftover.is_partial:
                self._remove_leftover(leftover)

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Rename finished temporary files to their final names and sync every folder this touched."""
        touched: dict[str, None] = {}
        for temporary, path in objects:
            assert isinstance(temporary, _LocalTemporary)
            final = self._resolve(path)
            try:
                self._rename(temporary.path, final, touched)
                failpoint("publish.renamed")
                temporary.is_published = True
            except OSError as error:
                raise _refused("write", final, error) from error
        for folder in touched:
            try:
                _sync_folder(folder)
            except FileNotFoundError:
                continue  # emptied and removed by a deletion beside us; its parent is synced
            except OSError as error:
                raise _refused("sync", folder, error) from error
        failpoint("publish.synced")

    def _rename(self, temporary: Path, final: str, touched: dict[str, None]) -> None:
        folder = os.path.dirname(final)  # noqa: PTH120 - thousands of these: a Path takes longer than the rename
        for _ in range(FOLDER_TRIES):
            try:
                os.replace(temporary, final)  # noqa: PTH105 - likewise
            except FileNotFoundError:
                # Its folder is not there yet; or a deletion beside us, which removes folders that it leaves empty,
                # has just removed it.
                if not temporary.exists():
                    raise
                self._make_folder(Path(folder), touched)
                continue
            touched[folder] = None
            return
        raise FileNotFoundError(errno.ENOENT, "its folder is being removed again and again", final)

    def _make_folder(self, folder: Path, touched: dict[str, None]) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            try:
                new.mkdir(exist_ok=True)
            except FileNotFoundError:  # removed again meanwhile; the next try makes it
                return
            touched[str(new.parent)] = None
            failpoint("publish.folder_made")

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading, buffered."""
        final = self._path(path)
        try:
            return final.open("rb")
        except FileNotFoundError as error:
            raise IntegrityError(
                f"The object {final} is in the catalogue and not on the disk; 'ingestify verify --repair' restores it, "
                f"or fetches it anew."
            ) from error
        except OSError as error:
            raise _refused("read", final, error) from error

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""
        try:
            return self._path(path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", path, error) from error

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects, and the folders that this leaves empty."""
        count = 0
        for path in paths:
            final = self._path(path)
            try:
                count += self._remove(final, unless_written_since)
                failpoint("delete.object_gone")
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise _refused("delete", final, error) from error
            for folder in final.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break
        return count

    def _remove(self, final: Path, unless_written_since: dt.datetime | None) -> bool:
        if unless_written_since is None:
            final.unlink()
            return True
        before = final.stat()
        # The change time, which a rename sets too: that of the last write may be long before it was published.
        if before.st_ctime > unless_written_since.timestamp():
            return False
        # Aside first: whoever publishes at this very moment puts another file there, which is put back.
        self._staging.mkdir(parents=True, exist_ok=True)
        aside = self._staging / uuid.uuid4().hex
        final.replace(aside)
        if aside.stat().st_ino != before.st_ino:
            aside.replace(final)
            return False
        aside.unlink()
        return True

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below the folder `prefix`, folder by folder."""
        start = self._path(prefix) if prefix else self.root

        def refuse(error: OSError) -> None:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):  # those were removed beside us
                raise _refused("read", error.filename, error) from error

        for folder, folders, names in os.walk(start, onerror=refuse):
            if Path(folder) == self.root and STAGING_FOLDER in folders:
                folders.remove(STAGING_FOLDER)
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # deleted beside us
                yield StoredObject(
                    path=path.relative_to(self.root).as_posix(),
                    size=status.st_size,
                    # Also when it was put here: that of the last write may be long before it was published.
                    modified_at=dt.datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), dt.UTC),
                )

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:
        """Remove what processes left in the staging folder; what one of them still holds is not touched."""
        count = size = 0
        for leftover in find_leftovers(self._staging, written_before):
            if leftover.is_held() if dry_run else not self._remove_leftover(leftover):
                continue
            count += 1
            size += leftover.size
        return Leftovers(count, size)

    def _remove_leftover(self, leftover: Leftover) -> bool:
        """Return whether it is gone now."""
        if leftover.is_partial:
            partial = self._take_partial(leftover.key, create=True)
            if partial is not None:
                partial.discard()
            return partial is not None
        try:
            leftover.path.unlink()
        except FileNotFoundError:
            return False  # its process, or another gc, was quicker
        except OSError as error:
            raise _refused("delete", leftover.path, error) from error
        return True

    def _path(self, path: str) -> Path:
        return Path(self._resolve(path))

    def _resolve(self, path: str) -> str:
        """Return the absolute path of an object. The layout encodes every part; this is the second lock."""
        if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise StoreError(f"'{path}' is no path inside the lake.")
        return f"{self._root}/{path}"
