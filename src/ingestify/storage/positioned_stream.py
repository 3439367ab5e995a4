"""A raw stream of known size that can seek."""

from __future__ import annotations

import io
import os

__all__ = ["PositionedStream"]


class PositionedStream(io.RawIOBase):
    """Knows its size and position. A subclass reads from `_position` in `readinto`, and advances it.

    Args:
        size: The size in bytes.
        name: What is read, for an error.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; the next read goes there.

        Raises:
            ValueError: The position would be negative.
        """
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the beginning of {self._name}.")
        self._position = start + offset
        return self._position
