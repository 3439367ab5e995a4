"""kill -9 of a run whose source has a budget: requests may be lost, and none is sent that is not counted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingestify.catalogue import SqlCatalogue
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import CommandLine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork and signals of POSIX")

_BLOCK = 3
_THREADS = 4


def counted(project: Path) -> int:
    catalogue = SqlCatalogue.open(f"sqlite:///{project}/lake/catalog.db")
    try:
        (use,) = catalogue.request_budgets.find()[0].values()
    finally:
        catalogue.close()
    return use.of_day


@pytest.mark.parametrize(
    ("failpoint", "number"), [("budget.reserved", 1), ("budget.reserved", 3), ("budget.returning", 1)]
)
def test_a_run_that_is_killed_loses_a_block_at_most(
    tmp_path: Path, command_line: CommandLine, failpoint: str, number: int
):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        config = project / "config.yaml"
        limit = f", rate_limit: {{requests_per_day: {100 * _BLOCK}}}}}\ningestion"
        config.write_text(config.read_text().replace("}\ningestion", limit))
        season.simulator.clear_requests()
        ended = command_line.run(project, "run", failpoints=f"{failpoint}=kill@{number}")
        assert ended.code == -signal.SIGKILL, ended.err
        lost = counted(project) - len(season.simulator.requests)
        assert 0 < lost <= _BLOCK + _THREADS, "a block, and what was about to be sent"
        assert command_line.run(project, "run").code == 0
        assert counted(project) - len(season.simulator.requests) == lost, "the second run gave its rest back"
        season.check(audit(project), current=True)
