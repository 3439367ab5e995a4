"""An object in an object store as a binary stream, which resumes after a lost connection. Memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingestify.errors import IntegrityError, StoreError
from ingestify.positioned_stream import PositionedStream
from ingestify.storage.cloud_errors import translate
from ingestify.storage.cloud_process import refuse_forked

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

    from ingestify.storage.cloud_address import CloudAddress
    from ingestify.storage.cloud_clients import Client

__all__ = ["CloudReader"]

_CHUNK_BYTES = 1 << 20
_FRUITLESS_TRIES = 3
"""How often in a row a request may end without a byte."""

# obstore's error if a server sends the whole object, as any server may, or a range with the wrong status (rclone).
_NO_RANGE = "non-partial response"


class CloudReader(PositionedStream):
    """Reads an object from front to back with one request; each seek costs another one. Used by one thread at a time.

    Raises:
        IntegrityError: There is no such object.
        StoreError: The server refuses.
    """

    def __init__(self, client: Client, address: CloudAddress, path: str) -> None:
        self._client = client
        self._address = address
        self._path = path
        self._rest = memoryview(b"")
        """The bytes at `_rest_at` that were received and not read yet."""
        self._rest_at = 0
        self._knows_ranges = True
        result = self._get()
        super().__init__(int(result.meta["size"]), path)
        self._stream: Iterator[Any] | None = self._check(result)

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer. Returns how many; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if not view or self._position >= self._size:
            return 0
        part = self._take(len(view))
        view[: len(part)] = part
        return len(part)

    def readall(self) -> bytes:
        """Return the rest. The inherited method takes 8 KB at a time."""
        parts = []
        while self._position < self._size:
            parts.append(self._take(self._size))
        return b"".join(parts)

    def close(self) -> None:
        """Drop the request and what was received."""
        self._stream = None
        self._rest = memoryview(b"")
        super().close()

    def _take(self, size: int) -> memoryview:
        """Return up to `size` of the next bytes, at least one, and move the position behind them."""
        skipped = self._position - self._rest_at
        if 0 <= skipped <= len(self._rest):
            self._rest = self._rest[skipped:]
        else:
            self._rest = memoryview(b"")
            self._stream = None
        self._rest = self._rest or self._receive()
        part, self._rest = self._rest[:size], self._rest[size:]
        self._position += len(part)
        self._rest_at = self._position
        return part

    def _receive(self) -> memoryview:
        """Return the next bytes, at least one; if the connection is lost, a new request gets the rest."""
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
        """Request the object from the position on."""
        if self._position and self._knows_ranges:
            stream = self._find_range()
            if stream is not None:
                return stream
            self._knows_ranges = False
        return _skip(self._check(self._get()), self._position)

    def _find_range(self) -> Iterator[Any] | None:
        """Request the rest as a range; None: the server does not send ranges."""
        try:
            return self._check(self._get({"range": (self._position, self._size)}))
        except StoreError as error:
            if _NO_RANGE in str(error.__cause__):
                return None
            raise

    def _check(self, result: GetResult) -> Iterator[Any]:
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

        refuse_forked(self._address)
        try:
            return obstore.get(self._client, self._path, options=options)
        except (BaseError, OSError, ValueError) as error:
            failure = translate("read", self._path, error, self._address)
        # Outside of the handler: obstore's error may quote a secret, which the traceback would show.
        raise failure


def _skip(stream: Iterator[Any], size: int) -> Iterator[Any]:
    """Yield the bytes behind the first `size`."""
    for chunk in stream:
        if size < len(chunk):
            yield memoryview(chunk)[size:]
        size = max(0, size - len(chunk))
