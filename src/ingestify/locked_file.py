"""A small file that only one thread of all processes can hold at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import weakref
from pathlib import Path

__all__ = ["LockedFile"]

_TRIES = 10

_HELD_BY_ANOTHER = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
"""The error numbers for a lock that is taken: the first two on POSIX, the last two on Windows."""

if sys.platform == "win32":
    import msvcrt

    # There a locked byte can be neither read nor written by others, so one is locked that no such file has.
    _LOCKED_BYTE = 1 << 30

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # Of the open file and not of the process (as with lockf): two threads exclude each other, too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockedFile:
    """A file with an exclusive lock, which the system releases when the process ends. Used by one thread at a time.

    Attributes:
        is_held: Whether this object still holds the lock.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.is_held = True
        _all_held.add(self)

    @classmethod
    def take(cls, path: Path, *, create: bool) -> LockedFile | None:
        """Open and lock the file at `path`.

        Args:
            path: The file.
            create: Whether to create it if it does not exist.

        Returns:
            None: it is locked already, or it does not exist and `create` is False.

        Raises:
            OSError: It cannot be opened or made, or the file system knows no locks.
        """
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | (os.O_CREAT if create else 0)
        for _ in range(_TRIES):
            try:
                descriptor = os.open(path, flags, 0o666)
            except FileNotFoundError:
                if create:
                    raise  # its folder is not there
                return None
            try:
                _lock(descriptor)
                # Whoever had it may have removed it between our opening and locking: then this is no file's lock.
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return cls(path, descriptor)
            except FileNotFoundError:
                pass
            except OSError as error:
                os.close(descriptor)
                if error.errno in _HELD_BY_ANOTHER:
                    return None
                raise
            os.close(descriptor)
        return None

    def read(self) -> bytes:
        """Return the whole content."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    def append(self, note: bytes) -> None:
        """Append bytes."""
        while note:
            note = note[os.write(self._descriptor, note) :]

    def cut(self, size: int) -> None:
        """Keep only the first `size` bytes."""
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        """Release the lock."""
        if self.is_held:
            self.is_held = False
            _all_held.discard(self)
            os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file, and release the lock."""
        if os.name == "nt":
            self.close()  # an open file cannot be removed there; another process may take it in between
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()


_all_held: weakref.WeakSet[LockedFile] = weakref.WeakSet()


def _close_in_child() -> None:
    """Release the locks in a forked process, which would keep them after the parent's end."""
    for held in list(_all_held):
        held.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
