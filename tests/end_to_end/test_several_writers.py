"""Several processes on one SQLite lake, over the real command line: one truth, and nobody is told of locks."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, get_engine
from ingestify.domain.run import RunState
from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator
from tests.support.command_line import Command, shared_command_line

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
"""

MATCHES = 10


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=MATCHES, seed=5, events_per_match=30), latency_seconds=0.02) as simulator:
        simulator.prepare()
        yield simulator


@pytest.fixture
def project(tmp_path: Path, provider: Simulator) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=provider.base_url))
    return tmp_path


@pytest.fixture
def engine(project: Path) -> Iterator[IngestionEngine]:
    with get_engine(project / "config.yaml") as opened:
        yield opened


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingestify", *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str], codes: tuple[int, ...] = (0,)) -> str:
    """Wait for one, and return all that it said."""
    said = process.communicate(timeout=100)[0]
    return check_said([(process.returncode, said)], codes)


def run_all(project: Path, *commands: Sequence[str], codes: tuple[int, ...] = (0,)) -> str:
    """Run commands side by side to their ends, and return all that they said."""
    ended = shared_command_line().run_all([Command(project, command) for command in commands])
    return check_said([(one.code, one.out + one.err) for one in ended], codes)


def check_said(ended: Sequence[tuple[int, str]], codes: tuple[int, ...] = (0,)) -> str:
    for code, said in ended:
        assert code in codes, said
    together = "\n".join(said for _, said in ended)
    assert "lock" not in together.lower()
    assert "Traceback" not in together
    return together


class Truth:
    """What the provider served of each match: pairs of events and lineups that belong together."""

    def __init__(self, provider: Simulator) -> None:
        self._provider = provider
        self.pairs: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for match_id in provider.match_ids:
            self.note(match_id)

    def note(self, match_id: int) -> None:
        self.pairs[match_id].append((self._hash(f"events/{match_id}"), self._hash(f"lineups/{match_id}")))

    def correct(self, match_id: int) -> None:
        """Both files change. Nobody else changes anything, so that this is the next pair."""
        self._provider.correct(match_id, "events", "lineups")
        self.note(match_id)

    def _hash(self, path: str) -> str:
        with urllib.request.urlopen(f"{self._provider.base_url}/{path}.json", timeout=30) as answer:
            return hashlib.sha256(answer.read()).hexdigest()


def check(engine: IngestionEngine, truth: Truth) -> list[Any]:
    """Every dataset is whole and of one moment; returns them."""
    datasets = engine.list_datasets()
    identities = [str(dataset.identifier) for dataset in datasets]
    assert len(set(identities)) == len(identities)
    for dataset in datasets:
        numbers = [revision.revision_id for revision in dataset.revisions]
        assert numbers == list(range(len(numbers)))
        hashes = {}
        for file in engine.store.load_files(dataset):
            hashes[file.data_feed_key] = hashlib.sha256(file.read()).hexdigest()
            assert hashes[file.data_feed_key] == file.tag
        assert (hashes["events"], hashes["lineups"]) in truth.pairs[dataset.identifier["match_id"]]
    return datasets


def check_everything(engine: IngestionEngine, truth: Truth) -> None:
    """The lake is the provider, and what it was before is there too."""
    datasets = check(engine, truth)
    assert len(datasets) == len(truth.pairs)
    for dataset in datasets:
        tags = {file.data_feed_key: file.tag for file in dataset.files.values()}
        assert (tags["events"], tags["lineups"]) == truth.pairs[dataset.identifier["match_id"]][-1]
        # Each revision brought something: of two writers with the same bytes, one did.
        brought = [tuple(sorted((f.file_id, f.tag) for f in one.modified_files)) for one in dataset.revisions]
        assert len(set(brought)) == len(brought)
        for revision in dataset.revisions:
            for file in revision.modified_files:
                with engine.store.opener(file)() as stream:
                    assert hashlib.sha256(stream.read()).hexdigest() == file.tag
    jobs = engine.store.load_ingestion_job_summaries()
    assert [job for job in jobs if job.state is RunState.RUNNING] == []
    events = engine.store.catalogue.event_log.read(0, 10_000)
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    created = [event.dataset.dataset_id for event in events if event.event_type == "dataset_created"]
    assert len(created) == len(set(created)) == len(datasets)
    assert sum(event.event_type == "revision_added" for event in events) == sum(len(d.revisions) for d in datasets)
    assert not list(Path(engine.store.storage.root).parent.glob("*-locks"))  # type: ignore[attr-defined]


def test_many_that_make_the_same_new_lake_at_once(project: Path, provider: Simulator):
    makers = [("run",), ("run", "match_id=1"), ("run",), ("sync-indexes",)]
    processes = [start(project, *command) for command in makers]  # real ones, which migrate the lake
    readers = [start(project, *command) for command in (("status",), ("list",))]
    for process in processes:
        end(process)
    for process in readers:
        end(process, codes=(0, 1))  # there may be no lake yet
    with get_engine(project / "config.yaml") as engine:
        check_everything(engine, Truth(provider))


def test_runs_of_the_same_and_readers_beside_them(project: Path, provider: Simulator, engine: IngestionEngine):
    truth = Truth(provider)
    engine.store.create()
    ended = threading.Event()
    problems: list[BaseException] = []
    rounds = 0

    def read() -> None:
        nonlocal rounds
        try:
            with get_engine(project / "config.yaml") as reader:
                while not ended.is_set():
                    check(reader, truth)
                    rounds += 1
        except BaseException as problem:  # it is raised by the test
            problems.append(problem)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        run_all(project, *[["run"]] * 4)
        for match_id in provider.match_ids[::2]:
            truth.correct(match_id)
        run_all(project, *[["run"]] * 4)
    finally:
        ended.set()
        reading.join()
    if problems:
        raise problems[0]
    assert rounds > 0
    check_everything(engine, truth)


def test_overlapping_runs_while_the_provider_corrects_its_files(
    project: Path, provider: Simulator, engine: IngestionEngine
):
    """None of them has the same job, so that only the check of the head revision keeps them apart."""
    truth = Truth(provider)
    numbers = [str(match_id) for match_id in provider.match_ids]
    selections = [[], [f"match_id={','.join(numbers)}"], [f"match_id={','.join(numbers[:7])}"]]
    selections.append([f"match_id={','.join(numbers[3:])}"])
    engine.load(match_id=numbers[: MATCHES // 2])  # so that some get a revision, and the others come into the lake
    for match_id in provider.match_ids:
        truth.correct(match_id)
    provider.latency_seconds = 0.25  # so that they meet
    provider.clear_requests()
    commands = [["run", "--json", *selection] for selection in selections]
    moving = provider.match_ids[4]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_all, project, *commands, codes=(0, 3))
        while not any("events" in path for path in provider.paths()):
            assert not running.done()
            threading.Event().wait(0.01)
        truth.correct(moving)  # while they are at it
    for line in running.result().splitlines():
        # What moved too often is left to the next run; that others were faster is no reason to fail.
        if line.startswith("{") and (said := json.loads(line)).get("outcome") == "failed":
            assert str(moving) in said["identifier"], said
            assert "changed it while it was being fetched" in said["error"]
    provider.latency_seconds = 0
    run_all(project, ["run"])
    check_everything(engine, truth)


def test_a_writer_that_takes_its_time_only_delays(project: Path, provider: Simulator, engine: IngestionEngine):
    engine.store.create()
    holder = sqlite3.connect(project / "database" / "catalog.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = start(project, "run")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    assert engine.list_datasets() == []  # readers need not wait
    holder.execute("ROLLBACK")
    holder.close()
    assert f"{MATCHES} new" in end(process)
    check_everything(engine, Truth(provider))


def test_what_another_run_is_at_is_skipped_until_that_one_is_killed(project: Path, provider: Simulator):
    provider.add_fault(Fault("matches/*", "stall", seconds=100))
    first = start(project, "run")
    while not list((project / "database").glob("catalog.db-locks/*")):
        assert first.poll() is None
        threading.Event().wait(0.02)
    second = start(project, "run")
    said = end_skipped(second)
    assert f"another run of this job is going on: process {first.pid} on host " in said
    assert "0 matches: 0 new" in said
    narrow = start(project, "run", "season_id=27")  # the same selector, named by a filter
    assert "lists no" not in end_skipped(narrow)
    (skipped, *_) = json.loads(run_all(project, ["status", "--json"]))["runs"]
    assert [job["state"] for job in skipped["jobs"]] == ["SKIPPED"]
    first.kill()
    first.communicate()
    provider.clear_faults()
    assert f"{MATCHES} new" in run_all(project, ["run"])
    with get_engine(project / "config.yaml") as engine:
        check_everything(engine, Truth(provider))
        states = [job.state for job in engine.store.load_ingestion_job_summaries()]
    assert states == [RunState.FINISHED, RunState.SKIPPED, RunState.SKIPPED, RunState.ABORTED]


def end_skipped(process: subprocess.Popen[str]) -> str:
    said = end(process)
    assert "skipped: statsbomb: " in said
    return said
