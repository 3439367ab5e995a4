"""One pass over a file's bytes: hash, count, compress, temporary object.

A body of up to 4 MB is kept until its end and then hashed and compressed whole, by as many threads as there are
cores; that measured faster than compressing small pieces. A larger one is streamed: memory does not grow with
the file.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable
from typing import BinaryIO

from ingestify.domain.ports import Storage, TemporaryObject
from ingestify.store import compression

__all__ = ["StagedFile"]

SMALL_BODY_BYTES = 4 << 20
_CHUNK_BYTES = 1 << 18
# What takes less than a tenth of a millisecond is done before its turn would come.
_WORTH_A_TURN_BYTES = 1 << 16

_cores = threading.BoundedSemaphore(max(1, os.cpu_count() or 1))


class StagedFile:
    """A file on its way into the lake; a `domain.ports.ByteSink`. Used by one thread at a time.

    After `complete()` it knows its `tag` (sha256) and `size`; after `persist()` its object is durable and has
    a `storage_size`. Whoever made it calls `discard()` in the end; after publishing that does nothing.

    Args:
        method: The lake's compression; a file that is compressed already is stored as it is.
        serialization_format: The declared format, or None.
    """

    __slots__ = (
        "_buffer",
        "_compressed",
        "_compressor",
        "_digest",
        "_format",
        "_method",
        "_storage",
        "compression_method",
        "size",
        "storage_size",
        "tag",
        "temporary",
    )

    def __init__(self, storage: Storage, method: str, serialization_format: str | None) -> None:
        self._storage = storage
        self._method = method
        self._format = serialization_format
        self.temporary: TemporaryObject | None = None
        self._reset()

    def _reset(self) -> None:
        self._buffer: list[bytes] | None = []
        self._digest = hashlib.sha256()
        self._compressor: compression.StreamCompressor | None = None
        self._compressed = b""
        self.compression_method = "none"
        self.size = 0
        self.storage_size = 0
        self.tag = ""

    def write(self, data: bytes) -> None:
        """Take the next of the provider's bytes."""
        self.size += len(data)
        if self._buffer is not None:
            self._buffer.append(data)
            if self.size > SMALL_BODY_BYTES:
                self._start_streaming()
            return
        self._stream(data)

    def restart(self) -> None:
        """Forget what was written."""
        if self.temporary is not None:
            self.temporary.restart()
        self._reset()

    def copy_from(self, stream: BinaryIO) -> None:
        """Write all of a stream."""
        while data := stream.read(_CHUNK_BYTES):
            self.write(data)

    def complete(self, look: Callable[[bytes], object] | None = None) -> bool:
        """The body has ended: work out its tag, and compress it.

        Args:
            look: Called with a body that is in memory, once its tag is known.

        Returns:
            Whether `look` was called. A larger body can be read with `open()`.
        """
        if self._buffer is None:
            assert self._compressor is not None
            self._put(self._compressor.flush())
            self._compressor = None
        else:
            body = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
            self._buffer = []
            if len(body) < _WORTH_A_TURN_BYTES:
                self._hash_and_compress(body)
            else:
                with _cores:
                    self._hash_and_compress(body)
            if look is not None:
                # Outside: it holds the interpreter, and two others can hash and compress beside it.
                look(body)
            self.storage_size = len(self._compressed)
            return look is not None
        self.tag = self._digest.hexdigest()
        return False

    def _hash_and_compress(self, body: bytes) -> None:
        self._digest.update(body)
        self.tag = self._digest.hexdigest()
        self._choose_method(body[:12])
        self._compressed = compression.compress(self.compression_method, body)

    def persist(self) -> None:
        """Make the object durable, still under a temporary name."""
        if self.temporary is None:
            self.temporary = self._storage.create_temporary()
        if self._buffer is not None:
            self.temporary.write(self._compressed)
            self._compressed = b""
        self.temporary.finish()

    def open(self) -> BinaryIO:
        """Read the provider's bytes back, after `complete()` and before publishing."""
        stored = io.BytesIO(self._compressed) if self.temporary is None else self.temporary.open()
        return compression.open_decompressed(self.compression_method, stored, "just fetched")

    def discard(self) -> None:
        """Remove what is left of it."""
        if self.temporary is not None:
            self.temporary.discard()
            self.temporary = None
        self._buffer = []
        self._compressed = b""

    def _choose_method(self, head: bytes) -> None:
        self.compression_method = "none" if compression.is_compressed(self._format, head) else self._method

    def _start_streaming(self) -> None:
        assert self._buffer is not None
        body = b"".join(self._buffer)
        self._buffer = None
        self._choose_method(body[:12])
        self._compressor = compression.stream_compressor(self.compression_method)
        if self.temporary is None:
            self.temporary = self._storage.create_temporary()
        self._stream(body)

    def _stream(self, data: bytes) -> None:
        assert self._compressor is not None
        self._digest.update(data)
        self._put(self._compressor.compress(data))

    def _put(self, data: bytes) -> None:
        if data:
            assert self.temporary is not None
            self.temporary.write(data)
            self.storage_size += len(data)
