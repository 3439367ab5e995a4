"""kill -9 at each failpoint of the walk, on the real command line."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify.failpoints import NAMES
from tests.end_to_end.crashes.audit import audit
from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import CommandLine
from tests.support.relay_points import RELAY_POINTS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork and signals of POSIX")

_DELETING = [name for name in NAMES if name.startswith(("delete.", "removal."))]
# Of an adoption: test_adoption_killed; of tables: test_tables_killed; of budgets: test_budget_killed; of pushes:
# test_receive.
_ELSEWHERE = ("partial.", "adoption.", "tables.", "budget.", "push.", *RELAY_POINTS)
_RUNNING = [name for name in NAMES if name not in _DELETING and not name.startswith(_ELSEWHERE)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("failpoint", "number"),
    [(name, 1) for name in _RUNNING] + [(name, 3) for name in _RUNNING if name.startswith(("staging.", "publish."))],
)
def test_a_run_that_is_killed_there_loses_and_mixes_nothing(
    tmp_path: Path, command_line: CommandLine, failpoint: str, number: int
):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        # Once into an empty lake, and once while the provider's corrections come in.
        seen: dict[int, int] = {}
        was_killed = False
        for changed in (0, 3):
            season.change(random.Random(number), changed)
            ended = command_line.run(project, "run", failpoints=f"{failpoint}=kill@{number}")
            assert ended.code in (-signal.SIGKILL, 0), ended.err
            was_killed |= ended.code == -signal.SIGKILL
            seen = season.check(audit(project), current=False, at_least=seen)
            again = command_line.run(project, "run")
            assert again.code == 0, again.err
            after = audit(project)
            seen = season.check(after, current=True, at_least=seen)
            assert after.job_states["RUNNING"] == 0
        assert was_killed or number > 1, "it never came by"


@pytest.mark.parametrize("failpoint", _DELETING)
def test_a_delete_that_is_killed_there_leaves_no_row_without_its_object(
    tmp_path: Path, command_line: CommandLine, failpoint: str
):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        assert command_line.run(project, "run").code == 0
        ended = command_line.run(
            project, "delete", "--now", "--yes", "competition_id=811", failpoints=f"{failpoint}=kill"
        )
        assert ended.code == -signal.SIGKILL, ended.err
        season.check(audit(project), current=False)
        assert command_line.run(project, "run").code == 0
        season.check(audit(project), current=True)


def test_a_gc_that_is_killed_leaves_no_row_without_its_object(tmp_path: Path, command_line: CommandLine):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        for command in (["run"], ["delete", "--yes", "competition_id=811"], ["run"]):
            assert command_line.run(project, *command).code == 0
        assert command_line.run(project, "delete", "--yes", "competition_id=811").code == 0
        gc = ("gc", "--older-than", "0s", "--yes")
        ended = command_line.run(project, *gc, failpoints="delete.object_gone=kill@2")
        assert ended.code == -signal.SIGKILL, ended.err
        season.check(audit(project), current=False)
        assert command_line.run(project, *gc).code == 0
        assert not audit(project).unnamed
        assert command_line.run(project, "run").code == 0
        season.check(audit(project), current=True)


def test_the_installed_command_heeds_the_variable_and_says_so(tmp_path: Path):
    with ChangingSeason() as season:
        project = season.make_project(tmp_path)
        ran = subprocess.run(
            [sys.executable, "-m", "ingestify", "run"],
            cwd=project,
            env={**os.environ, "INGESTIFY_FAILPOINTS": "commit.written=kill"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == -signal.SIGKILL
        assert "INGESTIFY_FAILPOINTS is set" in ran.stderr
        assert season.check(audit(project), current=False) == {}
