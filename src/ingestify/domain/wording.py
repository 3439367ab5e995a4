"""The words for datasets and filters in messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ingestify.domain.selector import filter_values

__all__ = ["MOST_LISTED", "counted_datasets", "filter_text", "in_short", "listed", "noun", "values_there"]

_PLURALS = {"match": ("match", "matches"), "video": ("video", "videos")}

_SHOWN_VALUES = 5

_LONGEST = 100
"""The most characters of a name or a value in a message."""

MOST_LISTED = 12
"""The most names, or values, in a list of a message."""


def noun(dataset_types: Iterable[str], count: int) -> str:
    """Return `matches`, or `datasets` where there are several types or an unknown one."""
    types = set(dataset_types)
    singular, plural = _PLURALS.get(next(iter(types)) if len(types) == 1 else "", ("dataset", "datasets"))
    return singular if count == 1 else plural


def counted_datasets(dataset_types: Iterable[str], count: int) -> str:
    """Return `1 match`, `1,267 matches`."""
    return f"{count:,} {noun(dataset_types, count)}"


def filter_text(filters: Mapping[str, Any], separator: str = " ") -> str:
    """Return filters as people write them: `competition_id=11 match_id=12,13`; of many values, the first."""
    return separator.join(f"{key}={_values_text(value)}" for key, value in filters.items())


def _values_text(value: object) -> str:
    values = filter_values(value)
    if not values:
        return "[]"
    more = len(values) - _SHOWN_VALUES
    shown = ",".join(map(in_short, values[:_SHOWN_VALUES]))
    return f"{shown} and {more:,} more" if more > 0 else shown


def in_short(value: object) -> str:
    """Return a name or a value for a message: only the beginning of a long one."""
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def listed(names: Sequence[str]) -> str:
    """Return `match, video`; of many names, the first."""
    more = len(names) - MOST_LISTED
    shown = ", ".join(map(in_short, names[:MOST_LISTED]))
    return f"{shown} and {more:,} more" if more > 0 else shown


def values_there(key: str, values: Collection[str]) -> str:
    """Return ` There is season_id=90,91.`; empty if there are many values, or none."""
    if not 0 < len(values) <= MOST_LISTED:
        return ""
    return f" There is {key}={','.join(map(in_short, sorted(values, key=_in_order)))}."


def _in_order(value: str) -> tuple[int, str]:
    return (int(value), "") if value.isdecimal() and len(value) < 20 else (0, value)
