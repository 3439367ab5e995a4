"""Selectors of a plan that differ only in a key of which a source takes several values are one job."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import (
    DatasetResource,
    DatasetState,
    Selector,
    Source,
    StopProcessing,
)
from ingestify.domain.expression import Expression
from ingestify.domain.run import RunState
from ingestify.engine.report.health import WatchedPlan, watch
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match

SEASON = {"competition_id": 1, "season_id": 2}
EVERY = range(1, 13)


class Season(FunctionSource):
    """A season of matches; `find_datasets` is called with one match id, or with a list of them."""

    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    concurrent_discovery = False

    def __init__(self, *selectors: dict[str, Any]) -> None:
        super().__init__(lambda **_: [], list(selectors) or [SEASON])
        self.listed: list[int] = list(EVERY)

    def find_datasets(self, dataset_type, versions, metadata, competition_id, season_id, match_id=None):
        self.calls.append({"competition_id": competition_id, "season_id": season_id, "match_id": match_id})
        return [match(one) for one in self.listed]

    @property
    def asked(self) -> list[Any]:
        return [call["match_id"] for call in self.calls]


@pytest.fixture
def lakes() -> Iterator[list[Lake]]:
    made: list[Lake] = []
    yield made
    for lake in made:
        lake.engine.close()


def lake_of(lakes: list[Lake], source: Source, *selectors: Any) -> Lake:
    lakes.append(Lake(source, selectors=list(selectors)))
    return lakes[-1]


def ids(lake: Lake) -> list[int]:
    return sorted(one.identifier["match_id"] for one in lake.datasets)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


@pytest.mark.parametrize(
    "selectors",
    [
        [{**SEASON, "match_id": [1, 2, 3]}],
        [{**SEASON, "match_id": [1, 2]}, {**SEASON, "match_id": 3}],
        [{**SEASON, "match_id": one} for one in (1, 2, 3)],
    ],
)
def test_they_are_one_job_and_one_call(lakes: list[Lake], selectors: list[Any]):
    source = Season()
    lake = lake_of(lakes, source, *selectors)
    report = lake.engine.load()
    assert source.asked == [[1, 2, 3]]
    assert (report.totals.discovered, report.totals.new) == (3, 3)
    (job,) = report.jobs
    assert dict(job.selector) == {**SEASON, "match_id": (1, 2, 3)}
    assert job.selector_name == "competition_id=1/season_id=2/match_id=1,2,3"
    assert [str(one.identifier) for one in lake.datasets] == [
        f"competition_id=1/season_id=2/match_id={one}" for one in (1, 2, 3)
    ]
    assert lake.engine.load().totals.unchanged == 3


def test_other_keys_and_other_feeds_stay_apart(lakes: list[Lake]):
    source = Season()
    lake_of(lakes, source, {"competition_id": 1, "season_id": [2, 3], "match_id": [1, 2]}, SEASON).engine.load()
    assert [(call["season_id"], call["match_id"]) for call in source.calls] == [(2, [1, 2]), (3, [1, 2]), (2, None)]
    other = Selector.build({**SEASON, "match_id": 3}, {"events": "v2"})
    source = Season()
    lake_of(lakes, source, {**SEASON, "match_id": [1, 2]}, other).engine.load()
    assert source.asked == [[1, 2], 3]


def test_a_source_that_takes_no_list_has_a_job_for_each(lakes: list[Lake]):
    source = Season()
    source.multi_value_keys = ()
    report = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 3]}).engine.load()
    assert source.asked == [1, 2, 3]
    assert len(report.jobs) == 3


def test_a_subclass_with_a_find_datasets_of_its_own_gets_one_value_at_a_time(lakes: list[Lake]):
    class Mine(Season):
        def find_datasets(self, dataset_type, competition_id, season_id, match_id):
            return super().find_datasets(dataset_type, None, None, competition_id, season_id, match_id + 0)

    source = Mine()
    report = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 3]}).engine.load()
    assert source.asked == [1, 2, 3]
    assert len(report.jobs) == 3


def test_the_caller_s_filter_narrows_them(lakes: list[Lake]):
    source = Season()
    lake = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 3, 4]})
    lake.engine.load(match_id=2)
    assert source.asked == [2]
    lake.engine.load(match_id=["2", 3, 99])
    assert source.asked == [2, [2, 3]]
    assert set(ids(lake)) >= {2, 3}


def test_a_filter_with_several_values_reaches_such_a_source(lakes: list[Lake]):
    source = Season()
    lake = lake_of(lakes, source, SEASON)
    assert lake.engine.load(match_id=[2, 3]).totals.new == 2
    assert source.asked == [[2, 3]]
    assert ids(lake) == [2, 3]


def test_discovered_seasons_are_a_job_each_and_are_skipped_by_their_hint(lakes: list[Lake]):
    seasons = [{"competition_id": 1, "season_id": one, "_last_modified": hours(one)} for one in (2, 3)]
    source = Season(*seasons)
    lake = lake_of(lakes, source, {"competition_id": 1, "match_id": [1, 2, 3]})
    report = lake.engine.load()
    assert [call["season_id"] for call in source.calls] == [2, 3]
    assert report.totals.new == 6
    assert [job.state for job in lake.engine.load().jobs] == [RunState.SKIPPED] * 2
    source.selectors = seasons[:1]
    for _ in range(2):
        report = lake.engine.load()
    assert [one.state for one in lake.datasets] == [DatasetState.COMPLETE] * 3 + [DatasetState.MISSING] * 3


def test_one_that_is_no_longer_listed_becomes_missing(lakes: list[Lake]):
    source = Season()
    lake = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 3]})
    lake.engine.load()
    source.listed.remove(2)
    assert lake.engine.load().totals.missing == 1
    states = {one.identifier["match_id"]: one.state for one in lake.datasets}
    assert states == {1: DatasetState.COMPLETE, 2: DatasetState.MISSING, 3: DatasetState.COMPLETE}


def test_all_of_them_become_missing_when_a_second_run_lists_none(lakes: list[Lake]):
    source = Season()
    lake = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 3]})
    lake.engine.load()
    source.listed = [7, 8]  # others of the season say nothing of these
    assert [lake.engine.load().totals.missing for _ in range(2)] == [0, 3]


def test_those_that_are_not_there_are_told(lakes: list[Lake], caplog: pytest.LogCaptureFixture):
    source = Season()
    lake = lake_of(lakes, source, {**SEASON, "match_id": [1, 98, 99]})
    lake.engine.load()
    (told,) = warnings(caplog)
    assert told.startswith("fake: competition_id=1/season_id=2/match_id=98,99 lists nothing: ")


def test_one_that_the_lake_has_is_not_told(lakes: list[Lake], caplog: pytest.LogCaptureFixture):
    source = Season()
    source.lists_everything = False
    lake = lake_of(lakes, source, {**SEASON, "match_id": [1, 2, 99]})
    source.listed = [1, 2, 99]
    lake.engine.load()
    source.listed = [1]
    lake.engine.load()
    assert warnings(caplog) == []


def test_what_a_stopped_run_has_not_read_is_not_told(lakes: list[Lake], caplog: pytest.LogCaptureFixture):
    class Stops(Season):
        multi_value_keys = ("match_id",)

        def find_datasets(self, dataset_type, versions, metadata, competition_id, season_id, match_id=None):
            for number in match_id[:-1]:
                yield DatasetResource({"match_id": number}, "match").add_file(None, "events", file_loader=stop)

    def stop(file_resource: Any, current_file: Any) -> None:
        raise StopProcessing("enough")

    lake = lake_of(lakes, Stops(), {**SEASON, "match_id": list(range(5000))})
    with pytest.raises(StopProcessing):
        lake.engine.load()
    assert not [one for one in warnings(caplog) if "lists nothing" in one]


def test_keys_of_which_a_source_takes_several_values_multiply(lakes: list[Lake]):
    source = Season()
    source.multi_value_keys = ("match_id", "season_id")
    rules = [{"competition_id": 1, "season_id": [2, 3], "match_id": [1, 2]}, {**SEASON, "match_id": 5}]
    lake_of(lakes, source, *rules[:1]).engine.load()
    lake_of(lakes, source, *rules).engine.load()
    called = [(call["season_id"], call["match_id"]) for call in source.calls]
    assert called == [([2, 3], [1, 2]), (2, [1, 2, 5]), (3, [1, 2])]


def test_a_long_list_is_short_in_a_name(lakes: list[Lake]):
    source = Season()
    (job,) = lake_of(lakes, source, {**SEASON, "match_id": list(EVERY)}).engine.load().jobs
    assert job.selector_name == "competition_id=1/season_id=2/match_id=1,2,3,4,5 and 7 more"


@pytest.mark.parametrize(
    "rules",
    [[{**SEASON, "match_id": [1, 2, 3]}], [{**SEASON, "match_id": 1}, {**SEASON, "match_id": [2, 3]}]],
)
def test_monitoring_watches_them_as_one_selector(lakes: list[Lake], rules: list[dict[str, Any]]):
    def watched() -> list[str]:
        plan = WatchedPlan("fake", "match", rules)
        return [one.name for one in watch(lake.engine.store.catalogue.jobs.load, [plan], Expression.parse, hours(0))]

    source = Season()
    source.multi_value_keys = ()
    lake = lake_of(lakes, source, *rules)
    lake.engine.load()  # as an older version did
    assert len(watched()) == 3
    source.multi_value_keys = ("match_id",)
    lake.engine.load()
    lake.engine.load(match_id=2)
    lake.engine.load(match_id=[2, 3])
    assert watched() == ["competition_id=1/season_id=2/match_id=1,2,3"]
    rules[-1] = {**SEASON, "match_id": 2}  # what an earlier version of the plan had is not waited for
    assert "competition_id=1/season_id=2/match_id=1,2,3" not in watched()
