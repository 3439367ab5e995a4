"""JSON by the letter (RFC 8259), read once.

Of a file of match events of 3 MB, msgspec checks every byte in 2 ms and decodes the ids in 3, where the standard
library's parser, which takes NaN for JSON, needs 35. What msgspec does not do is done here: the bytes of strings that
it skips are not checked to be UTF-8, and half of a surrogate pair, which RFC 8259 allows, is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingestify.checks.appearance import mismatch
from ingestify.checks.problem import Problem, excerpt
from ingestify.checks.text import check_utf8

if TYPE_CHECKING:
    import msgspec

__all__ = ["decode"]

_SPACE = b" \t\r\n"
_WORD_BYTES = 1000
_ENDS_OF_WORDS = (b'"', b",", b" ", b"\n", b"\t", b"\r")
_BEGINS_JSON = re.compile(rb'["\[{\-0-9tfn]')
_NOT_A_NUMBER = re.compile(rb"-?(?:NaN|Infinity)")
_POSITION = re.compile(r"^(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?$", re.DOTALL)
_SURROGATE = re.compile(
    rb"(\\[^u]"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def decode(body: bytes, shapes: Sequence[Any] = (), *, start: int = 0) -> dict[Any, Any]:
    """Return a document decoded into each of `shapes` that it has.

    Args:
        body: The document, without a byte order mark.
        shapes: msgspec types. One that msgspec cannot decode into is left out, as one that does not fit is.
        start: The position of `body` in its file, for what people read.

    Raises:
        Problem: It is not JSON by the letter, or is nested deeper than Python can follow: about 1,000 levels, less
            those of the calls that led here.
    """
    import msgspec  # it takes a while, and only a run needs it

    try:
        check_utf8(body, start)
        try:
            return _decode(body, shapes)
        except msgspec.DecodeError:
            # Half a surrogate pair is JSON, and what the standard library writes for a cut emoji.
            whole = _SURROGATE.sub(lambda found: found[1] or rb"\ufffd", body) if _has_surrogates(body) else body
            if whole == body:
                raise
            return _decode(whole, shapes)
    except msgspec.DecodeError as error:
        raise _problem(body, start, str(error)) from error
    except RecursionError as error:
        raise Problem("the JSON is nested too deeply to be read") from error
    except Problem:
        # What is no JSON at all is better told by what it is than by its first byte that is not UTF-8.
        if not _BEGINS_JSON.match(body.lstrip(_SPACE)[:1]):
            raise mismatch(body[:1024], "JSON") from None
        raise


def _decode(body: bytes, shapes: Sequence[Any]) -> dict[Any, Any]:
    import msgspec

    parsed: dict[Any, Any] = {}
    for shape in shapes:
        decoder = _find_decoder(shape)
        if decoder is not None:
            try:
                parsed[shape] = decoder.decode(body)
            except msgspec.ValidationError:  # it has another shape, and so says nothing of what comes after
                continue
    if not parsed:
        _strict_decoder().decode(body)
    return parsed


def _find_decoder(shape: Any) -> msgspec.json.Decoder[Any] | None:
    try:
        return _decoder(shape)
    except (TypeError, ValueError, NameError):  # the check that asked for it hears of it when it reads the file
        return None


@functools.lru_cache(maxsize=256)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    import msgspec

    return msgspec.json.Decoder(shape)


@functools.cache
def _strict_decoder() -> msgspec.json.Decoder[Any]:
    """Return a decoder that checks everything and builds nothing."""
    import msgspec

    return msgspec.json.Decoder(msgspec.Raw)


def _has_surrogates(body: bytes) -> bool:
    return b"\\ud" in body or b"\\uD" in body


def _problem(body: bytes, start: int, said: str) -> Problem:
    """Say what is wrong where, from what msgspec says of it."""
    text = body.lstrip(_SPACE)
    if not text:
        return Problem("it holds nothing but white space, and no JSON")
    zero = body.find(b"\0")
    if zero >= 0 and _BEGINS_JSON.match(text[:1]):
        return Problem(f"it holds a NUL byte, which no JSON has, at byte {start + zero}")
    not_a_number = _NOT_A_NUMBER.match(text)
    if not _BEGINS_JSON.match(text[:1]) and not not_a_number:
        return mismatch(body[:1024], "JSON")
    if "truncated" in said:
        return Problem(f"the JSON breaks off at byte {start + len(body)}")
    found = _POSITION.match(said)
    reason, position = (found[1], int(found[2] or 0)) if found else (said, 0)
    if reason == "trailing characters":  # of these msgspec names the second byte, and of -Infinity
        position -= 1
    first = position - 1 if body[position - 1 : position] == b"-" else position
    if not_a_number := _NOT_A_NUMBER.match(body, first):
        return Problem(f"it holds {not_a_number[0].decode()}, which no JSON has, at byte {start + first}")
    return Problem(f"the JSON is broken at byte {start + position} ({reason}), near {_near(body, position)}")


def _near(body: bytes, position: int) -> str:
    """Return the word at a position and what follows it: the second half of a URL is not known to hold a secret."""
    first = max(0, position - _WORD_BYTES)
    begin = max(first, *(body.rfind(end, first, position) for end in _ENDS_OF_WORDS))
    return excerpt(body[begin : position + _WORD_BYTES])
