"""The content of a stored file, with a check that its bytes are those that the provider sent.

A stream that is read from its beginning is hashed on the way. Its last bytes are held back until the hash is compared,
so no reader reaches the end of a damaged file. A reader that begins in the middle may never reach the end, so the whole
file is read and checked first. A file that was checked is not hashed again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from ingestify.domain.file import File
from ingestify.errors import IntegrityError, StoreError
from ingestify.positioned_stream import PositionedStream
from ingestify.remedies import remedy

__all__ = ["StoredContent"]


_CHUNK_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 17
_WHOLE_BYTES = 1 << 30
"""Up to this size in the catalogue, the memory for a whole file is allocated at once."""


class StoredContent:
    """The provider's bytes of one file. A call opens them. Threads may share it, but not its streams.

    Args:
        file: What the catalogue knows of the file.
        open_object: Opens the bytes from their beginning, without a check.
        is_verified: Whether the bytes need no check: they never left the process, or somebody else checks them.
    """

    def __init__(self, file: File, open_object: Callable[[], BinaryIO], *, is_verified: bool = False) -> None:
        self.file = file
        self.open_object = open_object
        self.is_verified = is_verified

    @classmethod
    def of(cls, file: File, opener: Callable[[], BinaryIO]) -> StoredContent:
        """Return the content that `opener` opens. Bytes of any opener but stored content are not checked."""
        return opener if isinstance(opener, StoredContent) else cls(file, opener, is_verified=True)

    def __call__(self) -> BinaryIO:
        """Open a stream that can seek.

        Raises:
            IntegrityError: The object is missing; or, when it is read, damaged.
        """
        return cast(BinaryIO, io.BufferedReader(_CheckedStream(self), buffer_size=_BUFFER_BYTES))

    def read(self) -> bytes:
        """Return all of the bytes.

        Raises:
            IntegrityError: The object is missing or damaged.
        """
        size = self.file.size
        with self.open_object() as stream:
            try:
                # One byte more, to see whether the object is too long. A read of a known size makes no copy.
                content = stream.read(size + 1) if size <= _WHOLE_BYTES else stream.read()
            except OSError as error:
                raise self.make_read_error(error) from error
        if self.is_verified:
            self.check(len(content), None)
        else:
            self.check(len(content), hashlib.sha256(content).hexdigest())
        return content

    def verify(self) -> None:
        """Read and check the whole file, unless that was done; memory stays flat.

        Raises:
            IntegrityError: The object is missing or damaged.
        """
        if not self.is_verified:
            with self() as stream:
                while stream.read(_CHUNK_BYTES):
                    pass

    def check(self, size: int, tag: str | None) -> None:
        """Compare the bytes that were read with what the catalogue knows.

        Args:
            size: How many bytes there are; one byte too many means any number too many.
            tag: Their sha256; None: it is known to be right.

        Raises:
            IntegrityError: The size or the hash differs.
        """
        file = self.file
        if size != file.size:
            found = "more" if size > file.size else f"only {size:,}"
            raise self.make_damage_error(f"it should hold {file.size:,} of the provider's bytes, and holds {found}")
        if tag is not None and tag != file.tag:
            raise self.make_damage_error(f"its bytes have the sha256 {tag[:12]}…, and {file.tag[:12]}… was stored")
        self.is_verified = True

    def make_damage_error(self, what: str) -> IntegrityError:
        """Return the error for a damaged object."""
        return IntegrityError(
            f"The object {self.file.storage_path} of the file {self.file.file_id} is damaged: {what}; "
            f"{remedy('verify --repair')} restores it, or fetches it anew."
        )

    def make_read_error(self, error: OSError) -> StoreError:
        """Return the error for a storage that failed in the middle of the object."""
        return StoreError(
            f"The object {self.file.storage_path} of the file {self.file.file_id} cannot be read: "
            f"{error.strerror or error}; look at the disk, then try again."
        )


class _CheckedStream(PositionedStream):
    """A stream of stored content, which can seek. Only a buffer of it is in memory."""

    def __init__(self, content: StoredContent) -> None:
        super().__init__(content.file.size)
        self._content = content
        self._stream = content.open_object()
        self._at = 0
        """The position of `_stream`; `_position` is where the reader wants to read."""
        self._digest = None if content.is_verified else hashlib.sha256()
        self._error: IntegrityError | None = None

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._error is not None:
            raise self._error  # a second try fails too
        try:
            if self._position != self._at:
                self._go_to(self._position)
            count = self._read(view)
            if self._digest is not None and len(view):
                self._digest.update(view[:count])
                if count == 0 or self._at >= self._size:
                    self._end()
        except IntegrityError as error:
            self._error = error
            raise
        except OSError as error:
            raise self._content.make_read_error(error) from error
        return count

    def _read(self, view: memoryview) -> int:
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._at += len(data)
        self._position = self._at
        return len(data)

    def _end(self) -> None:
        """Check the content before its last bytes are returned."""
        assert self._digest is not None, "there is nothing to check"
        more = len(self._stream.read(1))
        self._content.check(self._at + more, self._digest.hexdigest())
        self._digest = None

    def _go_to(self, target: int) -> None:
        if target == 0:
            self._open_again()
            return
        if self._digest is not None:
            self._content.verify()
            self._digest = None
        if self._stream.seekable():
            self._at = self._stream.seek(target)
            return
        if target < self._at:
            self._open_again()
        while self._at < target and (data := self._stream.read(min(_CHUNK_BYTES, target - self._at))):
            self._at += len(data)
        self._at = self._position = target  # a position behind the end has nothing to read

    def _open_again(self) -> None:
        self._stream.close()
        self._stream = self._content.open_object()
        self._at = 0
        # The stream begins again, so its next end can check it again.
        self._digest = None if self._content.is_verified else hashlib.sha256()

    def close(self) -> None:
        # Without a stream, opening failed; the garbage collector calls this all the same.
        if not self.closed and hasattr(self, "_stream"):
            self._stream.close()
        super().close()
