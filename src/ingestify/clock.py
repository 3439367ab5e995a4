"""The only clock: the current moment in UTC, and how time passes for what waits."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

__all__ = ["RealTime", "as_utc", "monotonic", "now", "passing", "reading", "sleep", "utc_text", "wait_for"]

_read: Callable[[], dt.datetime] | None = None


class _Waiter(Protocol):
    """A `threading.Event` or `threading.Condition`."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, and return whether it was told to go on."""


class RealTime:
    """Time as it passes. A test may put another one in its place: see `passing`."""

    monotonic = staticmethod(time.monotonic)
    """Returns seconds that only grow."""

    def wait_for(self, waiter: _Waiter, seconds: float) -> bool:
        """Wait for an event or a condition for so long. Returns whether it came."""
        return waiter.wait(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        time.sleep(seconds)


_time = RealTime()


def monotonic() -> float:
    """Return seconds that only grow, as `time.monotonic` does."""
    return _time.monotonic()


def wait_for(waiter: _Waiter, seconds: float) -> bool:
    """Wait for a `threading.Event` or `threading.Condition` for so long. Returns whether it came."""
    return _time.wait_for(waiter, seconds)


def sleep(seconds: float) -> None:
    """Wait for so long."""
    _time.sleep(seconds)


@contextlib.contextmanager
def passing(other: RealTime) -> Iterator[None]:
    """Let time pass in another way in all threads while the block runs: for tests of what waits."""
    global _time
    before, _time = _time, other
    try:
        yield
    finally:
        _time = before


def now() -> dt.datetime:
    """Return the current moment as an aware datetime in UTC, microsecond precision."""
    return dt.datetime.now(dt.UTC) if _read is None else _read()


def of_server(moment: dt.datetime) -> dt.datetime:
    """Return the moment that the clock of a server shows, in UTC; in a block of `reading`, that of the block."""
    return as_utc(moment) if _read is None else _read()


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


def utc_text(moment: dt.datetime) -> str:
    """Return `2024-05-01T18:30:00.000000Z`: always 27 characters, which sort as moments follow each other."""
    return as_utc(moment).isoformat(timespec="microseconds")[:-6] + "Z"


def moment_of(value: dt.datetime | dt.date | str) -> dt.datetime:
    """Return the moment that a person means, in UTC: `2026-10-31T18:00`, `2026-10-31`, a date or a datetime.

    A day, or a text that names a minute or a second, means its end: all that was there on that day was there, and so
    was what is shown with that time, without its microseconds. A time without a zone is in UTC.

    Raises:
        ValueError: It is no date and no time, or not in the years 1 to 9999. The message shows how one is written.
    """
    if isinstance(value, str):
        value = value.strip()
        try:
            value = dt.date.fromisoformat(value) if len(value) <= len("2026-10-31") else _end_of(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is no date and no time; write it as 2026-10-31 or 2026-10-31T18:00, in UTC."
            ) from None
    if isinstance(value, dt.datetime):
        try:
            return as_utc(value)
        except OverflowError:
            raise ValueError(f"{value.isoformat()!r} is in no year from 1 to 9999 in UTC.") from None
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.max, dt.UTC)
    raise ValueError(f"{value!r} is no date and no time; give a datetime, a date, or a text such as '2026-10-31'.")


_TIME = re.compile(r"[T ]\d\d:?(?P<minute>\d\d)?:?(?P<second>\d\d)?(?P<fraction>[.,])?", re.IGNORECASE)


def _end_of(text: str) -> dt.datetime:
    """Return the end of the hour, the minute or the second that a text names."""
    moment, found = dt.datetime.fromisoformat(text), _TIME.search(text)
    if found is None or found["fraction"]:
        return moment
    minute, second = (moment.minute if found["minute"] else 59), (moment.second if found["second"] else 59)
    return moment.replace(minute=minute, second=second, microsecond=999999)


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length_of_time(text: str) -> dt.timedelta | None:
    """Return the length of `24h`, `90m`, `7d` or `0h`; None: the text has another form."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip().lower())
    return None if found is None else dt.timedelta(**{_UNITS[found[2]]: int(found[1])})


def length_text(length: dt.timedelta) -> str:
    """Return `24h`, `90m` or `30s`, which `length_of_time` reads; parts of a second are left out."""
    seconds = int(length.total_seconds())
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
