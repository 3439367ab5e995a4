"""The lake in short: whether something changed, what there is of what was listed, and how much it takes."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier, canonical_text
from ingestify.domain.overview import CompetitionCoverage, FeedStorage, RequestDay
from ingestify.domain.ports import Catalogue, HostWait, SelectorSync
from ingestify.domain.run import Counters, JobEnd, JobSummary, RunState, TaskOutcome
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    everything,
    feed_state,
    job,
    minutes,
    new_file,
    task,
    with_file,
)

IDENTITY = canonical_text(
    {
        "bucket": "main",
        "source": "mine",
        "provider": "fake",
        "dataset_type": "match",
        "selector": canonical_text({"competition_id": 11, "season_id": 90}),
    }
)


def of_season(match_id: int, **attributes: Any) -> dict[str, Any]:
    identifier = Identifier({"competition_id": 11, "season_id": 90, "match_id": match_id})
    return {"identifier": identifier, **attributes}


def ended(number: int, counters: Counters, **attributes: Any) -> JobSummary:
    values = {
        "selector": {"competition_id": 11, "season_id": 90},
        "state": RunState.FINISHED,
        "started_at": minutes(10 * number),
        "ended_at": minutes(10 * number + 5),
        "counters": counters,
        **attributes,
    }
    one = job(f"j{number}", **values)
    return dataclasses.replace(one, end=JobEnd.of(one, IDENTITY))


def with_retry(catalogue: Catalogue) -> None:
    (entry,) = catalogue.quarantine.iter_entries(everything())
    catalogue.quarantine.request_retry([entry.entry_id])


def with_check(catalogue: Catalogue) -> None:
    (entry,) = catalogue.quarantine.iter_entries(everything())
    catalogue.quarantine.save_check(entry)


def with_discard(catalogue: Catalogue) -> None:
    (entry,) = catalogue.quarantine.iter_entries(everything())
    catalogue.changes.discard_quarantine([entry.entry_id], "Rinus", "")


CHANGES: dict[str, Callable[[Catalogue], object]] = {
    "a commit": lambda catalogue: apply_one(catalogue, with_file(5)),
    "an invalidation": lambda catalogue: catalogue.changes.invalidate(["d1"], "wrong"),
    "a deletion": lambda catalogue: catalogue.changes.delete(["d1"]),
    "what is missing": lambda catalogue: catalogue.changes.mark_missing(["d1"]),
    "a retry": with_retry,
    "another check": with_check,
    "a discarded entry": with_discard,
    "a job that begins": lambda catalogue: catalogue.jobs.save(job("new", started_at=minutes(50))),
    "a job that ends": lambda catalogue: catalogue.jobs.save(job("running", state=RunState.FINISHED, ended_at=T0)),
    "a selector": lambda catalogue: catalogue.selector_syncs.save("key", SelectorSync(None, True, minutes(9))),
    "a selector that counts no more": lambda catalogue: catalogue.selector_syncs.save(
        IDENTITY, SelectorSync(None, False, T0)
    ),
    "a repair": lambda catalogue: catalogue.row_repair.correct_sizes("a path", "a tag", 1, 1),
    "a host": lambda catalogue: catalogue.host_waits.save(HostWait("example.com", minutes(1), minutes(2), 429, False)),
}


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    apply_one(catalogue, with_file(1, dataset_id="d1"))
    apply_one(catalogue, with_file(2, rejected=("empty",)))
    catalogue.jobs.save(job("running"))
    catalogue.selector_syncs.save(IDENTITY, SelectorSync(None, True, T0))
    return catalogue


@pytest.mark.parametrize("what", CHANGES)
def test_the_mark_changes_with_the_lake(filled: Catalogue, what: str) -> None:
    before = filled.overview.read_mark()
    assert filled.overview.read_mark() == before
    CHANGES[what](filled)
    after = filled.overview.read_mark()
    assert after.settled != before.settled
    assert after.progress != before.progress


def test_the_progress_of_a_job_is_in_one_of_the_marks_only(filled: Catalogue) -> None:
    before = filled.overview.read_mark()
    filled.jobs.save(job("running", updated_at=minutes(3)))
    after = filled.overview.read_mark()
    assert after.settled == before.settled
    assert after.progress != before.progress


def test_an_empty_lake_has_nothing(catalogue: Catalogue) -> None:
    assert catalogue.coverage.read("main") == []
    assert catalogue.coverage.read_freshness("main") == []
    assert catalogue.overview.read_storage("main") == []
    assert catalogue.overview.read_requests(T0) == []
    assert set(catalogue.overview.count_all("main").values()) == {0}
    assert catalogue.overview.read_mark() == catalogue.overview.read_mark()


def test_coverage_knows_what_is_stored_waits_failed_and_was_never_fetched(catalogue: Catalogue) -> None:
    both = [new_file("events", "e"), new_file("lineups", "l")]
    first = apply_one(
        catalogue, change(**of_season(1, files=both, feeds=[feed_state(), feed_state("lineups")]))
    ).dataset
    apply_one(catalogue, change(**of_season(2, files=[new_file("events", "2")], state=DatasetState.PARTIAL)))
    apply_one(catalogue, change(**of_season(3, state=DatasetState.MISSING)))
    # A newer bundle of a match, of two sources, and one of a match that is nowhere else.
    for source in ("mine", "other"):
        of_source = {"source": {"source": source}, "rejected": ("empty",)}
        apply_one(catalogue, change(existing=first, files=[new_file("events", "bad")], **of_source))
    apply_one(catalogue, change(**of_season(4, rejected=("empty",))))
    apply_one(catalogue, with_file(1, bucket="other"))
    apply_one(catalogue, with_file(9, identifier=Identifier({"match_id": 9})))
    failed = [
        task(5, identifier="competition_id=11/season_id=90/match_id=5", **_FAILED),
        task(6, identifier="competition_id=11/season_id=90/match_id=1", **_FAILED),  # stored since
        task(7, identifier="competition_id=11/season_id=90/match_id=2", dataset_id="d", **_FAILED),
        task(8, identifier="the third entry", **_FAILED),
    ]
    catalogue.jobs.save(ended(0, Counters(discovered=90)))
    catalogue.jobs.save(ended(1, Counters(discovered=8, failed=4), tasks=failed))
    catalogue.selector_syncs.save(IDENTITY, SelectorSync(None, False, T0))
    rest, season = catalogue.coverage.read("main")
    assert season == CompetitionCoverage(
        provider="fake",
        dataset_type="match",
        competition_id="11",
        season_id="90",
        name="Eredivisie",
        expected=8,
        states={DatasetState.PARTIAL: 1, DatasetState.COMPLETE: 1, DatasetState.MISSING: 1},
        quarantined=2,
        only_quarantined=1,
        failed=4,
        never_stored=2,
        feeds={"events": 2, "lineups": 1},
        newest_at=season.newest_at,
    )
    assert (season.stored, season.not_fetched) == (3, 3)
    assert (rest.competition_id, rest.season_id, rest.expected, rest.name) == ("", "", 1, "")


_FAILED: dict[str, Any] = {"outcome": TaskOutcome.FAILED, "state": RunState.FAILED, "error": "HTTP 500"}


def test_a_file_that_a_later_revision_removed_does_not_cover(catalogue: Catalogue) -> None:
    both = [new_file("events", "e"), new_file("lineups", "l")]
    one = apply_one(catalogue, change(**of_season(1, files=both))).dataset
    one = apply_one(catalogue, change(existing=one, removed_file_ids=("lineups__v1",))).dataset
    (season,) = catalogue.coverage.read("main")
    assert season.feeds == {"events": 1}
    apply_one(catalogue, change(existing=one, files=[new_file("lineups", "l")]))
    (season,) = catalogue.coverage.read("main")
    assert season.feeds == {"events": 1, "lineups": 1}


def test_a_selector_without_a_competition_counts_if_it_can_mean_one_only(catalogue: Catalogue) -> None:
    apply_one(catalogue, change(**of_season(1)))
    catalogue.jobs.save(ended(0, Counters(discovered=5), selector={"season_id": 90}))
    catalogue.selector_syncs.save(IDENTITY, SelectorSync(None, True, T0))
    (season,) = catalogue.coverage.read("main")
    assert (season.name, season.expected) == ("Eredivisie", 5)
    apply_one(catalogue, change(identifier=Identifier({"competition_id": 12, "season_id": 90, "match_id": 9})))
    assert [(one.name, one.expected) for one in catalogue.coverage.read("main")] == [("", 1), ("", 1)]


def test_a_match_that_failed_before_its_first_commit_is_expected(catalogue: Catalogue) -> None:
    failed = task(5, identifier="competition_id=11/season_id=90/match_id=5", **_FAILED)
    catalogue.jobs.save(ended(0, Counters(discovered=1, failed=1), tasks=[failed]))
    catalogue.selector_syncs.save(IDENTITY, SelectorSync(None, False, T0))
    (season,) = catalogue.coverage.read("main")
    assert (season.expected, season.stored, season.failed, season.never_stored) == (1, 0, 1, 1)


def test_a_selector_is_as_fresh_as_its_last_job_that_left_nothing_to_do(catalogue: Catalogue) -> None:
    modified = feed_state(modified_at=minutes(-30))
    apply_one(catalogue, change(**of_season(1, files=[new_file()], feeds=[modified])))
    catalogue.selector_syncs.save(IDENTITY, SelectorSync(None, False, T0))
    (known,) = catalogue.coverage.read_freshness("main")
    assert (known.source, known.selector, known.state) == ("mine", {"competition_id": "11", "season_id": "90"}, None)
    for number, counters in enumerate(
        [Counters(discovered=1, new=1), Counters(discovered=1), Counters(discovered=1, failed=1, revised=1)]
    ):
        catalogue.jobs.save(ended(number, counters))
    (fresh,) = catalogue.coverage.read_freshness("main")
    assert (fresh.name, fresh.state, fresh.failed) == ("Eredivisie", RunState.FINISHED, 1)
    assert (fresh.last_run_at, fresh.complete_at) == (minutes(25), minutes(15))
    assert fresh.newest_at == catalogue.datasets.read_metadata(everything()).last_modified
    assert fresh.age(minutes(20)) == dt.timedelta(minutes=5)
    assert catalogue.coverage.read_freshness("other") == []


def test_storage_is_counted_by_feed_and_an_object_once(catalogue: Catalogue) -> None:
    tracking = new_file("tracking", "t", size=1000, storage_size=40, storage_compression_method="none")
    one = apply_one(catalogue, change(1, files=[new_file("events", "a"), tracking])).dataset
    one = apply_one(catalogue, change(existing=one, files=[new_file("events", "b")])).dataset
    apply_one(catalogue, change(existing=one, files=[new_file("events", "a")]))  # as it was: the same object
    apply_one(catalogue, with_file(3, bucket="other"))
    found = catalogue.overview.read_storage("main")
    assert found == [
        FeedStorage("fake", "match", "tracking", "none", 1, 1000, 40),
        FeedStorage("fake", "match", "events", "zstd", 3, 300, 20),
    ]
    totals = catalogue.overview.count_all("main")
    assert totals == {"datasets": 1, "revisions": 3, "files": 4, "size_bytes": 1300, "storage_bytes": 60}
    catalogue.changes.delete([one.dataset_id])  # then all are of one bucket
    assert catalogue.overview.count_all("other")["files"] == 1
    assert set(catalogue.overview.count_all("main").values()) == {0}


def test_requests_are_counted_by_day_and_source(catalogue: Catalogue) -> None:
    for number, source in enumerate(["a", "a", "b", "a"]):
        counters = Counters(requests=number, received_bytes=2**40)
        catalogue.jobs.save(job(f"j{number}", source=source, started_at=minutes(400 * number), counters=counters))
    day = T0.date()
    assert catalogue.overview.read_requests(minutes(1)) == [
        RequestDay(day + dt.timedelta(days=1), "a", 3 + 1, 2**41),
        RequestDay(day + dt.timedelta(days=1), "b", 2, 2**40),
    ]
    assert catalogue.overview.read_requests(T0)[-1] == RequestDay(day, "a", 0, 2**40)
