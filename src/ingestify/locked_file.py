"""A small file that at most one thread, of all processes, has open at a time."""

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
"""What the systems say when somebody else has the lock: POSIX the first two, Windows the last two."""

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
    """The system lets go of the lock when the process ends, however it ends. Used by one thread at a time.

    Attributes:
        is_held: Whether it is still ours.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.is_held = True
        _all_held.add(self)

    @classmethod
    def take(cls, path: Path, *, create: bool) -> LockedFile | None:
        """Return the file at `path`, locked.

        Returns:
            None: somebody else has it, or there is none (and not `create`).

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
        """Return all of it."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    def append(self, note: bytes) -> None:
        """Write behind what there is."""
        while note:
            note = note[os.write(self._descriptor, note) :]

    def cut(self, size: int) -> None:
        """Forget what is behind the first `size` bytes."""
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        """Let others have it."""
        if self.is_held:
            self.is_held = False
            _all_held.discard(self)
            os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file, and let go of it."""
        if os.name == "nt":
            self.close()  # an open file cannot be removed there; if somebody takes it in between, it is theirs
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()


_all_held: weakref.WeakSet[LockedFile] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked process has its parent's locks too, and would keep them beyond the parent's end."""
    for held in list(_all_held):
        held.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
