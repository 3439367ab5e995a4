"""A second check of objects' paths: the layout of the lake encodes every part of them."""

from __future__ import annotations

import os

from ingestify.errors import StoreError

__all__ = ["check_object_path"]

_NO_NAMES = frozenset({"", ".", ".."})


def check_object_path(path: str) -> None:
    """Refuse a path that is empty, or leads out of the lake.

    Raises:
        StoreError: It does.
    """
    # A backslash is a part of a name, as in lakes of the published package, except where it separates folders.
    leaves = "\0" in path or (os.sep == "\\" and "\\" in path)
    if leaves or not _NO_NAMES.isdisjoint(path.split("/")):
        raise StoreError(f"'{path}' is no path inside the lake.")
