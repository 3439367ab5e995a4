"""Builds of one table by several machines, of a lake in PostgreSQL and S3: nothing is doubled, and nothing lost."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from ingestify import get_engine
from tests.end_to_end.crashes.season import ChangingSeason
from tests.integration.catalogue.servers import reach
from tests.integration.lake_servers import SharedLake, shared_lake
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.integration.storage.servers import BUCKET
from tests.support.command_line import TABLE_MODULES, Command, CommandLine, shared_command_line

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork are POSIX")

FUNCTIONS = """
import polars as pl


def events(files, dataset):
    return pl.DataFrame({"event_id": [one["id"] for one in files["events"].json()]})
"""


@pytest.fixture
def lake(moto: str) -> Iterator[SharedLake]:  # noqa: F811 - the fixture
    with shared_lake(reach("postgresql"), moto) as made:
        yield made


@pytest.fixture
def command_line(credentials: None) -> CommandLine:  # noqa: F811 - with what it puts into the environment
    return shared_command_line(*TABLE_MODULES)


def make_machine(folder: Path, lake: SharedLake, season: ChangingSeason) -> Path:
    lake.write_config(folder, season.simulator.base_url)
    settings = json.loads((folder / "config.yaml").read_text())
    settings["tables"] = {"build": ["own"], "own": [{"name": "own", "function": "functions:events"}]}
    (folder / "config.yaml").write_text(json.dumps(settings))
    (folder / "functions.py").write_text(FUNCTIONS)
    return folder


def check(machine: Path, lake: SharedLake) -> None:
    """The table has the events of each match of the lake, once."""
    with get_engine(machine / "config.yaml") as engine:
        expected = {
            dataset.dataset_id: Counter(one["id"] for one in dataset.require_file("events").json())
            for dataset in engine.iter_datasets()
        }
    options = {"aws_endpoint_url": lake.endpoint, "aws_region": "us-east-1", "allow_http": "true"}
    table = DeltaTable(f"s3://{BUCKET}/{lake.prefix}/tables/main/own", storage_options=options)
    found: dict[str, Counter[str]] = {}
    for dataset_id, event_id in pl.DataFrame(table.to_pyarrow_table()).select("dataset_id", "event_id").iter_rows():
        found.setdefault(dataset_id, Counter())[event_id] += 1
    assert found == expected


@pytest.mark.timeout(300)
def test_builds_at_once_of_which_some_are_killed(tmp_path: Path, lake: SharedLake, command_line: CommandLine):
    rng = random.Random(7)
    with ChangingSeason(matches=4, seed=3) as season:
        machines = [make_machine(tmp_path / f"machine-{n}", lake, season) for n in range(2)]
        for killed in (False, True, True):
            season.change(rng, 2)
            assert command_line.run(machines[0], "run").code == 0
            points = ("tables.made=kill", "tables.created=kill", "tables.committed=kill") if killed else ("",)
            commands = [
                Command(machine, ["tables", "build"], rng.choice(points) if number == 0 else "")
                for number, machine in enumerate(machines)
            ]
            for ended in command_line.run_all(commands):
                assert ended.code in (0, -signal.SIGKILL), ended.err
            check(machines[0], lake)
        with get_engine(machines[0] / "config.yaml") as engine:
            assert not engine.verify_tables(make_rows=True).faults
