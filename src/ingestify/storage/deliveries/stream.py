"""A delivered file that is being read: whatever is wrong with it is told in our words, and half a file is none."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ingestify.domain.delivery import DeliveredFile
from ingestify.errors import SourceError

__all__ = ["DeliveredStream", "RawFile", "changed_error"]


class RawFile(Protocol):
    """What bytes are read from."""

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes, which the file had when it was listed; none only if it has them no more."""

    def read_version(self) -> str:
        """Return the version that the file has now."""

    def close(self) -> None:
        """Let go of it."""


class DeliveredStream(io.RawIOBase):
    """A file from its beginning to its end, or wherever its reader seeks. Used by one thread at a time.

    Args:
        file: As it was listed.
        raw: What bytes are read from; it is closed with this.
        translate: Makes an error of ours of one that reading raised; None: it is none that is known.
    """

    def __init__(
        self, file: DeliveredFile, raw: RawFile, translate: Callable[[BaseException], SourceError | None]
    ) -> None:
        self._file = file
        self._raw = raw
        self._translate = translate
        self._position = 0
        self._is_verified = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the beginning of {self._file.path}.")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if not view:
            return 0
        # No byte behind the listed end is asked for: what a server says of those, and when, is its own matter. That a
        # file has grown shows its version.
        wanted = min(len(view), self._file.size - self._position)
        if wanted <= 0:
            self._verify()
            return 0
        with self._translated():
            data = self._raw.read_at(self._position, wanted)
        if not data:
            raise changed_error(self._file)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _verify(self) -> None:
        """All of it was read: is it the file still that was listed?"""
        if self._is_verified:
            return
        with self._translated():
            version = self._raw.read_version()
        if version != self._file.version:
            raise changed_error(self._file)
        self._is_verified = True

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error


def changed_error(file: DeliveredFile) -> SourceError:
    """Return the error that a file is another one than was listed."""
    return SourceError(f"{file.path} changed while it was read, so its delivery is not complete; the next run reads it")
