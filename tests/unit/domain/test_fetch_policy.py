from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ingestify import DatasetResource, DatasetSummary, FetchPolicy, RevisionState
from ingestify.clock import now
from ingestify.domain.announcement import text_of_time
from ingestify.domain.fetch_policy import why_due
from ingestify.domain.file import NO_VALIDATORS, FeedState, Validators

T = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def feed(name: str, at: dt.datetime | None, *, present: bool = True, checked: dt.datetime = T) -> FeedState:
    announced = None if at is None else text_of_time(at)
    return FeedState(f"{name}__v1", present, at, NO_VALIDATORS, checked, announced=announced)


def summary(*feeds: FeedState) -> DatasetSummary:
    times = [one.modified_at for one in feeds if one.present and one.modified_at]
    return DatasetSummary(max(times, default=None), T, RevisionState.VALID, True, {one.file_id: one for one in feeds})


def resource(**files: dt.datetime | None) -> DatasetResource:
    made = DatasetResource({"match_id": 1}, "match")
    for name, at in files.items():
        made.add_file(at, name, url="https://host/x")
    return made


def skips(known: DatasetSummary, announced: DatasetResource) -> bool:
    return FetchPolicy().can_skip(known, announced)


def test_nothing_moved():
    assert skips(summary(feed("events", T), feed("lineups", T)), resource(events=T, lineups=T))


@pytest.mark.parametrize("hours", [1, -1, 24 * 365 * 36])
def test_a_file_with_another_time_is_due_be_it_later_or_earlier(hours):
    assert not skips(summary(feed("events", T)), resource(events=T + hours * HOUR))


def test_a_time_is_not_compared_with_that_of_another_file():
    known = summary(feed("events", T + 5 * HOUR), feed("lineups", T))
    assert not skips(known, resource(events=T + 5 * HOUR, lineups=T + HOUR))


def test_a_file_whose_time_is_no_longer_announced_is_due():
    assert not skips(summary(feed("events", T)), resource(events=None))


def test_a_file_that_was_confirmed_within_the_grain_of_its_time_is_due():
    known = dataclasses.replace(feed("events", T), settled=False)
    assert not skips(summary(known), resource(events=T))
    assert why_due(resource(events=T).files["events__v1"], known).startswith("was confirmed so soon after 2024-05-01")


def test_what_the_source_knows_to_be_unchanged_is_not_due_whatever_was_announced_before():
    known = dataclasses.replace(feed("events", T), settled=False)
    made = DatasetResource({"match_id": 1}, "match").add_file(
        None, "events", url="https://host/x", known_unchanged=True
    )
    assert skips(summary(known), made)
    assert not skips(summary(), made), "but the lake has not got it"


def test_a_new_file_is_due():
    assert not skips(summary(feed("events", T)), resource(events=T, lineups=T))


def test_a_file_without_a_time_is_always_due():
    assert not skips(summary(feed("events", None)), resource(events=None))


def test_an_invalid_revision_is_due():
    known = dataclasses.replace(summary(feed("events", T)), current_state=RevisionState.VALIDATION_FAILED)
    assert not skips(known, resource(events=T))


def test_a_summary_without_feeds_is_not_sure():
    assert not skips(DatasetSummary(T, T, RevisionState.VALID, True), resource(events=T))


@pytest.mark.parametrize(("ago", "due"), [(10, False), (100, True)])
def test_an_absent_file_is_asked_for_again_after_a_while(ago, due):
    made = DatasetResource({"match_id": 1}, "match").add_file(
        T, "f", url="https://host/x", http_options={"ignore_not_found": True, "recheck_after_seconds": 60}
    )
    known = summary(feed("f", T, present=False, checked=now() - dt.timedelta(seconds=ago)))
    assert skips(known, made) != due


def test_an_absent_file_is_asked_for_in_every_run_unless_the_source_says_otherwise():
    assert not skips(summary(feed("f", T, present=False, checked=now())), resource(f=T))


def test_an_absent_file_whose_time_moved_is_due():
    made = DatasetResource({"match_id": 1}, "match").add_file(
        T + HOUR, "f", url="https://host/x", http_options={"recheck_after_seconds": 10_000}
    )
    assert not skips(summary(feed("f", T, present=False, checked=now())), made)


@pytest.mark.parametrize("present", [True, False])
def test_where_there_is_a_content_version_it_alone_decides(present):
    known = FeedState("events__v1", present, T, Validators("1-2"), T, announced="1-2")
    for version, at, skipped in (("1-2", None, True), ("1-2", T + HOUR, True), ("1-3", T - HOUR, False)):
        announced = DatasetResource({"match_id": 1}, "match")
        announced.add_file(at, "events", file_loader=lambda *_: None, content_version=version)
        assert skips(summary(known), announced) is skipped
