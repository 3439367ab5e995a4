"""Budgets of requests: a provider that allows few of them, all processes of a lake, and days that pass."""

from __future__ import annotations

import collections
import datetime as dt
import functools
import math
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify import IngestionEngine, get_engine
from ingestify.clock import now
from ingestify.domain.run import RunState
from ingestify.engine.watching import watching
from ingestify.main.connections import iter_connections
from ingestify.main.trial import try_source
from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator
from tests.support.simulated_time import SimulatedTime, simulated_time

MORNING = dt.datetime(2026, 10, 24, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Dated(Simulator):
    """A provider that notes when requests come, in simulated time."""

    def __init__(self, season: Season, **options: bool) -> None:
        super().__init__(season, **options)
        self.moments: list[dt.datetime] = []

    def _keep(self, *arguments: Any) -> None:
        self.moments.append(now())
        super()._keep(*arguments)

    @property
    def by_day(self) -> dict[str, int]:
        return dict(collections.Counter(f"{moment:%d}" for moment in self.moments))


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(MORNING) as simulated:
        yield simulated


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=12, seed=5, events_per_match=20, matches_with_360=0)) as simulator:
        yield simulator


def open_engine(folder: Path, provider: Simulator, limits: str, lake: Path | None = None) -> IngestionEngine:
    config = folder / "config.yaml"
    config.write_text(f"""
main: {{metadata_url: "sqlite:///{lake or folder}/catalog.db", file_url: "file://{lake or folder}/files"}}
sources:
  statsbomb:
    type: ingestify.statsbomb_github
    configuration: {{base_url: "{provider.base_url}"}}
    rate_limit: {limits}
ingestion_plans: [{{source: statsbomb, dataset_type: match}}]
""")
    engine = get_engine(config)
    engine.store.create()
    return engine


def test_a_run_whose_budget_is_used_up_fails_nothing_and_says_when_it_goes_on(
    tmp_path: Path, provider: Simulator, time: SimulatedTime
) -> None:
    with open_engine(tmp_path, provider, "{requests_per_day: 10}") as engine:
        report = engine.load()
        (job,) = report.jobs
        assert len(provider.requests) == 10
        assert (report.state, job.state, report.exit_code) == (RunState.ABORTED, RunState.ABORTED, 3)
        assert report.totals.failed == 0
        assert report.totals.new == len(engine.list_datasets()) == 4
        reason = (
            "the budget of the source 'statsbomb' is used up (10 requests a day); it goes on at 2026-10-25 00:00 UTC"
        )
        assert report.left_alone == {reason: (8, 0)}
        assert report.goes_on_at == {"statsbomb": dt.datetime(2026, 10, 25, 0, 0, 5, tzinfo=dt.UTC)}
        assert engine.load().totals.requests == 0, "the catalogue knows that there is nothing left"


def days_until_all_are_there(
    folder: Path, provider: Simulator, requests_per_day: int, time: SimulatedTime, matches: int
) -> int:
    with open_engine(folder, provider, f"{{requests_per_day: {requests_per_day}}}") as engine:
        for day in range(1, 20):
            engine.load()
            if len(engine.list_datasets()) == matches:
                return day
            time.sleep(DAY.total_seconds())
    raise AssertionError("some matches starve")


@settings(max_examples=6, deadline=None)
@given(requests_per_day=st.integers(4, 24), matches=st.integers(1, 8), seed=st.integers(1, 9))
def test_all_matches_get_there_within_the_days_that_their_requests_take(
    requests_per_day: int, matches: int, seed: int
) -> None:
    """Each run makes two requests for lists, each match two for its files."""
    season = Season(matches=matches, seed=seed, events_per_match=5, matches_with_360=0)
    with tempfile.TemporaryDirectory() as folder, simulated_time(MORNING) as time, Dated(season) as provider:
        days = days_until_all_are_there(Path(folder), provider, requests_per_day, time, matches)
        assert days == math.ceil(matches / ((requests_per_day - 2) // 2))
        assert max(provider.by_day.values()) <= requests_per_day


def test_no_day_is_lost_with_a_provider_whose_files_have_to_be_asked_for_twice(
    time: SimulatedTime, tmp_path: Path
) -> None:
    """Without dates, only a second request of the list and the files shows that they are of one moment."""
    season = Season(matches=5, events_per_match=5, matches_with_360=0)
    with Dated(season, last_modified=False) as provider:
        assert days_until_all_are_there(tmp_path, provider, 8, time, 5) == 5
        assert max(provider.by_day.values()) == 8


def test_a_match_that_always_fails_does_not_keep_the_others_from_their_turn(
    time: SimulatedTime, tmp_path: Path
) -> None:
    season = Season(matches=5, events_per_match=5, matches_with_360=0)
    with Dated(season) as provider:
        broken = provider.match_ids[0]
        provider.add_fault(Fault(path=f"events/{broken}.json", status=500))
        assert days_until_all_are_there(tmp_path, provider, 6, time, 4) < 10
        assert max(provider.by_day.values()) == 6


def test_two_processes_together_never_pass_it(tmp_path: Path, provider: Simulator, time: SimulatedTime) -> None:
    limits = "{requests_per_day: 16}"
    with open_engine(tmp_path, provider, limits) as one, open_engine(tmp_path, provider, limits) as other:
        threads = [threading.Thread(target=engine.load) for engine in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(provider.requests) <= 16
        one.load()
        assert len(provider.requests) == 16


def test_a_run_waits_for_the_next_minute(tmp_path: Path, provider: Simulator, time: SimulatedTime) -> None:
    with open_engine(tmp_path, provider, "{requests_per_minute: 10}") as engine:
        report = engine.load()
    assert (report.totals.new, report.totals.requests) == (12, 26)
    assert dt.timedelta(seconds=120) < time.now() - MORNING < dt.timedelta(seconds=140)


@pytest.fixture
def seldom_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks the watch does not wake each minute, for clocks that jump: here none does."""
    monkeypatch.setattr(watching, "_LONGEST_SLEEP", 3600.0)


@pytest.fixture
def saturday(time: SimulatedTime) -> Iterator[Dated]:
    """Ten matches, of which some are played on this Saturday."""
    with Dated(Season(matches=10, events_per_match=20, matches_with_360=0)) as provider:
        announced = dt.datetime(2026, 10, 16)
        for number, match_id in enumerate(provider.match_ids[:4]):
            provider.reschedule(match_id, dt.datetime(2026, 10, 24, 12 + 2 * number), announced)
            provider.set_status(match_id, "scheduled", announced)
            for hours, status in ((0.1, "live"), (1.9, "available")):
                moment = dt.datetime(2026, 10, 24, 12 + 2 * number) + dt.timedelta(hours=hours)
                act = functools.partial(provider.set_status, match_id, status, moment)
                time.at(moment.replace(tzinfo=dt.UTC), act)
        yield provider


@pytest.mark.usefixtures("seldom_awake")
def test_a_watch_waits_until_the_budget_goes_on_and_says_so(
    tmp_path: Path, saturday: Dated, time: SimulatedTime
) -> None:
    with open_engine(tmp_path, saturday, "{requests_per_day: 32}") as engine:
        watch = engine.watching()
        time.at(MORNING + 1.1 * DAY, watch.stop)
        waits = [
            (looked.following.due, watch.looks()[0].due)
            for looked in watch.iterate()
            if looked.following is not None and "budget" in looked.following.due.why
        ]
        assert saturday.by_day["24"] == 32
        assert all(count <= 32 for count in saturday.by_day.values())
        due, planned = waits[0]
        assert due == planned
        assert due.at == dt.datetime(2026, 10, 25, 0, 0, 5, tzinfo=dt.UTC)
        assert due.why == "the budget of statsbomb is used up until 00:00 UTC"
        assert len(engine.list_datasets(state="COMPLETE")) == 10


@pytest.mark.usefixtures("seldom_awake")
def test_two_watches_of_one_lake_share_a_budget_on_a_saturday(
    tmp_path: Path, saturday: Dated, time: SimulatedTime, caplog: pytest.LogCaptureFixture
) -> None:
    watches = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        engine = open_engine(tmp_path / name, saturday, "{requests_per_day: 36}", lake=tmp_path)
        watches.append((engine, engine.watching()))
    for _, watch in watches:
        time.at(MORNING + 1.1 * DAY, watch.stop)
    threads = [threading.Thread(target=collections.deque, args=(one.iterate(), 0)) for _, one in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(saturday.by_day.values()) == 36
    assert "it goes on" not in caplog.text, "that is no trouble"
    assert len(watches[0][0].list_datasets(state="COMPLETE")) == 10
    for engine, _ in watches:
        engine.close()


def test_what_is_most_worth_a_request_is_asked_first(
    tmp_path: Path, time: SimulatedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A match that is played, one of yesterday, those that are new, and one that the lake has, which is corrected."""
    monkeypatch.setenv("INGESTIFY_CONCURRENCY", "1")
    with Dated(Season(matches=8, events_per_match=20, matches_with_360=0)) as provider:
        with open_engine(tmp_path, provider, "{requests_per_day: 4}") as engine:
            engine.load()
            (known,) = (dataset.identifier["match_id"] for dataset in engine.list_datasets())
            time.sleep(DAY.total_seconds())
            played, recent = [one for one in provider.match_ids if one != known][:2]
            provider.reschedule(played, MORNING.replace(tzinfo=None, day=25), dt.datetime(2026, 10, 16))
            provider.reschedule(recent, MORNING.replace(tzinfo=None, day=24), dt.datetime(2026, 10, 16))
            provider.correct(known)
        provider.clear_requests()
        with open_engine(tmp_path, provider, "{requests_per_day: 30}") as engine:
            engine.load()
        asked = [int(path.split("/")[-1].split(".")[0]) for path in provider.paths() if path.startswith("events/")]
        assert asked[0] == played
        assert asked[1] == recent
        assert asked[-1] == known


def test_a_source_that_is_tried_out_spends_the_budget_of_the_lake(
    tmp_path: Path, provider: Simulator, time: SimulatedTime
) -> None:
    with open_engine(tmp_path, provider, "{requests_per_day: 9}"):
        first = try_source(tmp_path / "config.yaml", "statsbomb")
        assert (first.problems, len(provider.requests)) == ((), 4)
        connections = {one.what: one for one in iter_connections(tmp_path / "config.yaml")}
        assert connections["source statsbomb"].is_ok
        try_source(tmp_path / "config.yaml", "statsbomb")
        (problem,) = try_source(tmp_path / "config.yaml", "statsbomb").problems
        assert problem.startswith("It was not asked: the budget of the source 'statsbomb' is used up")
        assert len(provider.requests) == 9
