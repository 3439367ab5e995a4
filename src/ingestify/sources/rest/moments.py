"""When a provider says something changed, in the ways in which providers write it."""

from __future__ import annotations

import datetime as dt
import email.utils
import zoneinfo
from typing import Any

from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.iso_time import read_iso_time

__all__ = ["FORMATS", "get_zone", "read_moment"]

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


def read_moment(value: Any, form: str, zone: dt.tzinfo) -> dt.datetime | None:
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
