"""Text that every database keeps whole and every screen shows, and what is made of other text."""

from __future__ import annotations

import re

__all__ = ["JSON_BRACKETS", "depth_of_json", "is_storable", "storable"]

_HALF = re.compile("[\ud800-\udfff]")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
"""Finds what nests in a JSON text; it finds each text too, so that none is looked into."""


def is_storable(text: str) -> bool:
    """Whether every database keeps it whole: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    return text.isascii() or _HALF.search(text) is None


def storable(text: str, most: int | None = None) -> str:
    """Return a text for people such that it can be stored and shown: what no database keeps becomes `�`.

    Args:
        most: After so many characters it is cut, and ends in `…`.
    """
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    return text if is_storable(text) else _NO_TEXT.sub("\ufffd", text)


def depth_of_json(text: str) -> int:
    """Return how deep the lists and objects of a JSON text are nested."""
    depth = deepest = 0
    for found in JSON_BRACKETS.finditer(text):
        step = found[0]
        if step in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif step in "]}":
            depth -= 1
    return deepest
