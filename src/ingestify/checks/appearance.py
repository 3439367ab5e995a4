"""Recognises a file's format by its bytes, whatever its declared format is."""

from __future__ import annotations

import re

from ingestify.checks.problem import Problem, excerpt

__all__ = ["UTF8_BOM", "check_any", "mismatch", "seeming"]

UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

HTML_FORMATS = frozenset({"htm", "html", "xhtml"})

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: a pointer is smaller than 1024 bytes.
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_BYTES = 1024

# Possessive, so that a hostile page full of comments takes no time.
_PROLOGUE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype\s+html|html)(?=[\s>/]|$)", re.IGNORECASE)
_MARKUP = re.compile(rb"<[?!/A-Za-z_:]")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a Matroska video"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document of the old kind"),
)
_BEGINNINGS = tuple(signature for signature, _ in _SIGNATURES)
# Printable signatures: a text can begin with them, so they count only for a binary file.
_PRINTABLE_SIGNATURES = (
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF file"),
)


def binary_kind(head: bytes) -> str:
    """Return the kind of a binary file, such as `a ZIP archive`; empty if its signature is unknown or printable."""
    if head.startswith(_BEGINNINGS):
        return next(name for signature, name in _SIGNATURES if head.startswith(signature))
    return "an MP4 video" if head[:1] == b"\0" and head[4:8] == b"ftyp" else ""


def is_html(head: bytes) -> bool:
    """Return whether an HTML page begins with `head`. An XML declaration and comments may come first."""
    if not head.lstrip(UTF8_BOM).lstrip().startswith(b"<"):
        return False
    start = _PROLOGUE.match(head)
    return bool(_HTML.match(head, start.end() if start else 0))


def is_page_instead(head: bytes, serialization_format: str) -> bool:
    """Return whether an HTML page begins with `head`, and the format (in lower case) is not HTML."""
    return serialization_format not in HTML_FORMATS and is_html(head)


def looks_like_json(head: bytes) -> bool:
    """Return whether a JSON object or array begins with `head`."""
    return re.match(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])', head.removeprefix(UTF8_BOM)) is not None


def looks_like_markup(head: bytes) -> bool:
    """Return whether XML or HTML begins with `head`."""
    return _MARKUP.match(head.removeprefix(UTF8_BOM).lstrip()) is not None


def seeming(head: bytes) -> str:
    """Return the kind of a file by its beginning: `an HTML page`, `JSON`, `a ZIP archive` or `text`."""
    if kind := binary_kind(head):
        return kind
    if head.startswith(UTF16_BOMS):
        return "text in UTF-16"
    if is_html(head):
        return "an HTML page"
    if looks_like_markup(head):
        return "XML"
    if looks_like_json(head):
        return "JSON"
    if head.strip() and not _NOT_TEXT.search(head):
        return "text"
    for signature, name in _PRINTABLE_SIGNATURES:
        if head.startswith(signature):
            return name
    return "binary data" if head.strip() else "white space"


def mismatch(head: bytes, expected: str) -> Problem:
    """Return the Problem that a file is not of the expected kind, such as `JSON`."""
    kind = seeming(head)
    text = f"it is {kind}, not {expected}"
    if kind == "white space":
        return Problem(f"it holds only white space, and no {expected}")
    if kind == "binary data":
        return Problem(f"{text}: it begins with the bytes {head[:8].hex(' ')}")
    if kind in ("an HTML page", "XML", "JSON", "text"):
        return Problem(f"{text}: it begins {excerpt(head)}")
    return Problem(text)


def check_any(head: bytes, size: int, serialization_format: str, expected: str) -> None:
    """Raise a Problem if a file of any format is empty, a Git LFS pointer, or an unexpected HTML page.

    Args:
        head: The first 16 KiB.
        size: The size in bytes.
        serialization_format: The last part of the format, in lower case; may be empty.
        expected: The expected kind, for people.
    """
    if not head:
        raise Problem("it is empty")
    if size < _LFS_BYTES and head.startswith(_LFS_POINTER):
        raise Problem("it is a Git LFS pointer, not the file itself")
    if is_page_instead(head, serialization_format):
        raise mismatch(head, expected)
