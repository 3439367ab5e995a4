"""A raw stream of known size that can seek."""

from __future__ import annotations

import io
import os

__all__ = ["PositionedStream"]


class PositionedStream(io.RawIOBase):
    """Knows its size and position in bytes. A subclass reads from `_position` in `readinto`, and advances it.

    Args:
        size: In bytes.
        path: The path that the error names when a seek goes before the beginning; None: such a seek goes to 0.
    """

    def __init__(self, size: int, path: str | None = None) -> None:
        self._size = size
        self._before_beginning = None if path is None else f"before the beginning of {path}"
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
        """Set the position. Nothing is read: many readers seek to the end and back to learn the size.

        Raises:
            ValueError: The position is before the beginning, and the stream has a path.
        """
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0 and self._before_beginning is not None:
            raise ValueError(f"{start + offset} is {self._before_beginning}.")
        self._position = max(0, start + offset)
        return self._position
