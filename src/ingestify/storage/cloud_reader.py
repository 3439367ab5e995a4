"""An object in an object store as a binary file object: streamed, taken up again where it broke off, memory flat."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingestify.errors import IntegrityError, StoreError
from ingestify.storage.cloud_errors import translate

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

    from ingestify.storage.cloud_address import CloudAddress
    from ingestify.storage.cloud_clients import Client

__all__ = ["CloudReader"]

_CHUNK_BYTES = 1 << 20
_FRUITLESS_TRIES = 3
"""So often in a row a stream may break off without having brought a byte."""

# What obstore says of a server that sends all of it, as any may, or a range with the wrong status, as rclone does.
_NO_RANGE = "non-partial response"


class CloudReader(io.RawIOBase):
    """Reads one object by one request for as long as it is read from front to back, and by another after each seek.

    Used by one thread at a time. The object is there, or the constructor raises.

    Raises:
        IntegrityError: It is not there.
        StoreError: The server refuses.
    """

    def __init__(self, client: Client, address: CloudAddress, path: str) -> None:
        self._client = client
        self._address = address
        self._path = path
        self._position = 0
        self._rest = memoryview(b"")
        """What came and was not read yet."""
        self._stream: Iterator[Any] | None = None
        self._knows_ranges = True
        result = self._get()
        self._size = int(result.meta["size"])
        self._stream = self._checked(result)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        position = start + offset
        if position < 0:
            raise ValueError(f"{position} is before the beginning of {self._path}.")
        ahead = position - self._position
        if 0 <= ahead <= len(self._rest):
            self._rest = self._rest[ahead:]
        elif ahead:
            self._rest = memoryview(b"")
            self._stream = None
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        if not self._rest:
            self._rest = self._receive()
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def readall(self) -> bytes:
        # The inherited one takes 8 KB at a time.
        parts = []
        while self._position < self._size:
            part = self._rest or self._receive()
            self._rest = memoryview(b"")
            self._position += len(part)
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self._stream = None
        self._rest = memoryview(b"")
        super().close()

    def _receive(self) -> memoryview:
        """Return the next bytes, at least one, asking anew for the rest if the connection broke."""
        from obstore.exceptions import BaseError  # an extra

        failure: StoreError | IntegrityError | None = None
        for _ in range(_FRUITLESS_TRIES):
            stream = self._stream = self._stream or self._resume()
            try:
                chunk = next(stream, b"")
            except (BaseError, OSError, ValueError) as error:
                failure = translate("read", self._path, error, self._address)
            else:
                if len(chunk):
                    return memoryview(chunk)
                failure = None
            self._stream = None
        raise failure or StoreError(
            f"Cannot read {self._address}/{self._path}: the server ends it at byte {self._position} of {self._size}, "
            f"several times; run again later."
        )

    def _resume(self) -> Iterator[Any]:
        """Ask for the object from where we are."""
        if self._position and self._knows_ranges:
            stream = self._find_range()
            if stream is not None:
                return stream
            self._knows_ranges = False
        return _skip(self._checked(self._get()), self._position)

    def _find_range(self) -> Iterator[Any] | None:
        """Return what is left of the object; None: the server answers with something else than a range of it."""
        try:
            return self._checked(self._get({"range": (self._position, self._size)}))
        except StoreError as error:
            if _NO_RANGE in str(error.__cause__):
                return None
            raise

    def _checked(self, result: GetResult) -> Iterator[Any]:
        size = int(result.meta["size"])
        if size != self._size:
            raise IntegrityError(
                f"The object {self._address}/{self._path} had {self._size} bytes and has {size} now: somebody wrote "
                f"to it while it was read; read it again."
            )
        return result.stream(min_chunk_size=_CHUNK_BYTES)

    def _get(self, options: GetOptions | None = None) -> GetResult:
        import obstore  # an extra
        from obstore.exceptions import BaseError

        try:
            return obstore.get(self._client, self._path, options=options)
        except (BaseError, OSError, ValueError) as error:
            failure = translate("read", self._path, error, self._address)
        # Outside of the handler: what obstore said may quote a secret, and would be shown with the traceback.
        raise failure


def _skip(stream: Iterator[Any], size: int) -> Iterator[Any]:
    """Yield what is behind the first `size` bytes."""
    for chunk in stream:
        if size < len(chunk):
            yield memoryview(chunk)[size:]
        size = max(0, size - len(chunk))
