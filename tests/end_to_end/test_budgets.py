"""Budgets of requests: a provider that allows few of them, all processes of a lake, and days that pass."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import IngestionEngine, RunReport, get_engine
from ingestify.domain.run import RunState
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.simulated_time import SimulatedTime, simulated_time

MORNING = dt.datetime(2026, 10, 24, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(MORNING) as simulated:
        yield simulated


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=12, seed=5, events_per_match=20, matches_with_360=0)) as simulator:
        yield simulator


def open_engine(folder: Path, provider: Simulator, limits: str) -> IngestionEngine:
    config = folder / "config.yaml"
    config.write_text(f"""
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files"}}
sources:
  statsbomb:
    type: ingestify.statsbomb_github
    configuration: {{base_url: "{provider.base_url}"}}
    rate_limit: {limits}
ingestion_plans: [{{source: statsbomb, dataset_type: match}}]
""")
    return get_engine(config)


def run_daily(engine: IngestionEngine, time: SimulatedTime, days: int) -> list[RunReport]:
    reports = []
    for _ in range(days):
        reports.append(engine.load())
        time.sleep(DAY.total_seconds())
    return reports


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


def test_all_matches_get_there_within_the_days_that_their_requests_take(
    tmp_path: Path, provider: Simulator, time: SimulatedTime
) -> None:
    with open_engine(tmp_path, provider, "{requests_per_day: 10}") as engine:
        reports = run_daily(engine, time, 4)
        assert [report.totals.requests for report in reports] == [10, 10, 10, 2]
        assert [report.totals.new for report in reports] == [4, 4, 4, 0]
        assert reports[-1].state is RunState.FINISHED


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
