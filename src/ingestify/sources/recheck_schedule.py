"""When a file is asked for again whose provider never says that it changed."""

from __future__ import annotations

import datetime as dt

__all__ = ["last_recheck_time", "missing_recheck_seconds"]

FIRST_RECHECK = dt.timedelta(hours=3)
"""Providers deliver within hours of a match; each further look comes after twice the time."""

SOONEST_SECONDS = 900.0


def last_recheck_time(began: dt.datetime, at: dt.datetime) -> dt.datetime:
    """Return what to announce as the time of a file: when it was last due to be looked at.

    That is 3, 6, 12, 24, … hours after its match began: corrections are made soon or never, and so a match of last week
    is asked for every few days, and one of ten years ago hardly ever. Between two looks the time stands still.

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
    """Return how long it is believed that a file is not there: a tenth of its match's age, 15 minutes at least."""
    return max(SOONEST_SECONDS, (at - began).total_seconds() / 10)
