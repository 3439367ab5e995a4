"""Keeps what was read from the lake, for as long as somebody works with it."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from typing import BinaryIO

from ingestify.store.reading.stored_content import StoredContent

__all__ = ["FileCache"]


class FileCache:
    """The most recently read files, by content hash, up to a size. Safe to share between threads.

    Args:
        max_bytes: How much of the providers' bytes is kept; a larger file passes through.
    """

    def __init__(self, max_bytes: int = 512 << 20) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def open(self, stored: StoredContent) -> BinaryIO:
        """Return a file's bytes from here, or from the lake: then checked, and kept."""
        file = stored.file
        with self._lock:
            content = self._kept.get(file.tag)
            if content is not None:
                self._kept.move_to_end(file.tag)
        if content is None:
            if file.size > self._max_bytes // 4:
                return stored()
            content = stored.read()
            self._keep(file.tag, content)
        return io.BytesIO(content)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _keep(self, tag: str, content: bytes) -> None:
        with self._lock:
            if tag in self._kept:
                return
            self._kept[tag] = content
            self._size += len(content)
            while self._size > self._max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
