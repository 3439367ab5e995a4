"""Is a change to a dataset worth a commit?"""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ingestify import Dataset, DatasetState, Identifier
from ingestify.domain.change import DatasetChange, Settlement, apply_change
from ingestify.domain.file import NO_VALIDATORS, FeedState, Validators
from ingestify.errors import SourceError

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
SEEN = FeedState("events__v1", True, NOON, Validators('"a"'), NOON, "url")
FIRST = DatasetChange(
    bucket="main",
    provider="fake",
    dataset_type="match",
    identifier=Identifier({"match_id": 1}),
    name="match 1",
    state=DatasetState.COMPLETE,
    metadata={"home": "Ajax", "away": "PSV"},
    existing=None,
    feeds=[SEEN],
)


@pytest.fixture
def dataset() -> Dataset:
    return apply_change(FIRST, NOON).dataset


def test_a_dataset_that_the_lake_has_not_is_news():
    assert FIRST.is_news


def test_a_dataset_that_is_as_it_was_is_none(dataset):
    assert not dataclasses.replace(FIRST, existing=dataset, metadata={"away": "PSV", "home": "Ajax"}).is_news


@pytest.mark.parametrize(
    "differs",
    [
        {"name": "match one"},
        {"state": DatasetState.PARTIAL},
        {"metadata": {"home": "Ajax"}},
        {"missing_feeds": ("lineups",)},
        {"rejected": ("it is empty",)},
        {"settlement": Settlement("1")},
    ],
)
def test_whatever_differs_is_news(dataset, differs):
    assert dataclasses.replace(FIRST, existing=dataset, **differs).is_news


@pytest.mark.parametrize(
    "differs",
    [
        {"modified_at": NOON + dt.timedelta(hours=1)},
        {"validators": NO_VALIDATORS},
        {"asked_for": "another url"},
        {"present": False},
        {"file_id": "lineups__v1"},
    ],
)
def test_a_look_that_found_something_else_is_news(dataset, differs):
    assert dataclasses.replace(FIRST, existing=dataset, feeds=[dataclasses.replace(SEEN, **differs)]).is_news


def test_a_later_look_that_found_the_same_is_no_news_and_one_at_what_is_not_there_is(dataset):
    later = dataclasses.replace(SEEN, checked_at=NOON + dt.timedelta(days=1))
    assert not dataclasses.replace(FIRST, existing=dataset, feeds=[later]).is_news
    absent = dataclasses.replace(SEEN, present=False)
    assert dataclasses.replace(absent, checked_at=later.checked_at).is_news_after(absent)


def test_metadata_that_stays_is_kept_as_it_came_in(dataset):
    """A lake of an older version may hold a NaN, which nothing new may bring."""
    before = dataclasses.replace(dataset, metadata={"xg": float("nan")})
    renamed = dataclasses.replace(FIRST, existing=before, metadata=before.metadata, name="match one")
    assert apply_change(renamed, NOON).dataset.name == "match one"
    with pytest.raises(SourceError, match="finite"):
        apply_change(dataclasses.replace(renamed, metadata={"xg": float("nan")}), NOON)
