"""Machines that publish the events of one lake in PostgreSQL and S3, and are killed: each event once, in its order."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.crashes.season import ChangingSeason
from tests.end_to_end.crashes.test_publish_killed import consumed
from tests.integration.catalogue.servers import reach
from tests.integration.lake_servers import SharedLake, shared_lake
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.support.command_line import Command, CommandLine, shared_command_line
from tests.support.relay_points import RELAY_POINTS
from tests.support.sizes import sizes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork are POSIX")

MACHINES = 3


@pytest.fixture
def lake(moto: str) -> Iterator[SharedLake]:  # noqa: F811 - the fixture
    with shared_lake(reach("postgresql"), moto) as made:
        yield made


@pytest.fixture
def command_line(credentials: None) -> CommandLine:  # noqa: F811 - with what it puts into the environment
    return shared_command_line()


@pytest.mark.parametrize("rounds", sizes(3, 12))
def test_machines_that_publish_and_die_pass_each_event_on(tmp_path: Path, lake, command_line, rounds):
    rng = random.Random(rounds)
    with ChangingSeason(matches=2, seed=3, seasons=2) as season:
        machines = [lake.write_config(tmp_path / f"machine-{n}", season.simulator.base_url) for n in range(MACHINES)]
        for machine in machines:
            settings = json.loads((machine / "config.yaml").read_text())
            bus = {"name": "bus", "type": "ingestify.json_lines", "configuration": {"path": str(tmp_path / "bus")}}
            (machine / "config.yaml").write_text(json.dumps({**settings, "event_publishers": [bus]}))
        assert command_line.run(machines[0], "run").code == 0
        killed = 0
        for _ in range(rounds):
            season.change(rng, 2)
            commands = [
                Command(
                    machine,
                    ["run", "--publish"] if number == 0 else ["publish"],
                    failpoints=f"{rng.choice(RELAY_POINTS)}=kill" if rng.random() < 0.5 else "",
                )
                for number, machine in enumerate(machines)
            ]
            ended = command_line.run_all(commands)
            killed += sum(one.code == -signal.SIGKILL for one in ended)
            for one in ended:
                # 1: another machine publishes at the moment; 3: the same after a run.
                assert one.code in (0, 1, 3, -signal.SIGKILL), one.err
                assert "Traceback" not in one.err
                if one.code in (1, 3):
                    assert "Another process publishes for 'bus'" in one.err
        assert killed
        assert command_line.run(machines[1], "publish").code == 0
        listed = command_line.run(machines[0], "events", "list", "--json").out
        logged = [(one["position"], one["dataset"]["dataset_id"]) for one in map(json.loads, listed.splitlines())]
        assert consumed(tmp_path / "bus") == logged
