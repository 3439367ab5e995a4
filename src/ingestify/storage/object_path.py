"""A second check of objects' paths: the layout of the lake encodes every part of them."""

from __future__ import annotations

from ingestify.errors import StoreError

__all__ = ["check_object_path"]


def check_object_path(path: str) -> None:
    """Refuse a path that is empty, or leads out of the lake.

    Raises:
        StoreError: It does.
    """
    if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise StoreError(f"'{path}' is no path inside the lake.")
