"""The only clock: the current moment, in UTC."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator

__all__ = ["as_utc", "now", "reading"]

_read: Callable[[], dt.datetime] | None = None


def now() -> dt.datetime:
    """Return the current moment as an aware datetime in UTC, microsecond precision."""
    return dt.datetime.now(dt.UTC) if _read is None else _read()


@contextlib.contextmanager
def reading(read: Callable[[], dt.datetime]) -> Iterator[None]:
    """Replace `now` by `read` in all threads while the block runs: for tests of clocks that jump.

    Args:
        read: Returns an aware datetime in UTC. Any thread calls it.
    """
    global _read
    before, _read = _read, read
    try:
        yield
    finally:
        _read = before


def as_utc(moment: dt.datetime) -> dt.datetime:
    """Return `moment` in UTC. A naive datetime counts as UTC, as providers mean it."""
    if moment.tzinfo is dt.UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC)


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length_of_time(text: str) -> dt.timedelta | None:
    """Return the length of `24h`, `90m`, `7d` or `0h`; None: the text has another form."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip().lower())
    return None if found is None else dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
