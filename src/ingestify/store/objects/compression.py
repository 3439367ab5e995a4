"""The compression of objects in the lake. A reader always gets the provider's bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any, BinaryIO, Protocol, cast

import zstandard

from ingestify.domain import formats
from ingestify.errors import ConfigurationError, IntegrityError
from ingestify.remedies import remedy

__all__ = [
    "METHODS",
    "StreamCompressor",
    "compress",
    "is_compressed",
    "open_decompressed",
    "stream_compressor",
    "suffix",
]

METHODS = ("zstd", "gzip", "none")
"""The values of `compression`."""

# zstd at level 1 makes event JSON 16 times smaller at 1 GB/s; level 3 is no smaller (docs/decisions/0003).
_ZSTD_LEVEL = 1
_GZIP_LEVEL = 6

_SUFFIXES = {"zstd": ".zst", "gzip": ".gz", "none": ""}

_MAGIC = (
    b"\x1f\x8b",  # gzip
    b"PK\x03\x04",  # ZIP
    b"\x28\xb5\x2f\xfd",  # zstd
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"\x89PNG",
    b"\xff\xd8\xff",  # JPEG
    b"PAR1",
    b"\x1aE\xdf\xa3",  # Matroska
)

_idle_contexts: list[zstandard.ZstdCompressor] = []
"""As many as have compressed at one time. One for each thread would take 5 MB each if files are large."""


class StreamCompressor(Protocol):
    """Compresses one large body piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Return compressed bytes, perhaps none yet."""

    def flush(self) -> bytes:
        """Return the rest."""


def check_method(method: str) -> str:
    """Return `method`, or raise a ConfigurationError that names the valid ones."""
    if method not in METHODS:
        raise ConfigurationError(f"compression: '{method}' is none of {', '.join(METHODS)}.")
    return method


def is_compressed(serialization_format: str | None, head: bytes) -> bool:
    """Return whether a provider's file is compressed already, by its format or its first 12 bytes."""
    return formats.is_compressed(serialization_format) or head.startswith(_MAGIC) or head[4:8] == b"ftyp"


def suffix(method: str) -> str:
    """Return the ending of an object's name: `.zst`, `.gz` or nothing."""
    return _SUFFIXES[method]


def compress(method: str, data: bytes) -> bytes:
    """Return a whole body compressed."""
    if method == "zstd":
        try:
            context = _idle_contexts.pop()
        except IndexError:
            context = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
        compressed = context.compress(data)
        _idle_contexts.append(context)
        return compressed
    if method == "gzip":
        return gzip.compress(data, _GZIP_LEVEL, mtime=0)
    return data


class _Passing:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def stream_compressor(method: str) -> StreamCompressor:
    """Return a compressor for one body that is too large to hold."""
    if method == "zstd":
        return cast(StreamCompressor, zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj())
    if method == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, wbits=31)
    return _Passing()


class _Translated(io.RawIOBase):
    """A decompressing stream whose errors name the object."""

    def __init__(self, inner: BinaryIO, raw: BinaryIO, name: str) -> None:
        self._inner: Any = inner
        self._raw = raw
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            count: int = self._inner.readinto(view)
        except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile, EOFError) as error:
            raise IntegrityError(
                f"The object {self._name} is damaged: {error}; {remedy('verify --repair')} restores it, or fetches it "
                f"anew."
            ) from error
        return count

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._raw.close()
        super().close()


def open_decompressed(method: str, raw: BinaryIO, name: str) -> BinaryIO:
    """Return a stream of the provider's bytes over an object's bytes. Closing it closes `raw`.

    Raises:
        IntegrityError: On reading, when the object is damaged.
    """
    if method == "none":
        return raw
    inner: BinaryIO
    if method == "zstd":
        inner = cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    elif method == "gzip":
        inner = cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    else:
        raise IntegrityError(f"The object {name} is compressed with '{method}', which this ingestify cannot read.")
    return cast(BinaryIO, io.BufferedReader(_Translated(inner, raw, name), buffer_size=1 << 17))
