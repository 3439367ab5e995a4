"""Copies of objects from one lake to another: the stored bytes, while the hash of the provider's bytes is checked."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, cast

from ingestify.domain.file import File
from ingestify.domain.ports import Storage
from ingestify.errors import StopProcessing
from ingestify.store.objects.compression import open_decompressed
from ingestify.store.reading.stored_content import StoredContent

__all__ = ["ObjectCopies", "PassingReader", "copy_object"]

_CHUNK_BYTES = 1 << 20


def copy_object(file: File, source: Storage, target: Storage, path: str, stop: threading.Event) -> int:
    """Copy the object of a file, durably. Memory stays flat.

    The object is not compressed anew, so that any tool can compare the two lakes. When `stop` is set, the copy ends at
    the next MiB.

    Returns:
        The size of the object in bytes.

    Raises:
        IntegrityError: The source's object is missing or damaged; nothing of it is in the target.
        StoreError: One of the storages refused.
        StopProcessing: `stop` was set.
    """
    temporary = target.create_temporary()
    content = StoredContent(file, lambda: source.open(file.storage_path))
    try:
        passing = PassingReader(content.open_object(), temporary.write, stop)
        with open_decompressed(file.storage_compression_method, cast(BinaryIO, passing), file.storage_path) as stream:
            size, digest = 0, hashlib.sha256()
            try:
                while data := stream.read(_CHUNK_BYTES):
                    size += len(data)
                    digest.update(data)
                # A decompressor may stop before the end of the object.
                while passing.read(_CHUNK_BYTES):
                    pass
            except OSError as error:
                raise content.make_read_error(error) from error
        content.check(size, digest.hexdigest())
        temporary.finish()
        target.publish([(temporary, path)])
    finally:
        temporary.discard()
    return passing.count


class ObjectCopies:
    """Copies objects in several threads. The end of its `with` block stops the copies that are not done.

    Args:
        workers: How many objects are copied at once.
        claim: Called before each object is written, in the thread that copies it.
        on_copied: Called with the size of each object in bytes, in the thread that copied it.
        dry_run: No object is read: `on_copied` gets its size in the source.
    """

    def __init__(
        self,
        source: Storage,
        target: Storage,
        workers: int,
        *,
        claim: Callable[[], object],
        on_copied: Callable[[int], None],
        dry_run: bool,
    ) -> None:
        self._source = source
        self._target = target
        self._claim = claim
        self._on_copied = on_copied
        self._dry_run = dry_run
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(workers, "copy")

    def __enter__(self) -> ObjectCopies:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, file: File, path: str) -> Future[int]:
        """Begin to copy the object of a file to a path of the target.

        Returns:
            The future size of the object in bytes, or the error of `copy_object`. In a dry run it is never done.
        """
        if self._dry_run:
            self._on_copied(file.storage_size)
            return Future()
        return self._pool.submit(self._copy, file, path)

    def _copy(self, file: File, path: str) -> int:
        self._claim()
        size = copy_object(file, self._source, self._target, path, self._stop)
        self._on_copied(size)
        return size


class PassingReader(io.RawIOBase):
    """Reads an object, and passes the same bytes on.

    Args:
        raw: The object, from its beginning.
        pass_on: Gets each part of it.
        stop: When it is set, the next read raises StopProcessing.

    Attributes:
        count: How many bytes were read.
    """

    def __init__(self, raw: BinaryIO, pass_on: Callable[[bytes], object], stop: threading.Event) -> None:
        self._raw = raw
        self._pass_on = pass_on
        self._stop = stop
        self.count = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and pass it on."""
        if self._stop.is_set():
            raise StopProcessing("the copy was stopped")
        view = memoryview(buffer).cast("B")
        data = self._raw.read(len(view))
        view[: len(data)] = data
        self._pass_on(data)
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        """Close the object."""
        if not self.closed:
            self._raw.close()
        super().close()
