"""Commits of a run that raise: each event is told once, and nothing that may be named is removed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.domain.run import RunState
from tests.support.lake_in_memory import FunctionSource, Recorder, match

NUMBERS = range(12)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[IngestionEngine]:
    made = get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files")
    made.add_ingestion_plan(IngestionPlan(FunctionSource(lambda **_: [match(n, {"n": n}) for n in NUMBERS]), "match"))
    made.store.create()
    yield made
    made.close()


class Driver:
    """Lets commits that write datasets raise, after or instead of doing it."""

    def __init__(self, engine: IngestionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        database = engine.store.catalogue._database  # type: ignore[attr-defined]
        dialect = database._engine.dialect
        commit, connect = dialect.do_commit, dialect.connect
        self.failures = 0
        self.happens = self.loses_all = False
        self.is_lost = False
        committed = 0

        def do_commit(connection: Any) -> None:
            nonlocal committed
            count = connection.execute("SELECT count(*) FROM dataset").fetchone()[0]
            wrote = count > committed
            if not wrote or not self.failures:
                commit(connection)
                committed = count
                return
            self.failures -= 1
            if self.happens:
                commit(connection)
                committed = count
            self.is_lost = self.loses_all
            raise sqlite3.OperationalError("disk I/O error")

        def do_connect(*args: Any, **kwargs: Any) -> Any:
            if self.is_lost:
                raise sqlite3.OperationalError("unable to open database file")
            return connect(*args, **kwargs)

        monkeypatch.setattr(dialect, "do_commit", do_commit)
        monkeypatch.setattr(dialect, "connect", do_connect)


def objects(folder: Path) -> list[Path]:
    files = (folder / "files").rglob("*")
    return [path for path in files if path.is_file() and ".staging" not in path.parts and path.name != ".lake.json"]


@pytest.mark.parametrize("happens", [True, False], ids=["it happened", "it did not"])
def test_subscribers_are_told_once_of_each_dataset(engine, monkeypatch, tmp_path, happens):
    recorder = Recorder(engine.store)
    engine.store.publisher.add_subscriber(recorder)
    driver = Driver(engine, monkeypatch)
    driver.failures, driver.happens = 1, happens
    report = engine.load()
    assert driver.failures == 0
    assert (report.totals.new, report.totals.failed) == (len(NUMBERS), 0)
    told = [(event.position, event.event_type, event.dataset.dataset_id) for event in recorder.events]
    logged = [
        (event.position, event.event_type, event.dataset.dataset_id)
        for event in engine.store.catalogue.event_log.read(0, 1000)
    ]
    assert told == logged
    assert len(told) == 2 * len(NUMBERS)
    assert engine.load().totals.unchanged == len(NUMBERS)


@pytest.mark.parametrize("happens", [True, False], ids=["it happened", "it did not"])
def test_where_it_cannot_be_looked_up_nothing_is_removed_and_the_next_run_finds_out(
    engine, monkeypatch, tmp_path, happens
):
    driver = Driver(engine, monkeypatch)
    driver.failures, driver.happens, driver.loses_all = 1, happens, True
    engine.store.catalogue._database._engine.pool.dispose()
    report = engine.load()
    assert driver.failures == 0
    assert report.totals.failed >= 1
    assert any("could not be looked up either" in task.error for task in report.failed_tasks)
    kept = len(objects(tmp_path))
    assert kept >= report.totals.failed
    driver.is_lost = False
    report = engine.load()
    assert report.state is RunState.FINISHED
    assert report.totals.failed == 0
    datasets = engine.list_datasets()
    assert len(datasets) == len(NUMBERS)
    assert all([revision.revision_id for revision in dataset.revisions] == [0] for dataset in datasets)
    for dataset in datasets:
        number = dataset.identifier["match_id"]
        assert engine.store.load_files(dataset).get_file("events").json() == {"n": number}
    assert len(objects(tmp_path)) == len(NUMBERS)
