"""Serialization formats, such as `json` or `csv.gz`: which one a file has, and which ones are compressed."""

from __future__ import annotations

import functools
import urllib.parse

__all__ = [
    "GZIP",
    "LONGEST",
    "UNKNOWN",
    "find_in_name",
    "find_in_url",
    "is_compressed",
    "is_gzip",
    "is_text",
    "last_part",
    "of_content_type",
]

LONGEST = 64
"""How many characters a format has at most, in every lake; some databases keep no more."""

UNKNOWN = "bin"
"""The format of a file that is declared nowhere and shows in neither the name nor the Content-Type."""

GZIP = frozenset({"gz", "gzip", "tgz"})
"""Formats that are gzip."""

_COMPRESSED = GZIP | frozenset(
    {"7z", "aac", "avi", "avif", "avro", "br", "bz2", "docx", "flac", "gif", "heic", "jpeg", "jpg", "lz4", "lzma"}
    | {"m4a", "m4s", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "ogg", "orc", "parquet", "pdf", "png"}
    | {"rar", "tbz2", "ts", "txz", "webm", "webp", "wmv", "xlsx", "xz", "zip", "zst", "zstd"}
)

_TEXTS = frozenset({"csv", "geojson", "json", "jsonl", "ndjson", "tsv", "xml"})

# Behind another suffix, these say how the file is packed: `csv.gz`.
_PACKINGS = frozenset({"bz2", "gz", "xz", "zst"})

_BY_CONTENT_TYPE = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/xml": "xml",
    "application/zip": "zip",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/xml": "xml",
    "video/mp4": "mp4",
}


@functools.lru_cache(maxsize=256)
def last_part(serialization_format: str) -> str:
    """Return `gz` for `csv.gz`, in lower case."""
    return serialization_format.lower().rpartition(".")[2]


def is_compressed(serialization_format: str | None) -> bool:
    """Return whether files of a format do not become smaller; such files are kept byte for byte."""
    return last_part(serialization_format or "") in _COMPRESSED


def is_gzip(serialization_format: str | None) -> bool:
    """Return whether a format is gzip, with whatever is inside."""
    return last_part(serialization_format or "") in GZIP


def is_text(serialization_format: str | None) -> bool:
    """Return whether a format is text. If a provider's file of such a format is gzip, a reader gets what is inside."""
    return last_part(serialization_format or "") in _TEXTS


def find_in_name(name: str) -> str | None:
    """Return the format that a file's name ends with: `json` for `a.json`, `csv.gz` for `a.csv.gz`; None: it has none.

    A number at the end, as in `v1.2`, is a version and no format.
    """
    stem, _, suffix = name.lower().rpartition(".")
    if not stem or not suffix.isalnum() or suffix.isdecimal():
        return None
    inner = stem.rpartition(".")[2] if "." in stem else ""
    found = f"{inner}.{suffix}" if suffix in _PACKINGS and inner.isalnum() else suffix
    return found if len(found) <= LONGEST else None


@functools.lru_cache(maxsize=4096)
def find_in_url(url: str) -> str | None:
    """Return the format that the path of a URL ends with; None: it has none."""
    try:
        return find_in_name(urllib.parse.urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # not a URL, which the caller that requests it will say
        return None


def of_content_type(content_type: str | None) -> str:
    """Return the format that a Content-Type header means; `bin` if it is missing or means none."""
    return _BY_CONTENT_TYPE.get((content_type or "").partition(";")[0].strip().lower(), UNKNOWN)
