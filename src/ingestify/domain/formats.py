"""Serialization formats that are compressed by themselves."""

from __future__ import annotations

__all__ = ["COMPRESSED", "GZIP", "last_part"]

GZIP = frozenset({"gz", "gzip", "tgz"})
"""Formats that are gzip."""

COMPRESSED = GZIP | frozenset(
    {"7z", "aac", "avi", "avif", "avro", "br", "bz2", "docx", "flac", "gif", "heic", "jpeg", "jpg", "lz4", "lzma"}
    | {"m4a", "m4s", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "ogg", "orc", "parquet", "pdf", "png"}
    | {"rar", "tbz2", "ts", "txz", "webm", "webp", "wmv", "xlsx", "xz", "zip", "zst", "zstd"}
)
"""Formats that do not become smaller, and that are kept byte for byte."""


def last_part(serialization_format: str) -> str:
    """Return `gz` for `csv.gz`, in lower case."""
    return serialization_format.lower().rpartition(".")[2]
