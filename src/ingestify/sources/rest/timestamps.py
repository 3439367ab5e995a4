"""When a provider says something changed, in the ways in which providers write it."""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import zoneinfo
from typing import Any

from ingestify.domain.announcement import grain_of
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.iso_time import read_iso_time

__all__ = ["FORMATS", "get_zone", "grain_of_format", "read_timestamp"]

FORMATS = ("iso", "epoch", "epoch_milliseconds", "http")
"""The names that a format can have; anything else with a % in it is one of strptime."""


def get_zone(name: str) -> dt.tzinfo:
    """Return a time zone by its name, such as Europe/Rome.

    Raises:
        ConfigurationError: There is none of that name.
    """
    if name.upper() == "UTC":
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"there is no time zone '{name}'; write one such as Europe/Rome or UTC (where the system has no time "
            f"zones, "
            f"install the package tzdata)."
        ) from error


def read_timestamp(value: Any, form: str, zone: dt.tzinfo) -> dt.datetime | None:
    """Return a moment in UTC; None for null and for an empty text.

    Args:
        value: As the provider wrote it.
        form: One of FORMATS, or a format of strptime.
        zone: Where the clock is that shows a time without an offset. Of the hour that a change of the clock brings
            twice, the first is meant.

    Raises:
        SourceError: It is not written like that.
    """
    if value is None or value == "":
        return None
    try:
        moment = _read(value, form)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise SourceError(f"the time {str(value)[:60]!r} is not written as {form}") from error


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
"""The finest that a format of strptime has decides; a year is what is left."""

_ISO_TIME = re.compile(r"[T ](\d\d)(?::?(\d\d)(?::?(\d\d))?)?")
_ISO_WEEK = re.compile(r"\d{4}-?W\d\d")


def grain_of_format(form: str, value: Any, zone: dt.tzinfo = dt.UTC) -> dt.timedelta | None:
    """Return how long a time stays the same while things go on changing, by how it is written.

    That is what the text has no room for, or what its digits leave open, whichever is more: midnight may be a date that
    something wrote out as a time. In the hour that a change of the clock brings twice, it is that hour more. None for
    null and for an empty text.

    Args:
        form: As in `read_timestamp`, like `zone`.

    Raises:
        SourceError: It is not written like that.
    """
    if value is None or value == "":
        return None
    try:
        moment = _read(value, form)
        return max(_grain_of_text(form, str(value)), grain_of(moment)) + _repeated(moment, zone)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise SourceError(f"the time {str(value)[:60]!r} is not written as {form}") from error


def _repeated(moment: dt.datetime, zone: dt.tzinfo) -> dt.timedelta:
    """Return how far the clock goes back in the hour of a time without an offset."""
    if moment.tzinfo is not None:
        return dt.timedelta(0)
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return dt.timedelta(0) if first is None or second is None else max(first - second, dt.timedelta(0))


def _grain_of_text(form: str, text: str) -> dt.timedelta:
    if form in ("epoch", "epoch_milliseconds", "http"):
        return _MICROSECOND if form != "http" else _SECOND  # the digits say more
    if form == "iso":
        return _grain_of_iso(text.strip())
    directives = {one for one in re.findall(r"%[-#:]?(.)", form) if one != "%"}
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


def _read(value: Any, form: str) -> dt.datetime:
    if form.startswith("epoch"):
        if isinstance(value, bool):
            raise ValueError("no number")
        seconds = float(value) / (1000 if form == "epoch_milliseconds" else 1)
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=seconds)
    if not isinstance(value, str):
        raise TypeError("no text")
    if form == "iso":
        return read_iso_time(value.strip())
    if form == "http":
        return email.utils.parsedate_to_datetime(value)
    return dt.datetime.strptime(value.strip(), form)
