"""The minute of a match as people count it and pictures show it: `1` is the first, `45+1` the first after a half."""

from __future__ import annotations

from typing import Any

from ingestify.match_periods import LAST_MINUTES

__all__ = ["minute_text"]

_MOST_DIGITS = 4


def minute_text(minute: Any, period: Any) -> str | None:
    """Return the minute; None if it is no number.

    Args:
        minute: The whole minutes since the kick-off, where the second half begins with 45, and so on.
        period: 1 and 2 are the halves, 3 and 4 those of extra time; in any other one nothing is added to a half.
    """
    number, half = _number(minute), _number(period)
    if number is None:
        return None
    last = None if half is None else LAST_MINUTES.get(half)
    return f"{last}+{number - last + 1}" if last is not None and number >= last else str(number + 1)


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
