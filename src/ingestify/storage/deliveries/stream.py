"""The stream of a delivered file. Its errors are translated, and a file that changes while it is read is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ingestify.domain.delivery import DeliveredFile
from ingestify.errors import SourceError
from ingestify.positioned_stream import PositionedStream

__all__ = ["DeliveredStream", "RawFile", "changed_error"]


class RawFile(Protocol):
    """An open file at the place of delivery."""

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes within the listed size; none only if the file has become shorter."""

    def read_version(self) -> str:
        """Return the version of the file now."""

    def close(self) -> None:
        """Close the file."""


class DeliveredStream(PositionedStream):
    """A delivered file as a stream that can seek. Used by one thread at a time.

    Args:
        raw: The open file; it is closed with the stream.
        translate: Returns the error to raise for one that reading raised; None: an unknown error, which is raised.
    """

    def __init__(
        self, file: DeliveredFile, raw: RawFile, translate: Callable[[BaseException], SourceError | None]
    ) -> None:
        super().__init__(file.size, file.path)
        self._file = file
        self._raw = raw
        self._translate = translate
        self._is_verified = False

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer. Returns how many; 0 at the end, where the version is compared.

        Raises:
            SourceError: The file cannot be read, or has changed.
        """
        view = memoryview(buffer).cast("B")
        if not view:
            return 0
        # No byte behind the listed end is requested: servers differ in what they do then. The version shows a file
        # that has grown.
        wanted = min(len(view), self._size - self._position)
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
        """Compare the version with the listed one, at the end of the file."""
        if self._is_verified:
            return
        with self._translated():
            version = self._raw.read_version()
        if version != self._file.version:
            raise changed_error(self._file)
        self._is_verified = True

    def close(self) -> None:
        """Close the stream and the file."""
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
    """Return the error for a file that has changed since it was listed."""
    return SourceError(f"{file.path} changed while it was read, so its delivery is not complete; the next run reads it")
