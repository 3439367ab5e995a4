"""What a person can do about a disk that refuses, by the number of its error."""

from __future__ import annotations

import errno
import os
import re

__all__ = ["find_disk_problem", "find_disk_remedy"]

_FORBIDDEN = "this user may not write there: change the folder's permissions, or choose another {}"

_REMEDIES = {
    errno.ENOSPC: "the disk is full: make room, then run again; nothing that was committed is lost",
    errno.EDQUOT: "your quota on this disk is used up: make room, then run again; nothing committed is lost",
    errno.EROFS: "the disk is mounted read-only: mount it for writing, or choose another {}",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENAMETOOLONG: "the path is too long for this file system: choose a shorter {}",
}


def find_disk_remedy(number: int | None, setting: str) -> str:
    """Return the remedy for an error of writing, such as `the disk is full: make room, …`; empty: none is known.

    Args:
        number: The `errno`; None: unknown.
        setting: What names the place in the settings.
    """
    return _REMEDIES.get(number or 0, "").format(setting)


_IN_RUST = re.compile(r"\(os error (\d+)\)|Os \{ code: (\d+)")
"""How a library in Rust names the error of the system."""


def find_disk_problem(error: BaseException, setting: str) -> str:
    """Return what the disk said, and the remedy; empty: the error is not one of a disk that has a remedy."""
    found = _IN_RUST.search(str(error))
    number = error.errno if isinstance(error, OSError) and error.errno else int(found[1] or found[2]) if found else 0
    remedy = find_disk_remedy(number, setting)
    return f"{os.strerror(number)}; {remedy}" if remedy else ""
