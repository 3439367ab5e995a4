"""The only clock: the current moment, in UTC."""

from __future__ import annotations

import datetime as dt

__all__ = ["as_utc", "now"]


def now() -> dt.datetime:
    """Return the current moment as an aware datetime in UTC, microsecond precision."""
    return dt.datetime.now(dt.UTC)


def as_utc(moment: dt.datetime) -> dt.datetime:
    """Return `moment` in UTC. A naive datetime is taken to be UTC, as providers mean it."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC)
