"""A temporary object of an object store: in memory while it is small, otherwise in a file without a name."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from ingestify.errors import LakeUnwritable, StoreError
from ingestify.failpoints import failpoint
from ingestify.positioned_stream import PositionedStream

__all__ = ["CloudTemporary"]

MEMORY_BYTES = 8 << 20
"""An object of up to this size is kept in memory, and written by one request."""

_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT})


class CloudTemporary:
    """Implements `domain.ports.TemporaryObject`: the bytes stay on this computer until they are published.

    Used by one thread at a time. A large object is spooled to the local disk, because its final name has its hash, and
    no object store renames objects. The file has no name, if the system allows that: it is gone when the process ends.

    Args:
        spool_folder: The folder for it; None: the system's folder for temporary files.
    """

    def __init__(self, spool_folder: Path | None) -> None:
        self._folder = spool_folder
        self._memory = bytearray()
        self._spool: BinaryIO | None = None
        self._lock = threading.Lock()
        self.size = 0
        failpoint("staging.created")

    @property
    def content(self) -> bytearray | None:
        """All bytes of a small object; None: they are in a file, which `open` reads."""
        return self._memory if self._spool is None else None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        if self._spool is None and self.size + len(data) <= MEMORY_BYTES:
            self._memory += data
        else:
            if self._spool is None:
                self._spool = self._try_on_disk(self._begin_spool)
                self._append(bytes(self._memory))
                self._memory = bytearray()
            self._append(data)
        self.size += len(data)
        self._try_on_disk(lambda: failpoint("staging.written"))

    def restart(self) -> None:
        """Drop all bytes."""
        self.discard()

    def finish(self) -> None:
        """Do nothing: the object is durable when it is published."""

    def open(self) -> BinaryIO:
        """Read back what was written so far."""
        if self._spool is None:
            return io.BytesIO(bytes(self._memory))
        return cast(BinaryIO, io.BufferedReader(_SpoolReader(self._spool, self.size, self._lock), 1 << 20))

    def discard(self) -> None:
        """Drop all bytes and remove the file."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self._memory = bytearray()
        self.size = 0

    def _begin_spool(self) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile(buffering=0, prefix="ingestify-", dir=self._folder))

    def _append(self, data: bytes) -> None:
        assert self._spool is not None
        spool, view = self._spool, memoryview(data)
        with self._lock:
            self._try_on_disk(lambda: spool.seek(0, os.SEEK_END))
            while view:
                rest = view
                view = view[self._try_on_disk(lambda: spool.write(rest)) :]  # noqa: B023 - called at once

    def _try_on_disk(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            kind = LakeUnwritable if error.errno in _HOPELESS else StoreError
            raise kind(
                f"Cannot keep a large file in {folder} until it is whole: {error.strerror or error}; make room there, "
                f"or name another folder under main.file_options.spool_folder, then run again."
            ) from error


class _SpoolReader(PositionedStream):
    """Reads a spool file from its beginning, while others read or write it."""

    def __init__(self, spool: BinaryIO, size: int, lock: threading.Lock) -> None:
        super().__init__(size)
        self._spool = spool
        self._lock = lock

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        with self._lock:
            self._spool.seek(self._position)
            count = cast(io.RawIOBase, self._spool).readinto(view) or 0
        self._position += count
        return count
