"""Checks a file by its declared format.

Each format is checked as far as one pass over the file allows; see its module. A file of an unknown or no format must
not be empty, a Git LFS pointer or an HTML page.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from ingestify.checks import (
    appearance,
    delimited,
    gzip_file,
    iso_media,
    json_document,
    json_lines,
    signature,
    xml_document,
    zip_archive,
)
from ingestify.checks.content import Content
from ingestify.checks.problem import Problem
from ingestify.domain import formats
from ingestify.inflation import GZIP_MAGIC

__all__ = ["Findings", "check_bytes", "check_stream"]

_JSON = frozenset({"json", "geojson"})

_TEXTS: Mapping[str, Callable[[Content], object]] = {
    "csv": delimited.check_csv,
    "json": json_document.check,
    "geojson": json_document.check,
    "jsonl": json_lines.check,
    "ndjson": json_lines.check,
    "tsv": delimited.check_tsv,
    "xml": xml_document.check,
}

_jpeg = signature.begins_with("a JPEG image", b"\xff\xd8\xff")
# A skippable frame may come first (RFC 8878, section 3.1.2).
_zstd = signature.begins_with("zstd", b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n, 0x2A, 0x4D, 0x18]) for n in range(16)))
_xz = signature.begins_with("xz", b"\xfd7zXZ\x00")
_bzip2 = signature.begins_with("bzip2", b"BZh")

_BINARIES: Mapping[str, Callable[[Content], object]] = {
    "7z": signature.begins_with("a 7-Zip archive", b"7z\xbc\xaf\x27\x1c"),
    "bz2": _bzip2,
    "docx": zip_archive.check,
    "gif": signature.begins_with("a GIF image", b"GIF8"),
    "jpeg": _jpeg,
    "jpg": _jpeg,
    "m4a": iso_media.check_mp4,
    "m4v": iso_media.check_mp4,
    "mov": iso_media.check_quicktime,
    "mp4": iso_media.check_mp4,
    "parquet": signature.check_parquet,
    "pdf": signature.check_pdf,
    "png": signature.begins_with("a PNG image", b"\x89PNG\r\n\x1a\n"),
    "tbz2": _bzip2,
    "txz": _xz,
    "xlsx": zip_archive.check,
    "xz": _xz,
    "zip": zip_archive.check,
    "zst": _zstd,
    "zstd": _zstd,
}

_CHECKS = {**_TEXTS, **_BINARIES}


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check.

    Attributes:
        problem: Why the file is not of its declared format: one line for people, without a period and without secrets.
            Empty: the check found no fault.
        is_web_page: Whether an HTML page came in place of the file.
        parsed: Requested msgspec type to the value that was decoded from the file's JSON.
    """

    problem: str = ""
    is_web_page: bool = False
    parsed: Mapping[Any, Any] = dataclasses.field(default_factory=dict)


def check_bytes(body: bytes, serialization_format: str | None, shapes: Sequence[Any] = ()) -> Findings:
    """Check a file that is in memory. No content makes it raise; any thread may call it.

    Args:
        body: All of the provider's bytes.
        serialization_format: The declared format: `json`, `csv.gz`, …; None: it is unknown.
        shapes: msgspec types, such as `list[SomeStruct]`, into which JSON is decoded in the same pass. A type that the
            JSON does not fit is left out of `parsed`, which is no fault of the file.
    """
    return _check(Content.of_bytes(body), serialization_format, shapes)


def check_stream(
    open_stream: Callable[[], BinaryIO], size: int, serialization_format: str | None, shapes: Sequence[Any] = ()
) -> Findings:
    """Check a file that is too large for memory. Only JSON of up to 512 MB is read as a whole. See `check_bytes`.

    Args:
        open_stream: Opens the provider's bytes from their beginning. It is called more than once, and each stream is
            closed. Formats that the lake stores unchanged, such as ZIP, are checked in full only if the stream can
            seek.
        size: The number of bytes.
        serialization_format: As for `check_bytes`.
        shapes: As for `check_bytes`.

    Raises:
        IntegrityError: The lake's own object is damaged.
        OSError: The stream cannot be read.
    """
    return _check(Content(open_stream, size), serialization_format, shapes)


def _check(content: Content, serialization_format: str | None, shapes: Sequence[Any]) -> Findings:
    declared = (serialization_format or "").lower()
    try:
        return Findings(parsed=_examine(content, declared, shapes))
    except Problem as problem:
        return Findings(str(problem), appearance.is_page_instead(content.head(), formats.last_part(declared)))
    except (RecursionError, MemoryError) as error:
        return Findings(f"it is too large, or nested too deeply, to be read here ({type(error).__name__})")


def _examine(content: Content, serialization_format: str, shapes: Sequence[Any]) -> Mapping[Any, Any]:
    """Return the decoded values, or raise a Problem."""
    file_format = formats.last_part(serialization_format)
    head = content.head()
    known = file_format in _CHECKS or file_format in formats.GZIP
    expected = file_format.upper() if known else "the file itself"
    appearance.check_any(head, len(head) if content.size is None else content.size, file_format, expected)
    is_packed = file_format in formats.GZIP
    inner = formats.last_part(serialization_format.rpartition(".")[0]) if is_packed else file_format
    if file_format in _TEXTS and appearance.binary_kind(head):
        # A provider may call a gzip file JSON. The lake keeps its bytes, and a reader gets what is inside.
        if not head.startswith(GZIP_MAGIC):
            raise appearance.mismatch(head, expected)
        is_packed = True
    checks = _TEXTS if is_packed else _CHECKS
    check = checks.get(inner, _check_nothing)
    if inner in _JSON:  # the only format that is decoded
        decode = functools.partial(json_document.check, shapes=shapes)
        return gzip_file.check(content, decode) if is_packed else decode(content)
    if is_packed:
        gzip_file.check(content, check)
    else:
        check(content)
    return {}


def _check_nothing(content: Content) -> None:
    """Accept any content."""
