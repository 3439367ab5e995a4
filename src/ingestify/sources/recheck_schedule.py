"""When a file is requested again, if its provider does not say that it changed."""

from __future__ import annotations

import datetime as dt

__all__ = ["last_recheck_time", "missing_recheck_seconds"]

FIRST_RECHECK = dt.timedelta(hours=3)
"""Providers deliver within hours of a match; each later request comes after twice the time."""

SOONEST_SECONDS = 900.0


def last_recheck_time(began: dt.datetime, at: dt.datetime) -> dt.datetime:
    """Return the time to announce for a file: the last time at which it was due.

    A file is due 3, 6, 12, 24, … hours after the kick-off. Corrections come soon or never, so a match of last week is
    requested every few days, and one of ten years ago hardly ever. Between two due times the result is the same.

    Args:
        began: The kick-off, in UTC.
        at: Now, in UTC.
    """
    due, step = began, FIRST_RECHECK
    while began + step <= at:
        due = began + step
        step *= 2
    return due


def missing_recheck_seconds(began: dt.datetime, at: dt.datetime) -> float:
    """Return how long a missing file is not requested again: a tenth of its match's age, at least 15 minutes.

    Args:
        began: The kick-off, in UTC.
        at: Now, in UTC.
    """
    return max(SOONEST_SECONDS, (at - began).total_seconds() / 10)
