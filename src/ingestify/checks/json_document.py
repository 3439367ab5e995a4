"""A JSON file: one strict document that is no error of the provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.checks import strict_json
from ingestify.checks.appearance import UTF8_BOM, mismatch
from ingestify.checks.content import HEAD_BYTES, Content, iter_chunks
from ingestify.checks.error_response import find_error
from ingestify.checks.problem import Problem
from ingestify.checks.text import Utf8

__all__ = ["check"]

WHOLE_BYTES = 512 << 20
"""The largest JSON that is read as a whole."""

_CLOSING = {ord("{"): ord("}"), ord("["): ord("]"), ord('"'): ord('"')}
_SPACE = b" \t\r\n"


def check(content: Content, shapes: Sequence[Any] = ()) -> Mapping[Any, Any]:
    """Return a JSON file's content, decoded into each of `shapes` that it fits.

    A file of up to 512 MB is read as a whole. A larger file is only checked in one pass: that it is UTF-8, has no NUL
    byte, and ends with the bracket that closes the first one. It is not decoded.

    Raises:
        Problem: The file is not strict JSON, or only says that an error occurred.
    """
    is_large = content.size is not None and content.size > WHOLE_BYTES
    body = b"" if is_large else content.read(WHOLE_BYTES + 1)
    if is_large or len(body) > WHOLE_BYTES:
        del body
        _check_large(content)
        return {}
    start = len(UTF8_BOM) if body.startswith(UTF8_BOM) else 0
    text = body[start:] if start else body
    parsed = strict_json.decode(text, shapes, start=start)
    if error := find_error(text):
        raise Problem(f"the provider sent an error instead of the file: {error}")
    return parsed


def _check_large(content: Content) -> None:
    first = last = -1
    position = 0
    reader = Utf8()
    with content.open() as stream:
        for chunk in iter_chunks(stream):
            reader.feed(chunk)
            zero = chunk.find(0)
            if zero >= 0:
                raise Problem(f"it holds a NUL byte, which no JSON has, at byte {position + zero}")
            text = chunk.strip(_SPACE) if position else chunk.removeprefix(UTF8_BOM).strip(_SPACE)
            if text:
                if first < 0:
                    first = text[0]
                    if first not in _CLOSING:
                        raise mismatch(text[:HEAD_BYTES], "JSON")
                last = text[-1]
            position += len(chunk)
    reader.end()
    if first < 0:
        raise mismatch(content.head(), "JSON")
    if last != _CLOSING.get(first):
        raise Problem(f"the JSON breaks off at byte {position}: it begins with {chr(first)} and ends with {chr(last)}")
