"""The periods of a football match: the minutes with which they begin, and after which stoppage time begins."""

from __future__ import annotations

__all__ = ["FIRST_MINUTES", "LAST_MINUTES"]

FIRST_MINUTES = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}
"""Period to the minute with which it begins. The fifth one is the penalty shoot-out."""

LAST_MINUTES = {1: 45, 2: 90, 3: 105, 4: 120}
"""Period to the minute after which its stoppage time begins."""
