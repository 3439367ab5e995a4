"""The order in which datasets are listed: the same each time, and natural for people who look for a match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["listing_order"]

_COMPETITION = ("competition_id", "competition")
_SEASON = ("season_id", "season")
_DATE = ("match_date", "date", "kick_off")

_NOTHING = (2, 0, "")


def listing_order(
    provider: str,
    dataset_type: str,
    identifier: Mapping[str, Any],
    metadata: Mapping[str, Any],
    name: str,
    dataset_id: str = "",
) -> tuple[Any, ...]:
    """Return the sort key of a dataset: provider and type, then competition, season, date, name, keys, and id.

    Competition and season are those of the identifier (`competition_id` or `competition`, `season_id` or `season`),
    else `competition` and `season` of the metadata; the date is `match_date`, `date` or `kick_off` of the metadata,
    else of the identifier. Numbers are sorted by value, `9` before `10`, and before text. A missing value comes last.
    """
    return (
        provider,
        dataset_type,
        _first(_COMPETITION, identifier, metadata),
        _first(_SEASON, identifier, metadata),
        _first(_DATE, metadata, identifier),
        name,
        *(_place(identifier[key]) for key in sorted(identifier)),
        (3, 0, dataset_id),
    )


def _first(keys: tuple[str, ...], *parts: Mapping[str, Any]) -> tuple[int, float, str]:
    for part in parts:
        for key in keys:
            value = part.get(key)
            if value is not None:
                return _place(value)
    return _NOTHING


def _place(value: object) -> tuple[int, float, str]:
    if value is None:
        return _NOTHING
    if isinstance(value, (int, float)):
        return (0, value, "") if value == value else _NOTHING  # NaN has no place
    text = str(value)
    if text.isascii() and text.isdigit():
        return 0, int(text[:400]), text
    return 1, 0, text
