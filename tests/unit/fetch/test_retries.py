from __future__ import annotations

import datetime as dt
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.clock import now
from ingestify.fetch.retries import RETRIED_STATUSES, backoff_seconds, retry_after_seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("7", 7.0), (" 120 ", 120.0), ("1.5", 1.5), ("999999999", 999999999.0)],
)
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    assert retry_after_seconds(value) == seconds


@pytest.mark.parametrize("value", [None, "", "-1", "soon", "1e9", "NaN", "inf", "٣", "9" * 30, "Tue", "Mon, 99 Foo"])
def test_a_retry_after_that_says_nothing_is_ignored(value: str | None) -> None:
    assert retry_after_seconds(value) is None


def test_retry_after_as_a_date_counts_from_now() -> None:
    value = email.utils.format_datetime(now() + dt.timedelta(seconds=90), usegmt=True)
    seconds = retry_after_seconds(value)
    assert seconds is not None
    assert 88 < seconds <= 90


def test_a_date_counts_from_the_providers_own_clock_if_it_tells_it() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT") == 30


def test_a_date_that_is_past_is_no_wait() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@given(st.text())
def test_any_text_is_a_number_of_seconds_or_nothing(text: str) -> None:
    seconds = retry_after_seconds(text)
    assert seconds is None or seconds >= 0


@given(st.integers(min_value=0, max_value=999_999_999))
def test_every_whole_number_of_seconds_is_understood(number: int) -> None:
    assert retry_after_seconds(str(number)) == number


@given(
    st.datetimes(min_value=dt.datetime(1970, 1, 1), max_value=dt.datetime(2200, 1, 1)),
    st.integers(min_value=0, max_value=10_000_000),
)
def test_every_date_is_understood(moment: dt.datetime, seconds: int) -> None:
    sent = moment.replace(microsecond=0, tzinfo=dt.UTC)
    until = sent + dt.timedelta(seconds=seconds)
    dates = [email.utils.format_datetime(one, usegmt=True) for one in (until, sent)]
    assert retry_after_seconds(dates[0], dates[1]) == seconds


@given(st.integers(min_value=1, max_value=10_000))
def test_backoff_has_full_jitter_below_its_ceiling(attempt: int) -> None:
    assert 0 <= backoff_seconds(attempt, 0.5, 30) <= min(30, 0.5 * 2 ** min(attempt - 1, 100))


def test_what_another_try_will_not_change_is_not_retried() -> None:
    assert sorted(RETRIED_STATUSES) == [408, 429, 500, 502, 503, 504]
