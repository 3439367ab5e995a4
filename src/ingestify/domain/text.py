"""Text that every database can store and every screen can show.

A catalogue stores three kinds of text, in every database in the same way:

- A name, which identifies something (`problem_of_name`): refused if it is too long or cannot be stored.
- A text for people (`storable`): characters that cannot be stored are replaced, and a long text is cut.
- JSON (`catalogue.rows.json_text`): characters that cannot be stored are escaped.
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
"""The most characters of the name of a bucket, a provider or a dataset type."""

LONGEST_NAME = 255
"""The most characters of other names: of sources, of readers of the event log, and of people who decide."""


_NO_TEXT = re.compile("[\0\ud800-\udfff]")

JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
"""Finds the brackets of a JSON text. It matches strings too, so that brackets inside of them are skipped."""


def is_storable(text: str) -> bool:
    """Whether every database can store it: it has no NUL, and no half of a surrogate pair."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()  # twenty times as fast as a search
    except UnicodeEncodeError:
        return False
    return True


def problem_of_name(name: object, most: int = LONGEST_NAME) -> str | None:
    """Return why a catalogue cannot store a name, as the end of a sentence; None: it can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}; it must be text"
    if not name:
        return "is empty"
    if len(name) > most:
        return f"has {len(name):,} characters; {most} is the most that a catalogue keeps"
    if not is_storable(name):
        return "holds a NUL or half of a character, which no database keeps"
    return None


def storable(text: str, most: int | None = None) -> str:
    """Return a text for people that can be stored and shown: other characters become `�`.

    Args:
        text: Any text.
        most: The most characters; a longer text is cut, and ends in `…`.
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
