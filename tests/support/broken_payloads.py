"""Payloads of which one key is missing, or has another value."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

_VALUES: tuple[Any, ...] = (
    None,
    True,
    7,
    2.0,
    1.5,
    "text",
    ["text"],
    [1],
    [None],
    {"an": "object"},
    {"a": ["b"]},
    [],
    {},
)


def iter_broken(payload: Any) -> Iterator[tuple[Any, str]]:
    """Yield each payload with what is broken in it; some are right by chance, such as `[]` in place of a list."""
    for path in _paths(payload, ()):
        yield _changed(payload, path, None, removes=True), f"without {path}"
        for value in _VALUES:
            yield _changed(payload, path, value), f"{value!r} as {path}"


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from _paths(below, (*path, key))


def _changed(payload: Any, path: tuple[Any, ...], value: Any, *, removes: bool = False) -> Any:
    changed = copy.deepcopy(payload)
    target = changed
    for key in path[:-1]:
        target = target[key]
    if removes:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return changed
