"""JSON of an index, read such that one value which cannot be kept takes nothing else with it.

RFC 8259 sets no limit to numbers and nesting, and Python does: a whole number of 4,301 digits, or a thousand lists in
each other, would make an index of a season unreadable. Such a value is read as a number that is none (infinite, or
NaN), which no dataset can be described by: its own entry fails, if it needs it, and the others come in.

What a text becomes in memory is estimated before it is read: `[],[],…` takes 26 times its bytes, lists in each other 45
times, an entry of a provider's index 4 times. The estimate is at least that, and for such an entry it is 7 times.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ingestify.domain.text import JSON_BRACKETS

__all__ = ["MOST_INDEX_BYTES", "TooLarge", "read_json"]

MOST_INDEX_BYTES = 128_000_000
"""What an index may take in memory, unless its source says more: some 30 MB of JSON, 40,000 matches and more."""

MOST_LEVELS = 200
"""Deeper than that, a value is not looked into where Python's own limit was met."""


# Measured with CPython 3.12, and rounded up: what a list, an object and a value of one of them take.
_LIST_BYTES, _OBJECT_BYTES, _VALUE_BYTES = 104, 200, 80
_MOST_BYTES_OF_ONE = 200
_WIDEST = re.compile(rb"[\xf0-\xf4]")  # begins a character that makes the whole of its text take 4 bytes for each


class TooLarge(ValueError):
    """A JSON text would take too much memory."""


def read_json(content: bytes, most_bytes: int = MOST_INDEX_BYTES) -> Any:
    """Return the values of a JSON text.

    Args:
        most_bytes: What they may take in memory, by estimate.

    Raises:
        TooLarge: They would take more.
        ValueError: It is no JSON.
        RecursionError: It is nested too deep as a whole.
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
    """Return what the values of a JSON text take in memory at most, its own text while it is read included."""
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
        return float(digits)  # infinite, as JSON's 1e400 is to Python


def _cut(text: str) -> str:
    """Return a JSON text with NaN in place of what lies too deep."""
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
