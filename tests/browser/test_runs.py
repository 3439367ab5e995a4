"""A run that goes on is followed until it ends; one whose process was killed is shown as gone."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ingestify import IngestionEngine, get_engine
from ingestify.cli.demo import CONFIG
from ingestify.clock import now
from ingestify.domain.run import JobSummary, RunState
from ingestify.store.leases import lease
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

from .conftest import let_in, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[IngestionEngine]:
    with Simulator(Season(matches=4, seed=1)) as provider:
        (folder / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url), encoding="utf-8")
        with get_engine(folder / "config.yaml") as engine:
            engine.load(progress=False)
            yield engine


@pytest.fixture(scope="module")
def address(folder: Path, engine: IngestionEngine) -> Iterator[str]:
    with serving(folder) as address:
        yield address


def begin(engine: IngestionEngine, name: str) -> JobSummary:
    """A job of a run of that name, which goes on."""
    (known, *_) = engine.store.catalogue.jobs.load(1)
    job = dataclasses.replace(
        known, job_id=f"job of {name}", run_id=name, state=RunState.RUNNING, started_at=now(), ended_at=None, end=None
    )
    engine.store.catalogue.jobs.save(job)
    return job


def test_a_run_is_followed_until_it_ends(browser: Browser, engine: IngestionEngine, address: str):
    job = begin(engine, "one-that-ends")
    with (
        contextlib.ExitStack() as held,
        let_in(browser, address) as page,
        let_in(browser, address, java_script_enabled=False) as without_scripts,
    ):
        held.enter_context(lease(engine.store.catalogue.leases, "run", job.run_id))
        page.goto(f"{address.partition('/?')[0]}/runs/{job.run_id}")
        expect(page.get_by_text("It goes on")).to_be_visible()
        without_scripts.goto(page.url)
        assert without_scripts.locator("meta[http-equiv=refresh]").count() == 1
        counters = dataclasses.replace(job.counters, discovered=77)
        engine.store.catalogue.jobs.save(dataclasses.replace(job, counters=counters, updated_at=now()))
        expect(page.get_by_text("77 matches")).to_be_visible()
        ended = dataclasses.replace(job, state=RunState.FINISHED, updated_at=now(), ended_at=now(), counters=counters)
        engine.store.catalogue.jobs.save(ended)
        expect(page.get_by_text("It goes on")).to_have_count(0)
        assert page.locator("[data-live]").count() == 0


def test_a_run_whose_process_is_gone_says_so(browser: Browser, engine: IngestionEngine, address: str):
    job = begin(engine, "one-that-was-killed")
    with let_in(browser, address) as page:
        page.goto(f"{address.partition('/?')[0]}/runs")
        expect(page.get_by_text("its process is gone")).to_be_visible()
        page.get_by_role("row").filter(has_text="its process is gone").get_by_role("link").click()
        expect(page.locator(".notice")).to_contain_text("Its process is gone")
        assert page.url.endswith(job.run_id)
        assert page.locator("[data-live]").count() == 0
