"""A local disk: what its refusals mean, and how it is hinted at what comes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from ingestify.errors import LakeUnwritable, StoreError

__all__ = ["begin_sync", "refused"]

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


def refused(action: str, path: Path | str, error: OSError) -> StoreError:
    """Return the error to raise: what was not done, and what to do about it.

    Args:
        action: `write`, `read`, `sync` or `delete`.
    """
    remedy = _REMEDIES.get(error.errno or 0, "look at the disk, then run again")
    kind = LakeUnwritable if action == "write" and error.errno in _HOPELESS else StoreError
    return kind(f"Cannot {action} {path}: {error.strerror or error}; {remedy}.")


def begin_sync(descriptor: int, size: int) -> None:
    """Let the disk take the last `size` bytes while more come, so that `finish` need not wait for a whole large file.

    The hint says that they will not be read again. What it does to bytes that are not on the disk yet is to send them
    there, without waiting; they stay in the cache.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.posix_fadvise(descriptor, max(0, end - size), size, os.POSIX_FADV_DONTNEED)
