from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.ports import Response
from ingestify.errors import FetchError, SourceError
from ingestify.sources import wyscout_changes
from ingestify.sources.wyscout_changes import WyscoutChanges, as_rome_time
from tests.unit.sources.answers import Answer

ROME = zoneinfo.ZoneInfo("Europe/Rome")
NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("utc", "rome"),
    [
        ("2026-01-15T12:00", "2026-01-15 13:00:00"),
        ("2026-07-15T12:00", "2026-07-15 14:00:00"),
        # Spring: 02:00 to 03:00 does not exist in Rome.
        ("2026-03-29T00:59", "2026-03-29 01:59:00"),
        ("2026-03-29T01:00", "2026-03-29 03:00:00"),
        # Autumn: 02:00 to 03:00 comes twice, so the last time before it is said.
        ("2026-10-24T23:59", "2026-10-25 01:59:00"),
        ("2026-10-25T00:00", "2026-10-25 01:30:00"),
        ("2026-10-25T01:30", "2026-10-25 01:30:00"),
        ("2026-10-25T02:00", "2026-10-25 03:00:00"),
    ],
)
def test_times_are_those_of_rome(utc: str, rome: str):
    assert as_rome_time(dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)) == rome


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2037, 1, 1)))
def test_no_change_after_the_time_is_left_out_however_it_is_read(moment: dt.datetime):
    moment = moment.replace(microsecond=0, tzinfo=dt.UTC)
    local = dt.datetime.fromisoformat(as_rome_time(moment))
    for fold in (0, 1):
        read = local.replace(tzinfo=ROME, fold=fold).astimezone(dt.UTC)
        assert moment - dt.timedelta(hours=2, minutes=30) <= read <= moment


class Feed:
    """A feed of changes with these answers by (path, type)."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, path: str, pager: Callable[[Response], str | None], params: dict[str, Any]) -> Iterator[Any]:
        self.asked.append((path, params))
        if (path, params["type"]) not in self.answers:
            raise FetchError(f"GET {path}: status 404", url=path, status=404)
        yield Answer(self.answers[path, params["type"]])


def split(matches: Any = (), events: Any = (), deleted: Any = ()) -> Feed:
    return Feed(
        {
            ("updatedobjects/updated", "matches"): {"matches": matches or []},
            ("updatedobjects/updated", "matchevents"): {"matchevents": events or []},
            ("updatedobjects/deleted", "matches"): {"matches": deleted or []},
            ("updatedobjects/deleted", "matchevents"): {"matchevents": []},
        }
    )


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyscout_changes, "now", lambda: NOW)


def test_matches_of_which_anything_changed_are_found_in_either_form():
    feed = split([1], {"2": {"wyId": 2}}, [3])
    changes = WyscoutChanges(feed).since(NOW - dt.timedelta(hours=5))
    assert changes is not None
    assert changes.match_ids == {"1", "2", "3"}
    assert changes.asked_at == NOW
    assert changes.since == dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
    assert {params["updated_since"] for _, params in feed.asked} == {"2026-03-10 07:00:00"}


def test_the_older_feed_is_requested_if_the_newer_is_missing():
    feed = Feed({("updatedobjects", "matches"): {"matches": [4]}, ("updatedobjects", "matchevents"): {}})
    changes = WyscoutChanges(feed).since(NOW - dt.timedelta(hours=5))
    assert changes is not None
    assert changes.match_ids == {"4"}


def test_the_seasons_of_a_run_share_one_list_of_changes():
    feed = split()
    changes = WyscoutChanges(feed)
    moment = NOW - dt.timedelta(hours=5)
    assert changes.since(moment) is changes.since(moment + dt.timedelta(minutes=10))
    assert len(feed.asked) == 4
    changes.since(moment - dt.timedelta(hours=3))
    assert len(feed.asked) == 8, "what goes further back is another look"


def test_changes_before_the_beginning_of_the_feed_are_not_requested():
    feed = split()
    # 168 hours, and our clock may be a day behind the one that said since when.
    assert WyscoutChanges(feed).since(NOW - dt.timedelta(hours=143)) is None
    assert feed.asked == []
    assert WyscoutChanges(feed).since(NOW - dt.timedelta(hours=140)) is not None


def test_a_time_in_the_future_means_that_each_match_is_requested():
    feed = split()
    assert WyscoutChanges(feed).since(NOW + dt.timedelta(hours=3)) is None
    assert feed.asked == []


def test_a_feed_without_readable_ids_means_that_each_match_is_requested(caplog: pytest.LogCaptureFixture):
    assert WyscoutChanges(split([1, None, 2])).since(NOW - dt.timedelta(hours=5)) is None
    assert "'None' among its ids. So each match is requested" in caplog.text


@pytest.mark.parametrize("answer", [[], {"matches": "none"}, {"matches": {"a": 1}}, {"matches": [None]}])
def test_a_response_without_a_list_of_ids_is_a_source_error(answer: Any):
    feed = split()
    feed.answers["updatedobjects/updated", "matches"] = answer
    with pytest.raises(SourceError, match="no list of ids"):
        WyscoutChanges(feed).since(NOW)


def test_another_error_of_the_feed_is_that_error():
    class Down(Feed):
        def __call__(self, path: str, pager: Any, params: dict[str, Any]) -> Iterator[Any]:
            raise FetchError("down", url=path, status=503)
            yield

    with pytest.raises(FetchError, match="down"):
        WyscoutChanges(Down({})).since(NOW)
