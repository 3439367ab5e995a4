"""What differs between two answers for one file: a body may hold something that is made anew for each answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["Differences", "differences_between", "differs_each_time_alike"]

Differences = frozenset[str]
"""Where two JSON texts differ: the way to each value that is another one."""

MOST_PLACES = 100_000


def differences_between(before: bytes, after: bytes) -> Differences | None:
    """Return where two JSON texts differ; None if one of them is none, or if that is in more places than are kept."""
    try:
        places = []
        for place in _iter_places(json.loads(before), json.loads(after), "$"):
            places.append(place)
            if len(places) > MOST_PLACES:
                return None
    except (ValueError, RecursionError):
        return None
    return frozenset(places)


def _iter_places(before: Any, after: Any, way: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            inner = f"{way}.{key}"
            if key in before and key in after:
                yield from _iter_places(before[key], after[key], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _iter_places(one, other, f"{way}[{number}]")
    elif before != after or type(before) is not type(after):
        yield way


def differs_each_time_alike(earlier: Differences | None, later: Differences | None) -> bool:
    """Return whether nothing differs between two answers but what differed between the two before them, too.

    None says that they cannot be compared: then nothing speaks against it.
    """
    return earlier is None or later is None or later <= earlier
