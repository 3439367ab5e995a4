from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ingestify import DatasetResource, DatasetSummary, FetchPolicy, RevisionState
from ingestify.clock import now
from ingestify.domain.file import NO_VALIDATORS, FeedState, Validators

T = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def feed(name: str, at: dt.datetime | None, *, present: bool = True, checked: dt.datetime = T) -> FeedState:
    return FeedState(f"{name}__v1", present, at, NO_VALIDATORS, checked)


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


def test_a_newer_file_is_due():
    assert not skips(summary(feed("events", T)), resource(events=T + HOUR))


def test_newer_than_its_file_but_not_than_the_dataset_is_not_due():
    known = summary(feed("events", T + 5 * HOUR), feed("lineups", T))
    assert skips(known, resource(events=T + 5 * HOUR, lineups=T + HOUR))


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
    known = FeedState("events__v1", present, T, Validators("1-2"), T)
    for version, at, skipped in (("1-2", None, True), ("1-2", T + HOUR, True), ("1-3", T - HOUR, False)):
        announced = DatasetResource({"match_id": 1}, "match")
        announced.add_file(at, "events", file_loader=lambda *_: None, content_version=version)
        assert skips(summary(known), announced) is skipped
