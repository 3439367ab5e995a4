"""The JSON of an index, read so that one value that Python cannot read does not make the whole index unreadable.

RFC 8259 sets no limit to numbers and nesting, and Python does: a whole number of 4,301 digits, or a thousand nested
lists, would be an error. Such a value is read as infinity or NaN, which no dataset can be described by. The entry that
needs it fails, and all other entries are read.

The memory that the values take is estimated before they are read. `[],[],…` takes 26 times its bytes, nested lists take
45 times, an entry of a provider's index 4 times. The estimate is never lower; for such an entry it is 7 times.

msgspec reads what it can, and what it refuses goes to the standard library: NaN, 1e400, half of a surrogate pair,
UTF-16. What msgspec reads has the same value there.
"""

from __future__ import annotations

import codecs
import functools
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from ingestify.domain.text import JSON_BRACKETS

if TYPE_CHECKING:
    import msgspec

__all__ = ["MOST_INDEX_BYTES", "TooLarge", "read_entries", "read_json"]

MOST_INDEX_BYTES = 128_000_000
"""How much memory an index may take, unless its source sets more: some 30 MB of JSON, for 40,000 matches and more."""

MOST_LEVELS = 200
"""Where Python's own limit is met, values that are nested deeper than this become NaN."""

# Measured with CPython 3.12, and rounded up: the bytes of a list, of an object, and of one value in them.
_LIST_BYTES, _OBJECT_BYTES, _VALUE_BYTES = 104, 200, 80
_MOST_BYTES_OF_ONE = 200
_WIDEST = (
    b"\xf0",
    b"\xf1",
    b"\xf2",
    b"\xf3",
    b"\xf4",
)  # begin a character because of which all of its text take 4 bytes


class TooLarge(ValueError):
    """A JSON text would take too much memory."""


def read_json(content: bytes, most_bytes: int = MOST_INDEX_BYTES) -> Any:
    """Return the values of a JSON text.

    Args:
        content: The text, in UTF-8, UTF-16 or UTF-32.
        most_bytes: How much memory the values may take, by estimate.

    Raises:
        TooLarge: The values would take more memory.
        ValueError: The text is not JSON.
        RecursionError: The whole text is nested too deep.
    """
    _check_size(content, most_bytes)
    return _read(content)


class _Entries(Sequence[Any]):
    """The entries of a JSON list, each of which is read anew whenever it is asked for.

    Args:
        raws: The text of each entry, which is valid JSON.
    """

    def __init__(self, raws: list[msgspec.Raw]) -> None:
        self._raws = raws

    def __len__(self) -> int:
        return len(self._raws)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> _Entries: ...
    def __getitem__(self, index: int | slice) -> Any:
        return _Entries(self._raws[index]) if isinstance(index, slice) else _read(self._raws[index])

    def __iter__(self) -> Iterator[Any]:
        return map(_read, self._raws)


def read_entries(content: bytes, most_bytes: int = MOST_INDEX_BYTES) -> Any:
    """Return the same as `read_json`, but the entries of a list are read one by one, when they are asked for.

    They are not kept, so that an index takes little more memory than its text. All of it was found to be JSON before.

    Returns:
        A sequence of the entries if the text is a list; else its value.
    """
    import msgspec

    _check_size(content, most_bytes)
    try:
        _check_utf8(content)
        return _Entries(_decoder(list[msgspec.Raw]).decode(content))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read(content)


def _check_size(content: bytes, most_bytes: int) -> None:
    if len(content) * _MOST_BYTES_OF_ONE > most_bytes and (needed := _estimate(content)) > most_bytes:
        raise TooLarge(f"its {len(content):,} bytes of JSON would take about {needed // 1_000_000:,} MB of memory")


_STEP_BYTES = 1 << 16


def _check_utf8(content: bytes) -> None:
    """Check what msgspec does not look at when it skips a text. In pieces, as a text takes up to four times its bytes.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    if not content.isascii():
        decode = codecs.getincrementaldecoder("utf-8")().decode
        for begin in range(0, len(content), _STEP_BYTES):
            decode(content[begin : begin + _STEP_BYTES])
        decode(b"", True)


@functools.cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    import msgspec  # it takes a while, and only a run needs it

    return msgspec.json.Decoder(shape)


def _read(content: bytes | msgspec.Raw) -> Any:
    import msgspec

    try:
        return _decoder(Any).decode(content)
    except (msgspec.MsgspecError, RecursionError):
        return _read_unusual(bytes(content))


def _read_unusual(content: bytes) -> Any:
    """Return the values of a JSON text that msgspec refuses."""
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError):
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        return json.loads(_cut(text), parse_int=_whole_number)


def _estimate(content: bytes) -> int:
    """Return how many bytes of memory reading a JSON text takes at most: its values, and the text meanwhile."""
    width = 1 if content.isascii() else 4 if any(byte in content for byte in _WIDEST) else 2
    values = (
        (content.count(b"["), _LIST_BYTES),
        (content.count(b"{"), _OBJECT_BYTES),
        (content.count(b","), _VALUE_BYTES),
    )
    return 2 * width * len(content) + sum(count * size for count, size in values)


def _whole_number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)  # infinity, as Python reads JSON's 1e400


def _cut(text: str) -> str:
    """Return a JSON text with NaN in place of each value that is nested too deep."""
    kept: list[str] = []
    depth = begin = 0
    for found in JSON_BRACKETS.finditer(text):
        step = found[0]
        if step in "[{":
            depth += 1
            if depth == MOST_LEVELS + 1:
                kept.append(text[begin : found.start()])
        elif step in "]}":
            depth -= 1
            if depth == MOST_LEVELS:
                kept.append("NaN")
                begin = found.end()
    kept.append(text[begin:] if depth <= MOST_LEVELS else "")
    return "".join(kept)
