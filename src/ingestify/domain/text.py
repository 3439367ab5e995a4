"""Text that every database keeps whole and every screen shows, and what is made of other text.

What comes into a catalogue is one of three, in every kind of database the same:

- A name, by which things are told apart (`problem_of_name`): refused if it is too long or cannot be kept.
- A text for people (`storable`): kept as far as it can be, and cut where a column has an end.
- JSON (`catalogue.rows.json_text`): what cannot be kept as it is, is escaped.
"""

from __future__ import annotations

import re

__all__ = [
    "JSON_BRACKETS",
    "LONGEST_KIND",
    "LONGEST_NAME",
    "depth_of_json",
    "is_storable",
    "problem_of_name",
    "storable",
]

LONGEST_KIND = 64
"""How many characters the name of a bucket, a provider or a dataset type may have."""

LONGEST_NAME = 255
"""How many other names may have: those of sources, of readers of the event log, and of people who decide."""


_HALF = re.compile("[\ud800-\udfff]")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
"""Finds what nests in a JSON text; it finds each text too, so that none is looked into."""


def is_storable(text: str) -> bool:
    """Whether every database keeps it whole: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    return text.isascii() or _HALF.search(text) is None


def problem_of_name(name: object, most: int = LONGEST_NAME) -> str | None:
    """Return why a catalogue cannot keep a name, to be put behind it; None: it can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}; it must be text"
    if len(name) > most:
        return f"has {len(name):,} characters; {most} is the most that a catalogue keeps"
    if not is_storable(name):
        return "holds a NUL or half of a character, which no database keeps"
    return None


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
