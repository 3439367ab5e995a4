from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time

import pytest

from ingestify import clock
from ingestify.domain.ports import IndexReading
from ingestify.fetch.current_context import activated, current_context
from ingestify.sources.recent_response import RecentResponse
from tests.unit.sources.answers import in_run


def test_those_who_ask_at_once_share_an_answer_and_later_ones_get_a_new_one():
    moment = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    answer, count = RecentResponse[int](kept_seconds=5), iter(range(9))
    with clock.reading(lambda: moment):
        assert [answer.get(lambda: next(count)) for _ in range(3)] == [0, 0, 0]
        moment += dt.timedelta(seconds=5)
        assert answer.get(lambda: next(count)) == 1
        moment -= dt.timedelta(hours=1)
        assert answer.get(lambda: next(count)) == 2, "a clock that was set back keeps nothing for an hour"


def test_an_error_is_not_kept():
    answer = RecentResponse[int]()
    with pytest.raises(ZeroDivisionError):
        answer.get(lambda: 1 // 0)
    assert answer.get(lambda: 1) == 1


def test_while_one_asks_the_others_wait():
    answer, asked, may_answer, got = RecentResponse[int](), threading.Event(), threading.Event(), []

    def ask() -> int:
        asked.set()
        assert may_answer.wait(30)
        return 7

    first = threading.Thread(target=lambda: got.append(answer.get(ask)))
    first.start()
    assert asked.wait(30)
    second = threading.Thread(target=lambda: got.append(answer.get(lambda: 8)))
    second.start()
    may_answer.set()
    first.join(30)
    second.join(30)
    assert got == [7, 7]


def test_a_run_shares_no_answer_with_the_one_before_it():
    answer, count = RecentResponse[int](), iter(range(9))
    for number in range(2):
        with in_run():
            assert [answer.get(lambda: next(count)) for _ in range(2)] == [number, number]


def test_one_of_a_run_is_kept_as_long_as_the_run_goes_on():
    moment = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    answer, count = RecentResponse[int](of_run=True), iter(range(9))

    def get(url: str = "") -> int:
        return answer.get(lambda: next(count), url)

    with clock.reading(lambda: moment):
        with in_run():
            assert get() == 0
            moment += dt.timedelta(hours=1)
            assert get() == 0
            with activated(None, dataclasses.replace(current_context(), index=IndexReading(time.monotonic()))):
                assert get() == 1, "the index is read once more"
            assert get() == 1
            assert get("another") == 2, "at another commit"
        assert [get(), get()] == [3, 3]
        moment += dt.timedelta(seconds=5)
        assert get() == 4, "nobody knows when it is over"
