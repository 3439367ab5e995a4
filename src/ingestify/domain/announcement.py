"""The version that a provider announces for a file or a listing: a value that is equal to the last one, or different.

Announced values have no order. A time is one kind of announced value. It is compared only with the value of the same
field when the file, or the listing, was last confirmed; never with the local clock, or with the time of another file or
of a season. See docs/change.md.

A time has a grain: how long it stays the same while the provider goes on changing the file. A second change within one
grain is announced with the same time. So a file that was confirmed less than a grain after its announced time is
requested again.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import functools
import re

from ingestify.clock import as_utc

__all__ = [
    "CLOCK_SLACK",
    "grain_of",
    "is_settled",
    "is_time",
    "read_http_date",
    "read_iso_time",
    "read_time",
    "text_of_time",
    "text_of_times_until",
]

CLOCK_SLACK = dt.timedelta(days=1)
"""The largest difference between the local clock and the clock of an announced time; it is mostly a time zone."""

_DAY, _HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
_MINUTE, _SECOND = dt.timedelta(minutes=1), dt.timedelta(seconds=1)


_LEAP_SECOND = re.compile(r"([T ]\d\d(:?)\d\d\2)60(?=$|[.,Z+\- ])")
_MIDNIGHT = re.compile(r"(?P<date>.+[T ])24(?P<rest>(?::?00){0,2}(?:[.,]0+)?(?:Z|[+-][\d:]+)?)")
_FIRST_MILLISECONDS = 1e11
"""A number from this on counts milliseconds since 1970; as seconds it would be the year 5138."""


def read_time(value: object) -> dt.datetime | None:
    """Return a time in UTC: of a datetime, an ISO 8601 text, or a number of seconds or milliseconds since 1970.

    A time without a zone is UTC. An empty text is no time.

    Raises:
        ValueError: It is none of these.
        OverflowError: The time lies outside of the years 1 to 9999.
    """
    if isinstance(value, dt.datetime):  # mostly
        return as_utc(value)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = read_iso_time(value.strip())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) >= _FIRST_MILLISECONDS else value
        value = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    if not isinstance(value, dt.datetime):
        raise ValueError("it is no datetime, no ISO 8601 text, and no number of seconds since 1970")
    return as_utc(value)


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


def text_of_time(moment: dt.datetime) -> str:
    """Return the text by which announced times are compared: two moments are equal exactly if their texts are."""
    return (moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC)).isoformat()


_UNTIL = "up to "


def text_of_times_until(moment: dt.datetime) -> str:
    """Return a text that stands for each time up to a moment. Only adopted datasets have it (`domain.adopted`)."""
    return _UNTIL + text_of_time(moment)


def is_time(text: str, moment: dt.datetime) -> bool:
    """Return whether a text stands for a moment: `text_of_time` wrote it, or `text_of_times_until` for a later one.

    Parsing takes a tenth of the time of writing, and a run does this for each file.
    """
    try:
        return dt.datetime.fromisoformat(text) == moment
    except ValueError:
        return text.startswith(_UNTIL) and moment <= dt.datetime.fromisoformat(text[len(_UNTIL) :])


def grain_of(moment: dt.datetime) -> dt.timedelta:
    """Return the coarsest grain that a time may have, by its digits: midnight may be a date, 18:00 an hour."""
    if moment.microsecond:
        return dt.timedelta(microseconds=1 if moment.microsecond % 1000 else 1000)
    if moment.second:
        return _SECOND
    if moment.minute:
        return _MINUTE
    return _HOUR if moment.hour else _DAY


def is_settled(
    announced: dt.datetime | None,
    grain: dt.timedelta | None,
    *,
    answered_at: dt.datetime | None,
    asked_at: dt.datetime,
) -> bool:
    """Return whether a confirmed version cannot have changed again under the same announced time.

    A time in the future is never settled, as it does not tell when the next one comes.

    Args:
        announced: The time that the provider announces; None: it announces none, or another kind of value.
        grain: How long it stays the same; None: as its digits show.
        answered_at: The Date header of the response that confirmed it; None: there was none.
        asked_at: The local clock before that request. It counts only if the response had no Date header.
    """
    if announced is None:
        return True
    grain = grain_of(announced) if grain is None else grain
    # The code compares differences, as some providers write the last possible day for "never".
    if answered_at is not None:
        return answered_at - announced >= grain
    return asked_at - announced >= grain + CLOCK_SLACK


@functools.lru_cache(maxsize=4096)  # the files of a match share a date, and so do the responses of one second
def read_http_date(text: str | None) -> dt.datetime | None:
    """Return the moment of a Date or Last-Modified header, in UTC; None if there is none or it cannot be read."""
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
