"""JSON of an index, read such that one value which cannot be kept takes nothing else with it.

RFC 8259 sets no limit to numbers and nesting, and Python does: a whole number of 4,301 digits, or a thousand lists in
each other, would make an index of a season unreadable. Such a value is read as a number that is none (infinite, or
NaN), which no dataset can be described by: its own entry fails, if it needs it, and the others come in.
"""

from __future__ import annotations

import json
from typing import Any

from ingestify.domain.text import JSON_BRACKETS

__all__ = ["read_json"]

MOST_LEVELS = 200
"""Deeper than that, a value is not looked into where Python's own limit was met."""


def read_json(content: bytes) -> Any:
    """Return the values of a JSON text.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deep as a whole.
    """
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError):
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        return json.loads(_cut(text), parse_int=_whole_number)


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
