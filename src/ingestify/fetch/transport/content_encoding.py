"""Content-Encoding: undone where it was added in transit, kept where it is the provider's file."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import zstandard

from ingestify.domain import formats

__all__ = [
    "Bomb",
    "Truncated",
    "UnknownEncoding",
    "decoded",
    "is_compressed_format",
    "is_gzip_format",
    "refusing_bombs",
]

GZIP_MAGIC = b"\x1f\x8b"

STEP_BYTES = 1 << 18
"""The most that one step of a decoder gives: a small body that becomes a huge one does not fill the memory."""

_PEEK_BYTES = 1 << 20
_MOST_ENCODINGS = 3
_EXPANSION_FROM_BYTES = 32 << 20

# A block of zstd takes at least 4 bytes and holds at most 128 KiB (RFC 8878, section 3.1.1.2): this much input
# gives at most 2 MiB.
_ZSTD_INPUT_BYTES = 64
_ZSTD_WINDOW_BYTES = 8 << 20  # RFC 9659: no more is needed for Content-Encoding: zstd


class Truncated(Exception):
    """The body ended too early, or is damaged."""


class UnknownEncoding(Exception):
    """A Content-Encoding that was not asked for and cannot be undone."""


class Bomb(Exception):
    """A body that decodes to far more than came.

    Args:
        received_bytes: How much came.
        made_bytes: How much was made of it until then.
    """

    def __init__(self, received_bytes: int, made_bytes: int) -> None:
        super().__init__(f"{received_bytes:,} bytes that came hold more than {made_bytes:,}")


class _Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data decodes to, in bounded pieces."""

    def end(self) -> None:
        """The input has ended; raise Truncated if it may not end here."""


def is_compressed_format(serialization_format: str | None, path: str) -> bool:
    """Return whether a file is compressed by itself, by its declared format, or if there is none by its URL's path."""
    return _last_suffix(serialization_format, path) in formats.COMPRESSED


def is_gzip_format(serialization_format: str | None, path: str) -> bool:
    """Return whether a file is a `.gz` by itself, told in the same way."""
    return _last_suffix(serialization_format, path) in formats.GZIP


def _last_suffix(serialization_format: str | None, path: str) -> str:
    # What is declared wins: who declares `json` for `…/1.json.gz` sent with Content-Encoding: gzip wants the JSON.
    if serialization_format:
        return formats.last_part(serialization_format)
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot else ""


class _Gzip:
    """gzip, of one member or several; what follows the last one and is none is ignored, as gzip does."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._started = False
        self._tail = b""
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._inner.eof:
                self._tail = data = self._tail + data
                if len(data) < len(GZIP_MAGIC):
                    return
                if not data.startswith(GZIP_MAGIC):
                    self._ended = True
                    return
                self._tail = b""
                self._inner = zlib.decompressobj(31)
            self._started = True
            yield from _inflate(self._inner, data)
            data = self._inner.unused_data

    def end(self) -> None:
        if self._started and not self._inner.eof:
            raise Truncated("its compressed body is incomplete")


class _Deflate:
    """`deflate` is zlib by the standard (RFC 9110, section 8.4.1.2), and raw deflate from some servers."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj()
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._head is not None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            self._head = None
            if data[0] & 0x0F != 8 or (data[0] << 8 | data[1]) % 31:  # RFC 1950, section 2.2
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        if not self._inner.eof:
            yield from _inflate(self._inner, data)

    def end(self) -> None:
        if self._head or (self._head is None and not self._inner.eof):
            raise Truncated("its compressed body is incomplete")


def _inflate(inner: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what `data` becomes, in bounded pieces, up to the end of the stream."""
    while True:
        piece = inner.decompress(data, STEP_BYTES)
        if piece:
            yield piece
        data = inner.unconsumed_tail
        # All input may be taken while output is still held back.
        if inner.eof or (not data and len(piece) < STEP_BYTES):
            return


class _Zstd:
    def __init__(self) -> None:
        import zstandard  # only for providers that send it unasked: 28 ms

        self._error = zstandard.ZstdError
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._inner: zstandard.ZstdDecompressionObj | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _ZSTD_INPUT_BYTES):
                step = data[start : start + _ZSTD_INPUT_BYTES]
                while step:
                    if self._inner is None:
                        self._inner = self._decompressor.decompressobj()
                    piece = self._inner.decompress(step)
                    for begin in range(0, len(piece), STEP_BYTES):
                        yield piece[begin : begin + STEP_BYTES]
                    step = self._inner.unused_data if self._inner.eof else b""
                    if self._inner.eof:
                        self._inner = None
        except self._error as error:
            raise Truncated(f"its compressed body is damaged ({error})") from error

    def end(self) -> None:
        if self._inner is not None:
            raise Truncated("its compressed body is incomplete")


def _decoder(encoding: str) -> _Decoder:
    if encoding in ("gzip", "x-gzip"):
        return _Gzip()
    if encoding == "deflate":
        return _Deflate()
    if encoding == "zstd":
        return _Zstd()
    raise UnknownEncoding(encoding)


def decoded(chunks: Iterable[bytes], content_encoding: str | None, *, keep_own_gzip: bool = False) -> Iterator[bytes]:
    """Yield a body's bytes with its Content-Encoding undone.

    Args:
        chunks: The bytes as they came over the wire.
        content_encoding: The header; encodings are listed in the order in which they were applied.
        keep_own_gzip: The file is a `.gz` by itself. Servers announce such a file as `Content-Encoding: gzip`
            although they added nothing; then the wire's bytes are the file. Where undoing gives gzip again,
            the encoding was added in transit.

    Raises:
        Truncated: The compressed body is incomplete.
        UnknownEncoding: It is one that cannot be undone, or there are more than three.
    """
    stream = iter(chunks)
    if not content_encoding:
        return stream
    named = [one.strip().lower() for one in content_encoding.split(",")]
    encodings = [one for one in named if one and one != "identity"]
    if len(encodings) > _MOST_ENCODINGS:  # each is a decoder more on the stack
        raise UnknownEncoding(content_encoding)
    own = keep_own_gzip and bool(encodings) and encodings[0] in ("gzip", "x-gzip")
    for encoding in reversed(encodings[1:] if own else encodings):
        stream = _through(_decoder(encoding), stream)
    return _gzip_unless_own(stream) if own else stream


def refusing_bombs(body: Iterable[bytes], received_bytes: Callable[[], int], most_expansion: float) -> Iterator[bytes]:
    """Yield a decoded body, as long as it stays in proportion to what came.

    Args:
        received_bytes: Returns how many bytes came over the wire so far.
        most_expansion: How many bytes may become of one. It counts from 32 MB on.

    Raises:
        Bomb: More became of them.
    """
    made = 0
    for data in body:
        made += len(data)
        if made > _EXPANSION_FROM_BYTES and made > received_bytes() * most_expansion:
            raise Bomb(received_bytes(), made)
        yield data


def _through(decoder: _Decoder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield from decoder.feed(chunk)
    except zlib.error as error:
        raise Truncated(f"its compressed body is damaged ({error})") from error
    decoder.end()


def _gzip_unless_own(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip only if what is inside is gzip again."""
    peeked: list[bytes] = []
    size = 0
    probe = zlib.decompressobj(31)
    inside = b""
    try:
        for chunk in chunks:
            peeked.append(chunk)
            size += len(chunk)
            inside += probe.decompress(chunk, 16)
            if len(inside) >= len(GZIP_MAGIC) or probe.eof or size >= _PEEK_BYTES:
                break
    except zlib.error:
        inside = b""  # it is not even gzip, whatever the header says: the bytes are the file

    def all_chunks() -> Iterator[bytes]:
        yield from peeked
        yield from chunks

    if inside.startswith(GZIP_MAGIC):
        yield from _through(_Gzip(), all_chunks())
    else:
        yield from all_chunks()
