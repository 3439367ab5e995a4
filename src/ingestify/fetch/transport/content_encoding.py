"""Content-Encoding: decoded if a server added it, kept if the file itself is gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from ingestify.inflation import GZIP_MAGIC, GZIP_WBITS, GzipInflater

__all__ = [
    "Bomb",
    "Truncated",
    "UnknownEncoding",
    "decoded",
    "refusing_bombs",
]

_GZIP = frozenset({"gzip", "x-gzip"})
_PEEK_BYTES = 1 << 20
_MOST_ENCODINGS = 3
_EXPANSION_FROM_BYTES = 32 << 20


class Truncated(Exception):
    """The encoded body is incomplete or damaged."""


class UnknownEncoding(Exception):
    """A Content-Encoding that was not requested; only gzip is decoded."""


class Bomb(Exception):
    """A body that decodes to far more bytes than came.

    Args:
        received_bytes: How many bytes came so far.
        made_bytes: How many bytes were decoded so far.
    """

    def __init__(self, received_bytes: int, made_bytes: int) -> None:
        super().__init__(f"{received_bytes:,} received bytes decode to more than {made_bytes:,}")


def decoded(chunks: Iterable[bytes], content_encoding: str | None, *, keep_own_gzip: bool = False) -> Iterator[bytes]:
    """Yield a body with its Content-Encoding decoded.

    Args:
        chunks: The bytes on the wire.
        content_encoding: The header; it lists encodings in the order in which they were applied.
        keep_own_gzip: The file itself is gzip. Servers announce such a file as `Content-Encoding: gzip` although they
            added nothing; then the bytes on the wire are the file. If decoding gives gzip again, the server added the
            encoding.

    Raises:
        Truncated: The body is incomplete or damaged.
        UnknownEncoding: The header names an encoding other than gzip, or more than three.
    """
    stream = iter(chunks)
    if not content_encoding:
        return stream
    named = [one.strip().lower() for one in content_encoding.split(",")]
    encodings = [one for one in named if one and one != "identity"]
    if len(encodings) > _MOST_ENCODINGS:  # each needs one more decoder on the stack
        raise UnknownEncoding(content_encoding)
    if unknown := [one for one in encodings if one not in _GZIP]:
        raise UnknownEncoding(unknown[0])
    own = keep_own_gzip and bool(encodings)
    for _ in encodings[1:] if own else encodings:
        stream = _inflated(stream)
    return _gzip_unless_own(stream) if own else stream


def refusing_bombs(body: Iterable[bytes], received_bytes: Callable[[], int], most_expansion: float) -> Iterator[bytes]:
    """Yield a decoded body, as long as it stays in proportion to the bytes on the wire.

    Args:
        body: The decoded body.
        received_bytes: Returns how many bytes came over the wire so far.
        most_expansion: How many decoded bytes one byte may become. The first 32 MB are always permitted.

    Raises:
        Bomb: One byte became more.
    """
    made = 0
    for data in body:
        made += len(data)
        if made > _EXPANSION_FROM_BYTES and made > received_bytes() * most_expansion:
            raise Bomb(received_bytes(), made)
        yield data


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a decoded gzip stream; bytes behind its last member are ignored, as the program gzip does."""
    gzip = GzipInflater()
    try:
        for chunk in chunks:
            yield from gzip.feed(chunk)
    except zlib.error as error:
        raise Truncated(f"its compressed body is damaged ({error})") from error
    if gzip.is_cut:
        raise Truncated("its compressed body is incomplete")


def _gzip_unless_own(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes as they are, or decoded if the decoded bytes are gzip again."""
    peeked: list[bytes] = []
    size = 0
    probe = zlib.decompressobj(GZIP_WBITS)
    inside = b""
    try:
        for chunk in chunks:
            peeked.append(chunk)
            size += len(chunk)
            inside += probe.decompress(chunk, 16)
            if len(inside) >= len(GZIP_MAGIC) or probe.eof or size >= _PEEK_BYTES:
                break
    except zlib.error:
        inside = b""  # it is no gzip, against the header: the bytes are the file

    def all_chunks() -> Iterator[bytes]:
        yield from peeked
        yield from chunks

    if inside.startswith(GZIP_MAGIC):
        yield from _inflated(all_chunks())
    else:
        yield from all_chunks()
