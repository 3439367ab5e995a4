from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ingestify.sources.recheck_schedule import last_recheck_time, missing_recheck_seconds

BEGAN = dt.datetime(2026, 3, 7, 19, 45, tzinfo=dt.UTC)


def test_a_file_is_due_after_twice_the_time():
    hours = [0, 2.9, 3, 5.9, 6, 11, 12, 24, 47, 48]
    found = [
        (last_recheck_time(BEGAN, BEGAN + dt.timedelta(hours=age)) - BEGAN) / dt.timedelta(hours=1) for age in hours
    ]
    assert found == [0, 0, 3, 3, 6, 6, 12, 24, 24, 48]


@given(st.floats(0, 30 * 365), st.floats(0, 30 * 365))
def test_the_due_time_is_past_and_never_goes_back(one: float, other: float):
    first, second = sorted(BEGAN + dt.timedelta(days=days) for days in (one, other))
    assert BEGAN <= last_recheck_time(BEGAN, first) <= last_recheck_time(BEGAN, second) <= second


def test_a_match_of_ten_years_ago_was_due_fifteen_times():
    ten_years = [BEGAN + dt.timedelta(hours=number) for number in range(24 * 3650)]
    assert len({last_recheck_time(BEGAN, at) for at in ten_years[::3]}) <= 16


def test_an_absence_is_believed_for_a_tenth_of_the_age():
    assert missing_recheck_seconds(BEGAN, BEGAN) == 900
    assert missing_recheck_seconds(BEGAN, BEGAN + dt.timedelta(days=10)) == 86_400
