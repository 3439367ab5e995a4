"""Absence needs two witnesses: what is suddenly gone is reported first, and MISSING when the next run says the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import DatasetResource, IngestionPlan, Selector
from ingestify.domain.resource import UnreadableEntry
from ingestify.domain.run import RunState
from ingestify.engine.run.missing_detection import MissingLimits
from ingestify.errors import StoreError
from ingestify.fetch.current_context import current_context
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match


def listing(*numbers: int) -> Callable[..., Any]:
    return lambda **_: [match(number) for number in numbers]


def missing(lake: Lake) -> set[int]:
    return {one.identifier["match_id"] for one in lake.datasets if one.state.value == "MISSING"}


def counts(lake: Lake, **options: Any) -> tuple[int, int]:
    """Run, and return how many were marked and how many only reported."""
    totals = lake.engine.load(**options).totals
    return totals.missing, totals.unlisted


def filled(make_lake: Callable[..., Lake], count: int = 10, **options: Any) -> Lake:
    lake = make_lake(listing(*range(count)), **options)
    lake.engine.load()
    return lake


# ---- a listing that shrinks ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 10])
def test_an_empty_listing_is_believed_when_the_next_run_finds_the_same(
    make_lake: Callable[..., Lake], count: int, caplog: pytest.LogCaptureFixture
) -> None:
    lake = filled(make_lake, count)
    lake.source.find = listing()
    report = lake.engine.load()
    assert (report.totals.missing, report.totals.unlisted, missing(lake)) == (0, count, set())
    assert report.jobs[0].state is RunState.FINISHED
    (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "fake: competition_id=1: nothing is listed, and the lake has" in told
    assert "engine.load(accept_missing=True) at once" in told
    assert lake.jobs[0].counters.unlisted == count, "status shows it"
    assert "nothing is listed" in lake.jobs[0].error
    assert counts(lake) == (count, 0)
    assert missing(lake) == set(range(count))
    assert counts(lake) == (0, 0)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("before", "gone", "is_believed"),
    [(10, 3, True), (10, 4, False), (20, 4, True), (21, 5, False), (100, 20, True), (100, 21, False), (4, 3, True)],
)
def test_a_listing_that_shrinks_by_more_than_a_fifth_and_three_is_doubted(
    make_lake: Callable[..., Lake], before: int, gone: int, is_believed: bool
) -> None:
    lake = filled(make_lake, before)
    lake.source.find = listing(*range(gone, before))
    assert counts(lake) == ((gone, 0) if is_believed else (0, gone))
    assert counts(lake) == ((0, 0) if is_believed else (gone, 0))
    assert missing(lake) == set(range(gone))


def test_what_is_not_listed_any_more_is_named(make_lake: Callable[..., Lake], caplog: pytest.LogCaptureFixture) -> None:
    lake = filled(make_lake)
    names = sorted(dataset.name for dataset in lake.datasets)
    lake.source.find = listing(*range(9))
    assert counts(lake) == (1, 0)
    (gone,) = missing(lake)
    named = next(dataset.name for dataset in lake.datasets if dataset.identifier["match_id"] == gone)
    assert f"1 dataset of the lake is no longer listed; it is kept, and marked MISSING: {named}." in caplog.text
    lake.source.find = listing(*range(2))
    assert counts(lake) == (0, 7)
    shown = ", ".join([name for name in names if name != named][2:7])
    assert f"7 of its 9 datasets are not listed any more ({shown} and 2 more); none is marked" in caplog.text
    assert "load(accept_missing=True)" in caplog.text


def test_a_listing_of_other_datasets_altogether_is_doubted(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.find = listing(*range(100, 150))
    assert counts(lake) == (0, 10)
    assert counts(lake) == (10, 0)


def test_what_comes_back_is_forgotten_and_another_absence_is_another(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.find = listing(*range(5))
    assert counts(lake) == (0, 5)
    lake.source.find = listing(*range(10))
    assert counts(lake) == (0, 0)
    lake.source.find = listing(*range(5))
    assert counts(lake) == (0, 5)
    lake.source.find = listing(*range(4))
    assert counts(lake) == (0, 6)
    assert counts(lake) == (6, 0)
    lake.source.find = listing(*range(10))
    assert counts(lake) == (0, 0)
    assert missing(lake) == set()


def test_a_selector_with_something_to_confirm_is_not_skipped(make_lake: Callable[..., Lake]) -> None:
    hinted = [{"competition_id": 1, "_last_modified": hours(0)}]
    lake = filled(make_lake, selectors=hinted)
    lake.source.selectors = [{"competition_id": 1, "_last_modified": hours(1)}]
    lake.source.find = listing()
    assert counts(lake) == (0, 10)
    assert counts(lake) == (10, 0)
    assert lake.engine.load().jobs[0].state is RunState.SKIPPED


def test_a_person_can_say_that_it_is_right(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.find = listing()
    assert counts(lake, accept_missing=True) == (10, 0)


def test_a_dry_run_tells_the_same_and_is_no_witness(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.find = listing(*range(9))
    assert counts(lake, dry_run=True) == (1, 0)
    lake.source.find = listing()
    assert counts(lake, dry_run=True) == (0, 10)
    assert counts(lake) == (0, 10)
    assert counts(lake, dry_run=True) == (10, 0)
    assert missing(lake) == set()
    assert counts(lake) == (10, 0)


def test_a_narrowed_run_is_no_witness(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.find = listing()
    for _ in range(3):
        assert counts(lake, match_id=5) == (0, 0)


@pytest.mark.parametrize("how", ["fails", "unreadable", "gap"])
def test_a_listing_that_is_not_whole_is_no_witness(
    make_lake: Callable[..., Lake], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: Any) -> Any:
        yield match(0)
        if how == "unreadable":
            yield UnreadableEntry("match 7", "its time is no time")
        elif how == "gap":
            current_context().index.add_gap("page 2 of 3 was empty")
        else:
            raise OSError("cut")

    lake = filled(make_lake)
    lake.source.find = broken
    with caplog.at_level(logging.INFO, logger="ingestify"):
        for _ in range(3):
            totals = lake.engine.run_report().totals
            assert (totals.missing, totals.unlisted) == (0, 0)
    assert ("its listing has gaps: page 2 of 3 was empty" in caplog.text) is (how == "gap")
    assert missing(lake) == set()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("how", ["fails", "unreadable", "gap"])
@pytest.mark.parametrize(
    ("before", "between", "is_confirmed"),
    [
        (0, range(10), False),  # all of them were back
        (0, range(3), False),
        (0, range(0), True),  # it lists nothing, and so nothing of what was absent
        (5, range(5), True),
        (5, range(10), False),
        (5, range(6), False),
    ],
)
def test_a_listing_in_part_confirms_nothing_and_what_it_lists_is_not_absent(
    make_lake: Callable[..., Lake], how: str, before: int, between: range, is_confirmed: bool
) -> None:
    def broken(**_: Any) -> Any:
        yield from (match(number) for number in between)
        if how == "unreadable":
            yield UnreadableEntry("match 70", "its time is no time")
        elif how == "gap":
            current_context().index.add_gap("page 2 of 3 was empty")
        else:
            raise OSError("cut")

    lake = filled(make_lake)
    lake.source.find = listing(*range(before))
    assert counts(lake) == (0, 10 - before)
    lake.source.find = broken
    totals = lake.engine.run_report().totals
    assert (totals.missing, totals.unlisted) == (0, 0)
    lake.source.find = listing(*range(before))
    assert counts(lake) == ((10 - before, 0) if is_confirmed else (0, 10 - before))
    assert counts(lake) == ((0, 0) if is_confirmed else (10 - before, 0))


@pytest.mark.parametrize("versions", ["v1", "v2"])
def test_two_plans_that_want_the_same_selector_are_one_witness(versions: str) -> None:
    source = FunctionSource(listing(*range(10)))
    lake = Lake(source)
    lake.add_plan(source, data_spec_versions={"default": versions})
    lake.engine.load()
    source.find = listing()
    assert counts(lake, dry_run=True) == (0, 10)
    assert counts(lake) == (0, 10)
    assert missing(lake) == set()
    assert counts(lake, dry_run=True) == (10, 0)
    assert counts(lake) == (10, 0)
    assert counts(lake) == (0, 0)
    lake.engine.close()


def test_a_source_that_does_not_list_everything_is_no_witness(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.source.lists_everything = False
    lake.source.find = listing()
    lake.source.selectors = []
    for _ in range(3):
        assert counts(lake) == (0, 0)


def test_how_much_is_believed_can_be_set(make_lake: Callable[..., Lake]) -> None:
    lake = filled(make_lake)
    lake.engine._limits_of = lambda source: MissingLimits(0, 0.0) if source.name == "fake" else MissingLimits()
    lake.source.find = listing(*range(9))
    assert counts(lake) == (0, 1)
    assert counts(lake) == (1, 0)
    lake.engine._limits_of = lambda _: MissingLimits(10, 1.0)
    lake.source.find = listing(0)
    assert counts(lake) == (8, 0)


def test_a_listing_that_could_not_be_forgotten_is_not_compared_with(
    make_lake: Callable[..., Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: Any) -> None:
        raise StoreError("the database is away")

    lake = filled(make_lake, 9)
    lake.source.find = listing(*range(10))
    with monkeypatch.context() as patch:
        patch.setattr(type(lake.engine.store.catalogue.selector_syncs), "forget_listings", cut)
        lake.engine.load(match_id=9)
    lake.source.find = listing(*range(9))
    assert counts(lake) == (1, 0)
    assert missing(lake) == {9}


# ---- a selector that is not discovered any more ----------------------------------------------------------

TWO = [{"competition_id": 1, "_name": "League"}, {"competition_id": 2, "_name": "Cup"}]


def one_each(competition_id: int, **_: Any) -> Any:
    return [match(10 * competition_id + number) for number in range(2)]


class Seasons(FunctionSource):
    """A source whose selectors need a competition."""

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, competition_id, **_):
        return self.find(competition_id=competition_id)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "rules", [None, ["*"], ["competition_id > 0"], [{"x": 1}]], ids=["none", "all", "expression", "mapping"]
)
def test_what_leaves_the_index_is_reported_and_then_missing(rules: Any, caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake(Seasons(one_each, [{**one, "x": 1} for one in TWO]), selectors=rules)
    lake.engine.load()
    lake.source.selectors = lake.source.selectors[:1]
    report = lake.engine.load()
    assert (report.totals.missing, report.totals.unlisted, missing(lake)) == (0, 2, set())
    assert {job.selector_name: job.counters.unlisted for job in report.jobs} == {"League": 0, "Cup": 2}
    assert "fake: Cup: the source does not discover it any more, and the lake has 2 datasets of it" in caplog.text
    assert counts(lake) == (2, 0)
    assert missing(lake) == {20, 21}
    report = lake.engine.load()
    assert (len(report.jobs), report.totals.missing, report.totals.unlisted) == (1, 0, 0), "it is forgotten"
    lake.source.selectors = [{**one, "x": 1} for one in TWO]
    lake.engine.load()
    assert missing(lake) == set()
    lake.engine.close()


def test_an_index_that_is_empty_is_reported_and_then_believed(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()
    lake.source.selectors = []
    assert counts(lake, dry_run=True) == (0, 4)
    assert counts(lake) == (0, 4)
    lake.source.selectors = TWO
    assert counts(lake) == (0, 0)
    lake.source.selectors = []
    assert counts(lake) == (0, 4)
    assert counts(lake) == (4, 0)


@pytest.mark.slow
def test_of_many_competitions_that_left_it_is_told_how_many(
    make_lake: Callable[..., Lake], caplog: pytest.LogCaptureFixture
) -> None:
    lake = make_lake(lambda competition_id, **_: [match(competition_id)], [{"competition_id": n} for n in range(20)])
    lake.engine.load()
    lake.source.selectors = []
    for expected in ((0, 20), (20, 0)):
        caplog.clear()
        assert counts(lake) == expected
        told = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert len([one for one in told if one.startswith("fake:")]) == 6
        assert "fake: the same for 15 more selectors; engine.store.load_ingestion_job_summaries() shows them." in told


def test_a_competition_that_left_can_be_accepted_at_once(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()
    lake.source.selectors = TWO[1:]
    assert counts(lake, accept_missing=True) == (2, 0)
    assert missing(lake) == {10, 11}


def test_what_a_plan_does_not_want_any_more_has_not_left() -> None:
    source = FunctionSource(one_each, TWO)
    lake = Lake(source, selectors=["competition_id > 0"])
    lake.engine.load()
    source.selectors = TWO[:1]
    lake.engine._sources.plans[:] = [IngestionPlan(source, "match", selectors=["competition_id == 1"])]
    for _ in range(3):
        assert counts(lake) == (0, 0)
    lake.engine.close()


def test_what_a_plan_writes_out_is_not_discovered_and_does_not_leave() -> None:
    written = [{"competition_id": 1}, Selector({"competition_id": 2})]
    lake = Lake(FunctionSource(one_each), selectors=written)
    for _ in range(3):
        assert counts(lake) == (0, 0)
        lake.source.selectors = []
    assert len(lake.datasets) == 4
    lake.engine.close()


def test_a_narrowed_run_does_not_say_what_left(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()
    lake.source.selectors = TWO[:1]
    for filters in ({"competition_id": 1}, {"competition_id": 2}, {"match_id": 20}):
        assert counts(lake, **filters) == (0, 0)


@pytest.mark.parametrize("filters", [{"match_id": 20}, {"competition_id": 2, "match_id": 20}, {"competition_id": 2}])
def test_what_only_a_narrowed_run_brought_leaves_with_its_selector(
    make_lake: Callable[..., Lake], filters: dict[str, Any]
) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load(**filters)
    brought = {dataset.identifier["match_id"] for dataset in lake.datasets}
    lake.source.selectors = TWO[:1]
    assert counts(lake) == (0, len(brought))
    assert counts(lake) == (len(brought), 0)
    assert missing(lake) == brought
    lake.source.selectors = TWO
    lake.engine.load()
    assert missing(lake) == set()


def test_what_came_before_a_run_broke_off_leaves_with_its_selector(make_lake: Callable[..., Lake]) -> None:
    def breaks_off(competition_id: int) -> Any:
        yield match(10 * competition_id)
        raise OSError("cut")

    lake = make_lake(breaks_off, TWO[1:])
    assert lake.engine.run_report().state is RunState.FAILED
    lake.source.find, lake.source.selectors = one_each, TWO[:1]
    assert counts(lake) == (0, 1)
    assert counts(lake) == (1, 0)
    assert missing(lake) == {20}


def test_a_run_that_completes_a_selector_does_not_forget_that_it_was_discovered() -> None:
    lake = Lake(Seasons(one_each, [{**one, "x": 1} for one in TWO]), selectors=[{"x": 1}])
    lake.engine.load()
    lake.engine.load(competition_id=2)
    lake.source.selectors = lake.source.selectors[:1]
    assert counts(lake) == (0, 2)
    assert counts(lake) == (2, 0)
    lake.engine.close()


def test_a_dry_run_does_not_remember_what_it_discovered(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load(dry_run=True)
    discovered = lake.engine.store.catalogue.selector_syncs.find_discovered
    assert discovered("main", "fake", "fake", "match") == []
    lake.engine.load(match_id=20)
    assert [one.selector.name for one in discovered("main", "fake", "fake", "match")] == ["League", "Cup"]


def test_a_source_that_asks_what_the_lake_has_discovers_a_part(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()

    def discover(dataset_type: str, dataset_collection_metadata: Any) -> Any:
        return [] if dataset_collection_metadata.last_modified else TWO

    lake.source.discover_selectors = discover
    for _ in range(3):
        assert counts(lake) == (0, 0)


def test_an_index_that_fails_or_has_gaps_says_nothing(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()

    def discover(dataset_type: str) -> Any:
        current_context().index.add_gap("page 2 was empty")
        return TWO[:1]

    lake.source.discover_selectors = discover
    for _ in range(3):
        assert counts(lake) == (0, 0)

    def fails(dataset_type: str) -> Any:
        raise OSError("cut")

    lake.source.discover_selectors = fails
    for _ in range(3):
        totals = lake.engine.run_report().totals
        assert (totals.missing, totals.unlisted) == (0, 0)


def test_what_another_selector_lists_is_not_missing(make_lake: Callable[..., Lake]) -> None:
    def find(competition_id: int, season_id: int | None = None) -> Any:
        return [
            DatasetResource({"match_id": number, "season_id": 90}, "match").add_file(
                hours(0), "events", json_content={}
            )
            for number in range(3)
        ]

    both = [{"competition_id": 1}, {"competition_id": 1, "season_id": 90}]
    lake = make_lake(find, both)
    lake.engine.load()
    lake.source.selectors = both[:1]
    for _ in range(3):
        assert counts(lake) == (0, 0)
    assert missing(lake) == set()


def test_of_two_plans_that_want_it_one_reports_it() -> None:
    source = FunctionSource(one_each, TWO)
    lake = Lake(source)
    lake.add_plan(source, data_spec_versions={"events": "v1"})
    lake.engine.load()
    source.selectors = TWO[:1]
    assert counts(lake) == (0, 2)
    assert counts(lake) == (2, 0)
    assert counts(lake) == (0, 0)
    lake.engine.close()


def test_another_source_of_the_provider_does_not_say_what_left(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(one_each, TWO)
    lake.engine.load()
    other = FunctionSource(one_each, TWO[:1])
    other.name = "other"
    lake.add_plan(other)
    for _ in range(2):
        assert counts(lake) == (0, 0)


# ---- a selector that somebody wrote ----------------------------------------------------------------------


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_a_written_selector_that_lists_nothing_says_so(caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake(FunctionSource(listing()), selectors=[{"season_id": 90}])
    for dry_run in (False, True):
        caplog.clear()
        report = lake.engine.load(dry_run=dry_run)
        assert (report.totals.failed, report.totals.unlisted) == (0, 0)
        (told,) = warnings(caplog)
        assert told.startswith("fake: season_id=90 lists nothing: ")
    lake.engine.close()


def test_a_discovered_one_that_lists_nothing_may_not_have_begun(
    make_lake: Callable[..., Lake], caplog: pytest.LogCaptureFixture
) -> None:
    make_lake(listing()).engine.load()
    assert warnings(caplog) == []
