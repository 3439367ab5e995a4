from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.engine import second_look

PARTS = [
    "Thu, ",
    "01 ",
    "Jan ",
    "1970 ",
    "2099 ",
    "00:00:00 ",
    "GMT",
    "+9999",
    "-",
    "9" * 20,
    " ",
    "99:99",
    ",",
    "24:61 ",
]


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=8).map("".join))
def test_any_date_of_a_provider_is_a_moment_or_none(http_date: str) -> None:
    found = second_look._moment(http_date)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize("http_date", ["2099 Jan 24:61   2099 99999999999999999999 2099"])
def test_a_date_that_no_calendar_holds_is_none(http_date: str) -> None:
    assert second_look._moment(http_date) is None
