"""An object on its way into an object store: in memory while it is small, otherwise in a file without a name."""

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

__all__ = ["CloudTemporary"]

MEMORY_BYTES = 8 << 20
"""What is not larger is kept in memory, and written by one request."""

_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT})


class CloudTemporary:
    """Bytes that go nowhere before they are published: implements `domain.ports.TemporaryObject`.

    Used by one thread at a time. A large one is spooled to the local disk, as its final name holds its hash and an
    object cannot be renamed. The file has no name (where the system allows): when the process ends, however it ends,
    it is gone.

    Args:
        spool_folder: None: the system's folder for temporary files.
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
        """All of a small one; None: it is in a file, which `open` reads."""
        return self._memory if self._spool is None else None

    def write(self, data: bytes) -> None:
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
        self.discard()

    def finish(self) -> None:
        """Nothing: it is durable when it is published, and nobody goes on from it before."""

    def open(self) -> BinaryIO:
        if self._spool is None:
            return io.BytesIO(bytes(self._memory))
        return cast(BinaryIO, io.BufferedReader(_SpoolReader(self._spool, self.size, self._lock), 1 << 20))

    def discard(self) -> None:
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


class _SpoolReader(io.RawIOBase):
    """Reads a spool file from its beginning, beside others who read or write it."""

    def __init__(self, spool: BinaryIO, size: int, lock: threading.Lock) -> None:
        self._spool = spool
        self._size = size
        self._lock = lock
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        with self._lock:
            self._spool.seek(self._position)
            count = cast(io.RawIOBase, self._spool).readinto(view) or 0
        self._position += count
        return count
