"""Parses times in ISO 8601."""

from __future__ import annotations

import datetime as dt

from ingestify.clock import as_utc
from ingestify.domain.announcement import read_iso_time
from ingestify.errors import SourceError

__all__ = ["get_time"]


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
