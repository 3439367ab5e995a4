"""kill -9 at each point of a relay, on the real command line: a consumer that drops repeats sees each event once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.crashes.season import ChangingSeason
from tests.support.command_line import Command, CommandLine
from tests.support.relay_points import RELAY_POINTS

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"), pytest.mark.slow]

PUBLISHERS = """
event_publishers:
  - {name: file, type: ingestify.json_lines, configuration: {path: out.jsonl}}
  - {name: slow, type: "slow_bus.SlowBus", configuration: {path: slow.jsonl}}
"""

# A system that takes one message at a time, so that a relay can be killed between any two.
SLOW_BUS = """
from ingestify import Publisher
from ingestify.publishers.json_lines import JsonLines


class SlowBus(Publisher):
    batch_size = 1

    def __init__(self, path):
        self.file = JsonLines(path)

    def publish(self, messages):
        self.file.publish(messages)
"""


def make_project(season: ChangingSeason, folder: Path) -> Path:
    project = season.make_project(folder)
    config = project / "config.yaml"
    config.write_text(config.read_text() + PUBLISHERS)
    (project / "slow_bus.py").write_text(SLOW_BUS)
    return project


def consumed(path: Path) -> list[tuple[int, str]]:
    """Position and dataset of each message, as a consumer that drops repeats by their id sees them."""
    seen: dict[str, tuple[int, str]] = {}
    for line in path.read_bytes().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a line that a killed process left half written was not acknowledged: it comes again
        seen.setdefault(event["id"], (event["data"]["position"], event["subject"]))
    return list(seen.values())


def check(project: Path, command_line: CommandLine) -> None:
    listed = command_line.run(project, "events", "list", "--json")
    logged = [(one["position"], one["dataset"]["dataset_id"]) for one in map(json.loads, listed.out.splitlines())]
    assert logged
    for name in ("out.jsonl", "slow.jsonl"):
        got = consumed(project / name)
        assert sorted(got) == logged, "each event, once"
        for dataset_id in {one for _, one in logged}:
            own = [position for position, of in got if of == dataset_id]
            assert own == sorted(own), "the order of a dataset"
    assert [position for position, _ in consumed(project / "out.jsonl")] == [position for position, _ in logged]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("failpoint", RELAY_POINTS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_relay_that_is_killed_there_loses_nothing_and_keeps_the_order(
    tmp_path: Path, command_line: CommandLine, failpoint: str, number: int
):
    with ChangingSeason() as season:
        project = make_project(season, tmp_path)
        rng = random.Random(number)
        was_killed = False
        for changed in (0, 3, 1):
            season.change(rng, changed)
            assert command_line.run(project, "run").code == 0
            ended = command_line.run(project, "publish", failpoints=f"{failpoint}=kill@{number}")
            was_killed |= ended.code == -9
        assert was_killed, "it never came by"
        assert command_line.run(project, "publish").code == 0
        check(project, command_line)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(4))
def test_relays_killed_at_random_beside_runs_that_are_killed_too(tmp_path: Path, command_line: CommandLine, seed: int):
    with ChangingSeason() as season:
        project = make_project(season, tmp_path)
        rng = random.Random(seed)
        for _ in range(6):
            season.change(rng, rng.randint(0, 2))
            commands: list[Sequence[str]] = [["run"], ["publish"], ["publish", "--publisher", "slow"]]
            command_line.run_all(
                [
                    Command(project, one, kill_after=rng.uniform(0.05, 1.2) if rng.random() < 0.6 else None)
                    for one in commands
                ]
            )
        assert command_line.run(project, "run").code == 0
        assert command_line.run(project, "publish").code == 0
        check(project, command_line)


def test_a_second_relay_waits_and_takes_over_when_the_first_one_is_killed(tmp_path: Path, command_line: CommandLine):
    with ChangingSeason(matches=3) as season:
        project = make_project(season, tmp_path)
        assert command_line.run(project, "run").code == 0
        first, second = _follow(project), None
        try:
            _wait_for(lambda: len(_lines(project)) >= 9)  # each match is created, revised, and warned of
            second = _follow(project)
            refused = command_line.run(project, "publish", "--publisher", "file")
            assert refused.code == 1
            assert "Another process publishes for 'file'" in refused.err
            first.send_signal(signal.SIGKILL)
            first.wait()
            before = len(_lines(project))
            season.change(random.Random(1), 2)
            assert command_line.run(project, "run").code == 0
            _wait_for(lambda: len(_lines(project)) == before + 4)
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0
        finally:
            for one in (first, second):
                if one is not None:
                    one.kill()
                    one.communicate()
        assert command_line.run(project, "publish").code == 0
        check(project, command_line)


def _follow(project: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingestify", "publish", "--follow", "--poll", "0.05"],
        cwd=project,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _lines(project: Path) -> list[tuple[int, str]]:
    path = project / "out.jsonl"
    return consumed(path) if path.exists() else []


def _wait_for(condition) -> None:
    end = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
