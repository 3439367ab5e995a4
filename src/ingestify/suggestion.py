"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return `; did you mean 'season_id'?` for the known name that is most like `name`, or an empty string.

    Args:
        name: The name that is not known. Case is ignored.
        known: The known names.
        likeness: The least similarity, from 0 to 1.
    """
    # A longer word is no misspelt name, and difflib is quadratic.
    if len(name) > 100:
        return ""
    by_lower = {each.lower(): each for each in known}
    similar = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=likeness)
    return f"; did you mean '{by_lower[similar[0]]}'?" if similar else ""
