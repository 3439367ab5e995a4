"""Each operation of each port fails once, or from then on: nothing is lost or mixed, and the next run puts it right."""

from __future__ import annotations

import datetime as dt
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.clock import reading
from ingestify.domain.run import RunState
from ingestify.errors import FetchError, IngestifyError, LakeUnwritable, StoreError
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.faults import Faults, FaultyStorage, faulty_catalogue, faulty_fetcher
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.sizes import sizes

MOST_OPERATIONS = 400


def open_engine(project: Path, season: ChangingSeason) -> IngestionEngine:
    engine = get_engine(
        metadata_url=f"sqlite:///{project}/lake/catalog.db", file_url=f"file://{project}/lake/files", bucket="main"
    )
    source = StatsBombGithub("statsbomb", base_url=season.simulator.base_url)
    engine.add_ingestion_plan(IngestionPlan(source, "match"))
    return engine


def break_storage(engine: IngestionEngine, faults: Faults) -> None:
    engine.store.storage = engine.store.objects.storage = FaultyStorage(engine.store.storage, faults)


def break_catalogue(engine: IngestionEngine, faults: Faults) -> None:
    engine.store.catalogue = faulty_catalogue(engine.store.catalogue, faults)


def break_network(engine: IngestionEngine, faults: Faults) -> None:
    make = engine._sources._make_fetcher
    engine._sources._make_fetcher = lambda source: faulty_fetcher(make(source), faults)
    plans = engine.ingestion_plans
    engine._sources.plans.clear()
    engine._sources._fetchers.clear()
    for plan in plans:
        engine.add_ingestion_plan(plan)


def disk_is_full(name: str) -> BaseException:
    error = LakeUnwritable(f"Cannot {name}: the disk is full")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


CASES: dict[str, tuple[Callable[[IngestionEngine, Faults], None], dict[str, Any]]] = {
    "storage refuses once": (break_storage, {"error": lambda name: StoreError(f"cannot {name}")}),
    "storage answers too late": (break_storage, {"error": lambda name: StoreError(f"cannot {name}"), "after": True}),
    "storage is full from then on": (break_storage, {"error": disk_is_full, "lasting": True}),
    "catalogue refuses once": (break_catalogue, {"error": lambda name: StoreError(f"cannot {name}")}),
    "catalogue answers too late": (
        break_catalogue,
        {"error": lambda name: StoreError(f"cannot {name}"), "after": True},
    ),
    "catalogue is gone from then on": (
        break_catalogue,
        {"error": lambda name: StoreError(f"cannot {name}"), "lasting": True},
    ),
    "network breaks once": (break_network, {"error": lambda name: FetchError(f"cannot {name}")}),
    "network breaks once, late": (break_network, {"error": lambda name: FetchError(f"cannot {name}"), "after": True}),
    "network is gone from then on": (
        break_network,
        {"error": lambda name: FetchError(f"cannot {name}"), "lasting": True},
    ),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("matches", "step"), sizes((2, 4), (4, 1)))
@pytest.mark.parametrize("case", CASES)
def test_whichever_operation_fails_the_lake_is_whole_and_the_next_run_converges(
    tmp_path: Path, case: str, matches: int, step: int
):
    break_port, how = CASES[case]
    with ChangingSeason(matches=matches) as season:
        for number in range(1, MOST_OPERATIONS, step):
            project = tmp_path / str(number)
            faults = Faults(number, **how)
            with open_engine(project, season) as engine:
                break_port(engine, faults)
                try:
                    report = engine.run_report()
                    stopped = report.state is not RunState.FINISHED
                    assert not (case == "storage is full from then on" and faults.was_reached) or stopped
                except IngestifyError:
                    pass  # told, by an error of ours
            seen = season.check(audit(project), current=False)
            with open_engine(project, season) as engine:
                again = engine.load()
            assert (again.totals.failed, again.state) == (0, RunState.FINISHED)
            after = audit(project)
            season.check(after, current=True, at_least=seen)
            assert after.job_states["RUNNING"] == 0
            if not faults.was_reached:
                break
        else:
            pytest.fail("it never ends")
        assert number > 5, "there was hardly anything to fail"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("jump", [dt.timedelta(days=-2000), dt.timedelta(days=2000)])
def test_a_clock_that_jumps_changes_no_data(tmp_path: Path, jump: dt.timedelta):
    with ChangingSeason(matches=4) as season:
        for number in (1, 2, 5, 9, 14, 20, 27, 35):
            calls = 0

            def jumping(number: int = number) -> dt.datetime:
                nonlocal calls
                calls += 1
                return dt.datetime.now(dt.UTC) + (jump if calls >= number else dt.timedelta())

            project = tmp_path / str(number)
            with open_engine(project, season) as engine, reading(jumping):
                assert engine.load().totals.new == 4
            assert calls >= number
            season.check(audit(project), current=True)
            season.simulator.clear_requests()
            with open_engine(project, season) as engine:
                assert engine.load().totals.unchanged == 4
            assert len(season.simulator.requests) == 2, "only the indexes were asked for"
