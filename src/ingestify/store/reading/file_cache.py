"""A cache of files that were read from the lake."""

from __future__ import annotations

import io
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, BinaryIO, TypeVar

from ingestify.store.reading.stored_content import StoredContent

__all__ = ["FileCache"]

T = TypeVar("T")


class FileCache:
    """The most recently read files, by content hash. Safe to share between threads.

    Args:
        max_bytes: How many of the providers' bytes are kept. A file of more than a quarter of it is not kept.
    """

    def __init__(self, max_bytes: int = 512 << 20) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        # Weak: what nobody holds any more must not keep its content in memory, unless the cache keeps that anyway.
        self._shared: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
        self._held: dict[str, set[Any]] = {}
        """The hash of a kept content to the objects that share it."""

    def share(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the object of a key that this thread got before, if it is still there, or else a new one.

        It is there as long as somebody holds it, or the cache keeps its content (`hold`). One thread for each object:
        two that read one stream would take each other's bytes.
        """
        of_thread = threading.get_ident(), key
        with self._lock:
            found: T | None = self._shared.get(of_thread)
            if found is None:
                found = self._shared[of_thread] = make()
        return found

    def hold(self, tag: str, shared: object) -> None:
        """Hold an object as long as the content with this hash is kept."""
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
                self._held.setdefault(tag, set()).add(shared)

    def open(self, stored: StoredContent) -> BinaryIO:
        """Return a file's bytes from the cache, or else from the lake; then they are checked and kept."""
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
        """Remove all files from the cache."""
        with self._lock:
            self._kept.clear()
            self._shared.clear()
            self._held.clear()
            self._size = 0

    def _keep(self, tag: str, content: bytes) -> None:
        with self._lock:
            if tag in self._kept:
                return
            self._kept[tag] = content
            self._size += len(content)
            while self._size > self._max_bytes:
                tag_of_dropped, dropped = self._kept.popitem(last=False)
                self._held.pop(tag_of_dropped, None)
                self._size -= len(dropped)
