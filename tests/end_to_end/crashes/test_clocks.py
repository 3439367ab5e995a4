"""Processes whose clocks differ by days, and a collection beside a run that is suspended before its commit."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from ingestify import get_engine
from ingestify.domain.run import RunReport, RunState
from ingestify.failpoints import installed
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import CommandLine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork and signals of POSIX")

DAY = 86_400.0


@pytest.mark.parametrize("ahead", [-2 * DAY, 2 * DAY])
def test_no_collection_takes_from_a_run_what_it_is_about_to_name(
    tmp_path: Path, command_line: CommandLine, ahead: float
):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        objects = project / "lake" / "files" / "main"
        is_synced, goes_on = threading.Event(), threading.Event()

        def wait() -> None:
            if any(objects.rglob("*.json*")):  # the first object that is published says whose the lake is
                is_synced.set()
                assert goes_on.wait(60)

        reports: list[RunReport] = []

        def run() -> None:
            with get_engine(project / "config.yaml") as engine:
                reports.append(engine.run_report())

        with installed({"publish.synced": wait}):
            running = threading.Thread(target=run)
            running.start()
            assert is_synced.wait(60)
            refused = command_line.run(project, "gc", "--yes", "--older-than", "59m", clock_ahead=ahead)
            collected = command_line.run(project, "gc", "--yes", clock_ahead=ahead)
            goes_on.set()
            running.join()
        assert refused.code == 1, refused.out
        assert "Somebody writes to the lake (run: process" in refused.err
        assert collected.code == 0, collected.err
        assert collected.out.startswith("0 files") == (ahead < 0), "a clock that is ahead takes what was just written"
        assert (reports[0].state, reports[0].totals.failed) == (RunState.FINISHED, 0)
        season.check(audit(project), current=True)


def test_each_run_has_another_clock_and_nothing_is_lost_or_stale(tmp_path: Path, command_line: CommandLine):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        rng = random.Random(1)
        for ahead in (DAY, -DAY, 3600.0, -3600.0, 0.0, DAY, 0.0):
            ended = command_line.run(project, "run", clock_ahead=ahead)
            assert ended.code == 0, ended.err
            found = audit(project)
            season.check(found, current=True)
            assert found.job_states["RUNNING"] == 0
            assert found.job_states["ABORTED"] == 0
            season.change(rng, 2)
