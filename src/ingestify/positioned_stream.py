"""A raw stream of known size that can seek."""

from __future__ import annotations

import io
import os

__all__ = ["PositionedStream"]


class PositionedStream(io.RawIOBase):
    """Knows its size and position in bytes. A subclass reads from `_position` in `readinto`, and advances it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, at least 0. Nothing is read: many readers seek to the end and back to learn the size."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position
