"""Staged files: one pass over a file's bytes hashes, counts and compresses them, and writes a temporary object.

A body of up to 4 MB is kept in memory until its end and then hashed and compressed whole, by at most one thread for
each core; that measured faster than compressing small pieces. A larger body is streamed: memory stays flat, and a
second thread hashes while the first one compresses, writes and receives. A file that is stored without compression, and
whose rest can be requested, can be resumed by a later process.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from ingestify.domain.ports import FileVersion, PartialObject, Storage, TemporaryObject
from ingestify.errors import StoreError
from ingestify.store.objects import checkpoints, compression

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["StagedFile"]

SMALL_BODY_BYTES = 4 << 20
_CHUNK_BYTES = 1 << 18
# A smaller body takes less than a tenth of a millisecond, which is less than waiting for a core.
_WORTH_A_TURN_BYTES = 1 << 16
_BATCH_BYTES = 1 << 20
"""How much is given to the hashing thread at once: a socket gives 64 KB or less, which is too little."""

_cores = threading.BoundedSemaphore(max(1, os.cpu_count() or 1))
_hashers = ThreadPoolExecutor(max(1, os.cpu_count() or 1), "hash")  # has no threads before the first large file


def _hash(digest: _Hash, pieces: list[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)


class StagedFile:
    """A file on its way into the lake; a `domain.ports.ByteSink`. Used by one thread at a time.

    After `complete()` it knows its `tag` (sha256) and `size`; after `persist()` its object is durable and has
    a `storage_size`. Its maker calls `discard()` at the end; after publishing that does nothing.

    Args:
        method: The lake's compression; a file that is compressed already is stored as it is.
        serialization_format: The declared format, or None.
        key: The key of the partial object, if a later process may resume it; see `domain.ports.Storage.take_partial`.
    """

    __slots__ = (
        "_buffer",
        "_checkpoints",
        "_compressed",
        "_compressor",
        "_digest",
        "_flushed",
        "_format",
        "_hashing",
        "_key",
        "_method",
        "_partial",
        "_pieces",
        "_pieces_size",
        "_storage",
        "_version",
        "compression_method",
        "size",
        "storage_size",
        "tag",
        "temporary",
    )

    def __init__(self, storage: Storage, method: str, serialization_format: str | None, key: str | None = None) -> None:
        self._storage = storage
        self._method = method
        self._format = serialization_format
        self._key = key
        self.temporary: TemporaryObject | None = None
        self._partial: PartialObject | None = None
        """The same object, if a later process may resume it."""
        self._reset()

    def _reset(self) -> None:
        self._buffer: list[bytes] | None = []
        self._digest = hashlib.sha256()
        self._compressor: compression.StreamCompressor | None = None
        self._compressed = b""
        self._pieces: list[bytes] = []
        """The part of a large body that is not hashed and written yet."""
        self._pieces_size = 0
        self._hashing: Future[None] | None = None
        self._flushed = 0
        """How many bytes of a large body are written; `_digest` is their hash when `_hashing` is done."""
        self._version: FileVersion | None = None
        self._checkpoints: checkpoints.Checkpoints | None = None
        self.compression_method = "none"
        self.size = 0
        self.storage_size = 0
        self.tag = ""

    def resume(self) -> tuple[FileVersion, int] | None:
        """Resume the partial object of an earlier process; see `domain.ports.ByteSink.resume`."""
        partial = None if self._key is None else self._storage.take_partial(self._key, create=False)
        if partial is None:
            return None
        try:
            found = checkpoints.resume(partial)
        except (OSError, StoreError):
            found = None  # a partial object that cannot be read is fetched again
        if found is None:
            partial.discard()
            return None
        self.temporary = self._partial = partial
        self._checkpoints = found.checkpoints
        self._digest = found.digest
        self.size = self.storage_size = self._flushed = found.size
        self._buffer = None
        self._compressor = compression.stream_compressor(self.compression_method)
        return found.version, found.size

    def begin(self, version: FileVersion) -> None:
        """Remember the version of the file; see `domain.ports.ByteSink.begin`."""
        self._version = version

    def write(self, data: bytes) -> None:
        """Add the next of the provider's bytes."""
        self.size += len(data)
        if self._buffer is not None:
            self._buffer.append(data)
            if self.size > SMALL_BODY_BYTES:
                self._start_streaming()
            return
        self._stream(data)

    def restart(self) -> None:
        """Begin the file again, without the bytes so far."""
        if self.temporary is not None:
            self.temporary.restart()
        self._reset()

    def copy_from(self, stream: BinaryIO) -> None:
        """Write all of a stream."""
        while data := stream.read(_CHUNK_BYTES):
            self.write(data)

    def complete(self) -> bytes | None:
        """Compute the tag of the body, which has ended, and compress it.

        Returns:
            The body, if it is in memory. A larger one can be read with `open()`.
        """
        if self._buffer is None:
            self._flush()
            self._settle()
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
            self.storage_size = len(self._compressed)
            return body
        self.tag = self._digest.hexdigest()
        return None

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
        """Remove the temporary object, unless it was published."""
        if self.temporary is not None:
            self.temporary.discard()
            self.temporary = self._partial = None
        self._buffer = []
        self._compressed = b""
        self._pieces = []

    def keep_partial(self) -> None:
        """Keep the partial object for a later process, if it can resume it; otherwise remove it."""
        try:
            if self._partial is not None and self._checkpoints is not None:
                if self._compressor is not None:
                    self._flush()
                    self._settle()
                self._checkpoints.note(self._flushed, self._digest, always=True)
                self._partial.keep()
                self.temporary = self._partial = None
        except StoreError:
            pass
        self.discard()

    def _choose_method(self, head: bytes) -> None:
        self.compression_method = "none" if compression.is_compressed(self._format, head) else self._method

    def _start_streaming(self) -> None:
        assert self._buffer is not None
        body = b"".join(self._buffer)
        self._buffer = None
        self._choose_method(body[:12])
        self._compressor = compression.stream_compressor(self.compression_method)
        if self._version is not None and self.compression_method == "none":
            self._begin_partial(self._version)
        if self.temporary is None:
            self.temporary = self._storage.create_temporary()
        self._stream(body)

    def _begin_partial(self, version: FileVersion) -> None:
        """Write to a partial object that a later process can resume, unless another process is writing to it now."""
        if self.temporary is None and self._key is not None:
            self.temporary = self._partial = self._storage.take_partial(self._key, create=True)
        if self._partial is not None:
            self._checkpoints = checkpoints.Checkpoints.begin(self._partial, version)

    def _stream(self, data: bytes) -> None:
        self._pieces.append(data)
        self._pieces_size += len(data)
        if self._pieces_size >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Write the pieces, while another thread hashes them and goes on when the next pieces are received."""
        assert self._compressor is not None
        self._settle()
        pieces, size = self._pieces, self._pieces_size
        self._pieces, self._pieces_size = [], 0
        self._hashing = _hashers.submit(_hash, self._digest, pieces)
        for piece in pieces:
            self._put(self._compressor.compress(piece))
        self._flushed += size

    def _settle(self) -> None:
        """Wait until all written bytes are hashed, and write a checkpoint."""
        if self._hashing is None:
            return
        self._hashing.result()
        self._hashing = None
        if self._checkpoints is not None:
            self._checkpoints.note(self._flushed, self._digest)

    def _put(self, data: bytes) -> None:
        if data:
            assert self.temporary is not None
            self.temporary.write(data)
            self.storage_size += len(data)
