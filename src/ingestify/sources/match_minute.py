"""The minute of a match as people write it: `63`, and `45+2` in what was added to a half."""

from __future__ import annotations

from typing import Any

__all__ = ["minute_text"]

_LAST_MINUTES = {1: 45, 2: 90, 3: 105, 4: 120}


def minute_text(minute: Any, period: Any) -> str | None:
    """Return the minute; None if it is no number.

    Args:
        minute: The whole minutes since the kick-off, where the second half begins with 45, and so on.
        period: 1 and 2 are the halves, 3 and 4 those of extra time; in any other one nothing is added to a half.
    """
    if not str(minute).isdecimal():
        return None
    last = _LAST_MINUTES.get(int(period)) if str(period).isdecimal() else None
    number = int(minute)
    return f"{last}+{number - last}" if last is not None and number >= last else str(number)
