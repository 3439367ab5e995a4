"""What a provider announces of a version: a value that is the same as before, or another. There is no order in it.

A time is one such value. It is compared with what the same field said when the file, or the listing, was last
confirmed, and with nothing else: not with our clock, another file's time, or a season's. See docs/change.md.

A time has a grain: how long it stays the same while the provider goes on changing things. A second change within the
grain shows in no other value, so what was confirmed less than a grain after its announced time is asked for again.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import functools

__all__ = ["CLOCK_SLACK", "grain_of", "is_settled", "is_time", "read_http_date", "text_of_time"]

CLOCK_SLACK = dt.timedelta(days=1)
"""How far our clock may be off the one that an announced time was read from: time zones, mostly."""

_DAY, _HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
_MINUTE, _SECOND = dt.timedelta(minutes=1), dt.timedelta(seconds=1)


def text_of_time(moment: dt.datetime) -> str:
    """Return the text by which announced times are compared: two moments are equal exactly if their texts are."""
    return (moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC)).isoformat()


def is_time(text: str, moment: dt.datetime) -> bool:
    """Return whether a text is what `text_of_time` writes of a moment.

    To read it takes a tenth of the time of writing it, and that is done for each file of a run.
    """
    try:
        return dt.datetime.fromisoformat(text) == moment
    except ValueError:
        return False


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
    """Return whether what was confirmed cannot have changed again under the same announced time.

    A time in the future says nothing of when the next one comes: it is never settled.

    Args:
        announced: The time that the provider announces; None: it announces none, or another kind of value.
        grain: How long it stays the same; None: as its digits show.
        answered_at: The Date of the provider's answer that confirmed it; None: there was none.
        asked_at: Our clock before that was asked for. It counts only where the provider shows none of its own.
    """
    if announced is None:
        return True
    grain = grain_of(announced) if grain is None else grain
    # Differences, as what a provider writes for "never" may be the last day that there is.
    if answered_at is not None:
        return answered_at - announced >= grain
    return asked_at - announced >= grain + CLOCK_SLACK


@functools.lru_cache(maxsize=4096)  # the files of a match have one date, and so have the answers of one second
def read_http_date(text: str | None) -> dt.datetime | None:
    """Return the moment of a Date or Last-Modified header, in UTC; None if there is none or it cannot be read."""
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
