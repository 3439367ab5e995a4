"""A local disk: the meaning of its errors, and a hint to it to write a large file early."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ingestify.disk_remedies import find_disk_remedy
from ingestify.errors import LakeUnwritable, StoreError

__all__ = ["begin_sync", "make_disk_error", "translated"]

_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
"""Errors that another file would have too."""


def make_disk_error(action: str, path: Path | str, error: OSError) -> StoreError:
    """Return the error to raise, with a remedy; `action` is `write`, `read`, `sync` or `delete`."""
    remedy = find_disk_remedy(error.errno, "file_url") or "look at the disk, then run again"
    kind = LakeUnwritable if action == "write" and error.errno in _HOPELESS else StoreError
    return kind(f"Cannot {action} {path}: {error.strerror or error}; {remedy}.")


@contextlib.contextmanager
def translated(action: str, path: Path | str) -> Iterator[None]:
    """Translate an `OSError` of the block with `make_disk_error`. What each file does has a `try` of its own."""
    try:
        yield
    except OSError as error:
        raise make_disk_error(action, path, error) from error


def begin_sync(descriptor: int, size: int) -> None:
    """Let the disk write the last `size` bytes while more come, so that `finish` does not wait for a whole large file.

    The hint says that these bytes will not be read again. For bytes that are not on the disk yet, Linux begins to write
    them without waiting, and keeps them in its cache.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.posix_fadvise(descriptor, max(0, end - size), size, os.POSIX_FADV_DONTNEED)
