"""Parses the times of changes, in the formats that providers use, and finds their precision."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import re
import zoneinfo
from collections.abc import Iterator
from typing import Any

from ingestify.domain.announcement import grain_of, read_iso_time
from ingestify.errors import ConfigurationError, SourceError

__all__ = ["FORMATS", "get_zone", "grain_of_format", "read_timestamp"]

FORMATS = ("iso", "epoch", "epoch_milliseconds", "http")
"""The formats with a name; any other format must have a % and is one of strptime."""


def get_zone(name: str) -> dt.tzinfo:
    """Return a time zone by its name, such as Europe/Rome.

    Raises:
        ConfigurationError: There is no zone of that name.
    """
    if name.upper() == "UTC":
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"there is no time zone '{name}'; write one such as Europe/Rome or UTC (where the system has no time "
            f"zones, install the package tzdata)."
        ) from error


def read_timestamp(value: Any, time_format: str, zone: dt.tzinfo) -> dt.datetime | None:
    """Return a time in UTC; None for null and for an empty text.

    Args:
        value: The provider's value.
        time_format: One of FORMATS, or a format of strptime.
        zone: The zone of a time without an offset. In autumn, when an hour comes twice, the first hour is meant.

    Raises:
        SourceError: The value does not have the format.
    """
    if value is None or value == "":
        return None
    with _unreadable_as_error(value, time_format):
        moment = _read(value, time_format)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(dt.UTC)


_MICROSECOND, _SECOND, _MINUTE = dt.timedelta(microseconds=1), dt.timedelta(seconds=1), dt.timedelta(minutes=1)
_HOUR, _DAY, _WEEK = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=7)

_GRAINS_OF_DIRECTIVES = (
    ("f", _MICROSECOND),
    ("STXcsr", _SECOND),
    ("MR", _MINUTE),
    ("HI", _HOUR),
    ("djxDFaAwue", _DAY),
    ("UWV", _WEEK),
    ("mbB", dt.timedelta(days=31)),
)
"""Directives of strptime to their precision. The finest one in a format decides; without any it is a year."""

_ISO_TIME = re.compile(r"[T ](\d\d)(?::?(\d\d)(?::?(\d\d))?)?")
_ISO_WEEK = re.compile(r"\d{4}-?W\d\d")


def grain_of_format(time_format: str, value: Any, zone: dt.tzinfo = dt.UTC) -> dt.timedelta | None:
    """Return the precision of a time: how long it stays the same while files may change.

    The precision is that of the format, or that of the digits if these are coarser: midnight may be a date that was
    written as a time. In autumn, in the hour that comes twice, an hour is added. None for null and for an empty text.

    Args:
        time_format: The format, as for `read_timestamp`.
        value: The provider's value.
        zone: The zone of a time without an offset.

    Raises:
        SourceError: The value does not have the format.
    """
    if value is None or value == "":
        return None
    with _unreadable_as_error(value, time_format):
        moment = _read(value, time_format)
        return max(_grain_of_text(time_format, str(value)), grain_of(moment)) + _repeated(moment, zone)


@contextlib.contextmanager
def _unreadable_as_error(value: Any, time_format: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise SourceError(f"the time {str(value)[:60]!r} is not written as {time_format}") from error


def _repeated(moment: dt.datetime, zone: dt.tzinfo) -> dt.timedelta:
    """Return how far the clock goes back in the hour of a time without an offset; mostly nothing."""
    if moment.tzinfo is not None:
        return dt.timedelta(0)
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return dt.timedelta(0) if first is None or second is None else max(first - second, dt.timedelta(0))


def _grain_of_text(time_format: str, text: str) -> dt.timedelta:
    if time_format in ("epoch", "epoch_milliseconds", "http"):
        return _MICROSECOND if time_format != "http" else _SECOND  # the digits say more
    if time_format == "iso":
        return _grain_of_iso(text.strip())
    directives = {one for one in re.findall(r"%[-#:]?(.)", time_format) if one != "%"}
    for finest, grain in _GRAINS_OF_DIRECTIVES:
        if directives & set(finest):
            return grain
    return dt.timedelta(days=366)


def _grain_of_iso(text: str) -> dt.timedelta:
    time = _ISO_TIME.search(text)
    if time is None:
        return _WEEK if _ISO_WEEK.fullmatch(text) else _DAY
    _, minutes, seconds = time.groups()
    return _HOUR if minutes is None else _MINUTE if seconds is None else _MICROSECOND


def _read(value: Any, time_format: str) -> dt.datetime:
    if time_format.startswith("epoch"):
        if isinstance(value, bool):
            raise ValueError("no number")
        seconds = float(value) / (1000 if time_format == "epoch_milliseconds" else 1)
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=seconds)
    if not isinstance(value, str):
        raise TypeError("no text")
    if time_format == "iso":
        return read_iso_time(value.strip())
    if time_format == "http":
        return email.utils.parsedate_to_datetime(value)
    return dt.datetime.strptime(value.strip(), time_format)
