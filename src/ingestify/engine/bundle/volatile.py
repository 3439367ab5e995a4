"""Compares two responses for one file: a body may hold values that are made anew for each response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["Differences", "differences_between", "differs_each_time_alike"]

Differences = frozenset[str]
"""Where two JSON texts differ: the path of each value that differs."""

MOST_PLACES = 100_000


def differences_between(before: bytes, after: bytes) -> Differences | None:
    """Return where two JSON texts differ. None: one of them is not JSON, or they differ in too many places."""
    try:
        places = []
        for place in _iter_places(json.loads(before), json.loads(after), "$"):
            places.append(place)
            if len(places) > MOST_PLACES:
                return None
    except (ValueError, RecursionError):
        return None
    return frozenset(places)


def _iter_places(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            inner = f"{path}.{key}"
            if key in before and key in after:
                yield from _iter_places(before[key], after[key], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _iter_places(one, other, f"{path}[{number}]")
    elif before != after or type(before) is not type(after):
        yield path


def differs_each_time_alike(earlier: Differences | None, later: Differences | None) -> bool:
    """Return whether two responses differ only in places in which the two before them differed, too.

    None: they cannot be compared. Then it is taken to be so.
    """
    return earlier is None or later is None or later <= earlier
