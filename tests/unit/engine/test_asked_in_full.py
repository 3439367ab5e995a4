"""What is asked for in full although nothing is announced: what was invalidated, and what somebody asks for."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestify import RevisionState
from ingestify.clock import now
from ingestify.domain.bundle import BundleTypes
from ingestify.engine.bundle.bundle_rules import BundleRules
from tests.support.lake_in_memory import FunctionSource, Lake
from tests.support.scripted_provider import Provider

from .two_feeds import Files, entries, versions


@pytest.fixture
def files(web: Provider) -> Files:
    return Files(web)


@pytest.fixture
def lake(files: Files) -> Lake:
    made = Lake(FunctionSource(files.find))
    made.engine.load()
    files.web.asked.clear()
    return made


def conditions(files: Files) -> list[bool]:
    """Whether each request since the last look was a conditional one."""
    asked = [one.headers.get("if-none-match") is not None for one in files.web.asked]
    files.web.asked.clear()
    return asked


def test_an_invalidated_revision_whose_bytes_come_back_equal_is_confirmed_and_left_alone(lake: Lake, files: Files):
    (dataset,) = lake.datasets
    lake.engine.store.invalidate_revision(dataset, "the score is wrong")
    assert lake.engine.load().totals.unchanged == 1
    assert conditions(files) == [False, False]
    (dataset,) = lake.datasets
    assert dataset.revisions[-1].state is RevisionState.CONFIRMED
    assert dataset.revisions[-1].description == "the score is wrong"
    assert lake.engine.load().totals.unchanged == 1
    assert conditions(files) == []


@pytest.mark.slow
def test_it_is_asked_for_in_full_until_all_of_it_came(lake: Lake, files: Files):
    (dataset,) = lake.datasets
    lake.engine.store.invalidate_revision(dataset, "the score is wrong")
    files.serve(lineups=b"<html>busy</html>")
    assert lake.engine.load().totals.failed == 1
    assert lake.datasets[0].revisions[-1].state is RevisionState.VALIDATION_FAILED
    files.serve(lineups={"version": 1})
    conditions(files)
    lake.engine.load()
    assert conditions(files) == [False, False]
    assert lake.datasets[0].revisions[-1].state is RevisionState.CONFIRMED


def test_other_bytes_are_a_revision_as_ever(lake: Lake, files: Files):
    (dataset,) = lake.datasets
    lake.engine.store.invalidate_revision(dataset, "the score is wrong")
    files.serve(events={"version": 2})
    assert lake.engine.load().totals.revised == 1
    assert [one.state for one in lake.datasets[0].revisions] == [RevisionState.VALIDATION_FAILED, RevisionState.VALID]


def test_what_was_confirmed_can_be_invalidated_again(lake: Lake, files: Files):
    for _ in range(2):
        (dataset,) = lake.datasets
        lake.engine.store.invalidate_revision(dataset, "still wrong")
        conditions(files)
        lake.engine.load()
        assert conditions(files) == [False, False]
    assert lake.recorder.types.count("revision_invalidated") == 2


def test_an_invalidation_counts_also_after_a_run_with_a_clock_that_was_ahead(
    lake: Lake, files: Files, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ingestify.engine.ingest.known_files.now", lambda: now() + dt.timedelta(hours=1))
    files.at = 1
    lake.engine.load()
    monkeypatch.undo()
    lake.engine.store.invalidate_revision(lake.datasets[0], "damaged")
    conditions(files)
    lake.engine.load()
    assert conditions(files) == [False, False]


def test_what_somebody_asks_for_is_fetched_without_conditions(lake: Lake, files: Files):
    assert lake.engine.load(refetch=True, match_id=1).totals.unchanged == 1
    assert conditions(files) == [False, False]
    assert lake.engine.load(match_id=1).totals.unchanged == 1
    assert conditions(files) == []
    files.serve(events={"version": 2})
    assert lake.engine.load(match_id=1).totals.unchanged == 1, "the index says nothing of it"
    assert lake.engine.load(refetch=True, match_id=1).totals.revised == 1


def test_a_file_of_which_little_is_left_waits_in_quarantine(lake: Lake, files: Files):
    files.serve(events={"version": 1, "events": "x" * 5000})
    files.at = 1
    assert lake.engine.load().totals.revised == 1
    files.serve(events=[])
    files.at = 2
    assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    (reason,) = entry.reasons
    assert reason.startswith("events__v1: it has 2 bytes, and had 5,028 in revision 1: less than 0.1 of it")
    assert versions(lake) == (1, 1)
    lake.engine.store.quarantine.accept(entry.entry_id, "a person")
    assert len(lake.datasets[0].revisions) == 3


@pytest.mark.parametrize(("share", "left", "is_suspicious"), [(0, 10, False), (0.5, 2000, True), (0.5, 3000, False)])
def test_how_little_is_a_setting(files: Files, share: float, left: int, is_suspicious: bool):
    files.serve(events={"version": 1, "events": "x" * 5000})
    lake = Lake(FunctionSource(files.find))
    lake.engine._rules = BundleRules(BundleTypes(), shrunk=share)
    lake.engine.load()
    files.serve(events={"version": 1, "events": "x" * left})
    files.at = 1
    assert lake.engine.load().totals.quarantined == is_suspicious
    lake.engine.close()
