"""Ctrl-C, SIGTERM and kill -9 during a run of the real command line: a correct lake and a truthful summary."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ingestify import get_engine
from ingestify.errors import LakeNotFound
from tests.end_to_end.running import ingestify, start
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  slow: {type: slow_source.SlowSource}
ingestion_plans:
  - {source: slow, dataset_type: match}
"""

SOURCE = '''
import datetime as dt
import time
from pathlib import Path

from ingestify import DatasetResource, DraftFile, Source

HERE = Path(__file__).parent


def load(file_resource, current_file, number):
    """The first ten are there at once; the others wait until the folder has a file called `go`."""
    while number >= 10 and not (HERE / "go").exists():
        time.sleep(0.05)
    return DraftFile.from_input(f"content {number}", "events")


class SlowSource(Source):
    provider = "slow"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        for number in range(200):
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            yield resource.add_file(
                dt.datetime(2024, 5, 1), "events", file_loader=load, loader_kwargs={"number": number}
            )
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "slow_source.py").write_text(SOURCE)
    return tmp_path


def rows(project: Path) -> list[Any]:
    with get_engine(project / "config.yaml") as engine:
        return engine.list_datasets()


def rows_so_far(project: Path) -> list[Any]:
    """Those of a lake that a run may be about to make."""
    with contextlib.suppress(LakeNotFound):
        return rows(project)
    return []


def ten_are_there(project: Path) -> bool:
    return len(rows_so_far(project)) >= 10


def status(project: Path) -> Any:
    return json.loads(ingestify(project, "status", "--json").out)


def check_lake(project: Path) -> set[int]:
    """Every dataset is whole; returns the matches that are there."""
    with get_engine(project / "config.yaml") as engine:
        numbers = set()
        for dataset in engine.list_datasets():
            number = dataset.identifier["match_id"]
            assert engine.store.load_files(dataset).get_file("events").read() == f"content {number}".encode()
            numbers.add(number)
    return numbers


def check_rerun_converges(project: Path) -> None:
    (project / "go").touch()
    ran = ingestify(project, "run")
    assert ran.code == 0, ran.err
    assert check_lake(project) == set(range(200))
    states = [job["state"] for run in status(project)["runs"] for job in run["jobs"]]
    assert states == ["FINISHED", "ABORTED"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_cleanly_and_keeps_what_finished(project: Path, number: signal.Signals):
    process = start(project)
    wait_until(lambda: ten_are_there(project))
    process.send_signal(number)
    assert process.stderr is not None
    said = process.stderr.readline()
    (project / "go").touch()  # now that it is stopping, what is in flight may finish
    out, rest = process.communicate(timeout=60)
    err = said + rest
    (project / "go").unlink()
    assert process.returncode == 130, err
    assert "Stopping: complete datasets are kept" in err
    assert "Interrupted: what had finished is kept" in err
    assert "Traceback" not in err
    assert " 0 failed" in out
    (job,) = status(project)["runs"][0]["jobs"]
    assert job["state"] == "ABORTED"
    assert job["new"] == len(check_lake(project)) >= 10
    check_rerun_converges(project)


def test_a_second_signal_leaves_at_once(project: Path):
    process = start(project)
    wait_until(lambda: ten_are_there(project))
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "Stopping" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    process.communicate()
    check_lake(project)
    check_rerun_converges(project)


def test_a_killed_run_is_found_dead_by_the_next(project: Path):
    process = start(project)
    wait_until(lambda: ten_are_there(project))
    process.kill()
    process.communicate()
    assert check_lake(project) >= set(range(10))
    (job,) = status(project)["runs"][0]["jobs"]
    assert job["state"] == "RUNNING"
    check_rerun_converges(project)
