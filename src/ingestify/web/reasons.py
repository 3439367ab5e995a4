"""Reasons of failures, as headings of what failed for the same one."""

from __future__ import annotations

import re

__all__ = ["without_numbers"]

_NUMBERS = re.compile(r"(?<![\w.-])\d(?:[\d.,]*\d)?(?![\w-])")


def without_numbers(reason: str) -> str:
    """Return a reason with `…` for each number: `it has 7 bytes` and `it has 9 bytes` are one reason."""
    return _NUMBERS.sub("…", reason)
