"""New files are compared with those of before."""

from __future__ import annotations

from typing import Any

import pytest

from ingestify import ConfigurationError
from ingestify.checks.drift import Drift
from ingestify.domain.profile import FileProfile


class File:
    def __init__(self, feed: str, *, is_new: bool) -> None:
        self.data_feed_key, self.is_new = feed, is_new


class Bundle:
    """A match with one new file of events, whose profiles a test sets."""

    dataset_type = "match"

    def __init__(self, now: FileProfile, earlier: Any = (), others: Any = (), *, is_new: bool = True) -> None:
        self.files = {"events__v1": File("events", is_new=is_new)}
        self._now, self._earlier, self._others = now, earlier, others

    def profile(self, file_id: str) -> FileProfile:
        return self._now

    def earlier_profiles(self, file_id: str) -> Any:
        return self._earlier

    def other_profiles(self, file_id: str) -> Any:
        return self._others


def counted(rows: int | None, size: int = 100_000, **nulls: int) -> FileProfile:
    return FileProfile("events__v1", size, rows, nulls)


def found(*profiles: Any, check: Drift | None = None, **options: Any) -> list[str]:
    return list((check or Drift()).find_problems(Bundle(*profiles, **options)))


SEASON = [counted(rows, 1_000 * rows) for rows in (2900, 3400, 3300, 4100, 3500)]


def test_half_of_the_usual_rows_is_said_with_what_is_usual():
    assert found(counted(1200), (), SEASON) == [
        "events: 1,200 rows; the 5 other matches of the competition have 2,900 to 4,100, the median is 3,400"
    ]
    assert found(counted(1200), [counted(3400)]) == ["events: 1,200 rows; its earlier revision has 3,400"]
    assert found(counted(1200), [counted(3400), counted(3300)]) == [
        "events: 1,200 rows; its 2 earlier revisions have 3,300 to 3,400, the median is 3,350"
    ]


@pytest.mark.parametrize("rows", [2900, 2500, 4100, 5000])
def test_a_record_of_the_season_that_is_near_is_nothing(rows: int):
    assert found(counted(rows, 1_000 * rows), (), SEASON) == []


def test_what_was_seen_before_is_nothing_however_far_it_is():
    assert found(counted(100, 100_000), (), [*SEASON, counted(90, 90_000)]) == []


def test_few_other_matches_are_no_comparison():
    assert found(counted(1), (), SEASON[:4]) == []


def test_the_size_is_said_where_the_rows_do_not_say_it():
    assert found(counted(3400, 90), (), SEASON) == [
        "events: 90 bytes; the 5 other matches of the competition have 2,900,000 to 4,100,000, the median is 3,400,000"
    ]
    assert found(counted(None, 90), [counted(None, 100_000)]) == ["events: 90 bytes; its earlier revision has 100,000"]


def test_columns_that_come_and_go_are_said():
    before = [counted(100, minute=0, player=50)]
    assert found(counted(100, minute=0, shirt=10), before) == [
        "events: the column 'player' is gone; its earlier revision has it",
        "events: the column 'shirt' is new; its earlier revision does not have it",
    ]
    season = [counted(100, minute=0, player=50) for _ in range(5)]
    assert found(counted(100, minute=0, player=50, shirt=10), (), season) == [
        "events: the column 'shirt' is new; the 5 other matches of the competition do not have it"
    ]
    assert found(counted(100, minute=0, shirt=10), before, check=Drift(columns=False)) == []


def test_a_rare_column_may_come_and_go():
    before = [counted(1000, minute=0, injury=995)]
    assert found(counted(1000, minute=0), before) == []
    assert found(counted(1000, minute=0, own_goal=999), [counted(1000, minute=0)]) == []


def test_a_column_that_some_have_and_some_not_is_nothing():
    season = [*(counted(100, minute=0, note=0) for _ in range(4)), counted(100, minute=0)]
    assert found(counted(100, minute=0), (), season) == []
    assert found(counted(100, minute=0, note=0), (), season) == []


def test_values_that_are_lacking_are_said():
    before = [counted(200, location=2)]
    assert found(counted(200, location=126), before) == [
        "events: the column 'location' has no value in 63% of the rows; its earlier revision has none in 1%"
    ]
    assert found(counted(200, location=30), before) == []
    assert found(counted(200, location=30), before, check=Drift(nulls=0.1)) != []
    assert found(counted(3, location=3), [counted(3, location=0)]) == [], "a share of three rows says nothing"


def test_an_empty_file_beside_full_ones_is_said_once():
    assert found(counted(0, 2), [counted(100, minute=0)]) == ["events: 0 rows; its earlier revision has 100"]


def test_a_file_that_was_there_and_a_feed_that_is_not_named_are_not_compared():
    assert found(counted(1), [counted(100)], is_new=False) == []
    assert found(counted(1), [counted(100)], check=Drift(feeds=["lineups"])) == []
    assert found(counted(1), [counted(100)], check=Drift(feeds="events")) != []


@pytest.mark.parametrize("wrong", [{"rows": -1}, {"size": "much"}, {"nulls": float("nan")}, {"rows": True}])
def test_a_limit_that_is_no_share_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ConfigurationError, match=f"ingestify.drift: {next(iter(wrong))} is .*write a share"):
        Drift(**wrong)
