"""Names with wildcards: `*/events.json`.

`*` and `?` stay within a folder, `**` crosses folders; all other characters stand for themselves.
"""

from __future__ import annotations

import functools
import re

__all__ = ["matches"]

_WILDCARD = re.compile(r"\*\*|\*|\?|[^*?]+")


def matches(pattern: str, name: str) -> bool:
    """Return whether a whole name matches a pattern. The time grows with the product of their lengths."""
    places = {0}
    for piece in _pieces(pattern):
        if piece in ("*", "**"):
            places = _stretched(places, name, crosses_folders=piece == "**")
        elif piece == "?":
            places = {place + 1 for place in places if place < len(name) and name[place] != "/"}
        else:
            places = {place + len(piece) for place in places if name.startswith(piece, place)}
        if not places:
            return False
    return len(name) in places


def _stretched(places: set[int], name: str, *, crosses_folders: bool) -> set[int]:
    """Return where a wildcard can end that begins at one of these places."""
    ends: set[int] = set()
    is_open = False
    for place in range(len(name) + 1):
        is_open = is_open or place in places
        if is_open:
            ends.add(place)
        if place < len(name) and name[place] == "/" and not crosses_folders:
            is_open = False
    return ends


@functools.lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[str, ...]:
    return tuple(_WILDCARD.findall(pattern))
