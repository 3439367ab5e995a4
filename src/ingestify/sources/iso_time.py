"""Parses times in ISO 8601, also some that Python does not parse."""

from __future__ import annotations

import datetime as dt
import re

from ingestify.clock import as_utc
from ingestify.errors import SourceError

__all__ = ["get_time", "read_iso_time"]

_LEAP_SECOND = re.compile(r"([T ]\d\d(:?)\d\d\2)60(?=$|[.,Z+\- ])")
_MIDNIGHT = re.compile(r"(?P<date>.+[T ])24(?P<rest>(?::?00){0,2}(?:[.,]0+)?(?:Z|[+-][\d:]+)?)")


def read_iso_time(text: str) -> dt.datetime:
    """Return the time of a text, without a zone if the text has none.

    A leap second, `23:59:60`, becomes the second before it; `24:00` is the midnight at the end of its day
    (ISO 8601-1:2019).

    Raises:
        ValueError: The text is no ISO 8601 time.
        OverflowError: The time lies outside of the years 1 to 9999.
    """
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        if (midnight := _MIDNIGHT.fullmatch(text)) is not None:
            return dt.datetime.fromisoformat(f"{midnight['date']}00{midnight['rest']}") + dt.timedelta(days=1)
        if _LEAP_SECOND.search(text) is not None:
            return dt.datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59", text, count=1))
        raise


def get_time(text: object, what: str) -> dt.datetime:
    """Return the time of a text in UTC; a text without a zone is UTC.

    Args:
        text: An ISO 8601 time.
        what: The name of its entry, for the error.

    Raises:
        SourceError: The text is no ISO 8601 time.
    """
    try:
        if not isinstance(text, str):
            raise TypeError("no text")
        return as_utc(read_iso_time(text))
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{what} has the time {str(text)[:60]!r}, which is no ISO 8601 time.") from error
