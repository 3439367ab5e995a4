"""The JSON of an index, read so that one value that Python cannot read does not make the whole index unreadable.

RFC 8259 sets no limit to numbers and nesting, and Python does: a whole number of 4,301 digits, or a thousand nested
lists, would be an error. Such a value is read as infinity or NaN, which no dataset can be described by. The entry that
needs it fails, and all other entries are read.

The memory that the values take is estimated before they are read. `[],[],…` takes 26 times its bytes, nested lists take
45 times, an entry of a provider's index 4 times. The estimate is never lower; for such an entry it is 7 times.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ingestify.domain.text import JSON_BRACKETS

__all__ = ["MOST_INDEX_BYTES", "TooLarge", "read_json"]

MOST_INDEX_BYTES = 128_000_000
"""How much memory an index may take, unless its source sets more: some 30 MB of JSON, for 40,000 matches and more."""

MOST_LEVELS = 200
"""Where Python's own limit is met, values that are nested deeper than this become NaN."""

# Measured with CPython 3.12, and rounded up: the bytes of a list, of an object, and of one value in them.
_LIST_BYTES, _OBJECT_BYTES, _VALUE_BYTES = 104, 200, 80
_MOST_BYTES_OF_ONE = 200
_WIDEST = re.compile(rb"[\xf0-\xf4]")  # begins a character because of which each one of its text takes 4 bytes


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
    if len(content) * _MOST_BYTES_OF_ONE > most_bytes and (needed := _estimate(content)) > most_bytes:
        raise TooLarge(f"its {len(content):,} bytes of JSON would take about {needed // 1_000_000:,} MB of memory")
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError):
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        return json.loads(_cut(text), parse_int=_whole_number)


def _estimate(content: bytes) -> int:
    """Return how many bytes of memory reading a JSON text takes at most: its values, and the text meanwhile."""
    width = 1 if content.isascii() else 4 if _WIDEST.search(content) else 2
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
