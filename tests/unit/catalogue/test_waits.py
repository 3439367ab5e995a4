"""A lock that somebody else keeps is waited for once, and no longer than whoever waits is there."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify import DatasetResource, IngestionEngine, IngestionPlan, get_engine
from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases import retries
from ingestify.domain.run import RunState
from ingestify.errors import LakeUnwritable
from tests.support.catalogue_data import apply_one, job, read_all, with_file
from tests.support.lake_in_memory import FunctionSource

MANY = 30

LOCK_SECONDS = 0.4
"""How long a call waits for the lock; SQLite itself waits in slices of 0.05 s."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "catalog.db"
    SqlCatalogue.open(f"sqlite:///{found}").close()
    return found


@contextlib.contextmanager
def locked(path: Path, *, also_for_readers: bool = False) -> Iterator[None]:
    """Let somebody else keep the file's lock."""
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if also_for_readers:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    if also_for_readers:
        holder.execute("CREATE TABLE theirs (x)")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.fixture
def catalogue(path: Path) -> Iterator[SqlCatalogue]:
    opened = SqlCatalogue.open(f"sqlite:///{path}?timeout={LOCK_SECONDS}")
    yield opened
    opened.close()


def seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(LakeUnwritable, match=r"another process is writing to it.*lsof.*timeout="):
        act()
    return time.monotonic() - began


def test_a_writer_waits_once_for_all_that_write(
    catalogue: SqlCatalogue, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[Callable[[], object]] = [lambda: apply_one(catalogue, with_file()), lambda: catalogue.jobs.save(job())]
    tries: list[str] = []

    def note(conn: object, cursor: object, statement: str, *_: object) -> None:
        tries.extend(["a try"] * (statement == "BEGIN IMMEDIATE"))

    sa.event.listen(catalogue._database._engine, "before_cursor_execute", note)
    with locked(path):
        assert seconds(acts[0]) >= LOCK_SECONDS
        assert len(tries) > 2
        tries.clear()
        moment = time.monotonic()  # on a machine that is busy, ten tries may take longer than the time-out
        monkeypatch.setattr(retries, "monotonic", lambda: moment)
        for number in range(10):
            seconds(acts[number % 2])
        assert len(tries) == 10
        assert read_all(catalogue) == []
    apply_one(catalogue, with_file())


def test_a_lock_that_was_had_again_is_waited_for_again(catalogue: SqlCatalogue, path: Path) -> None:
    with locked(path):
        seconds(lambda: catalogue.jobs.save(job()))
    catalogue.jobs.save(job())
    with locked(path):
        assert seconds(lambda: catalogue.jobs.save(job())) >= LOCK_SECONDS


def test_a_lock_is_waited_for_again_after_a_while(catalogue: SqlCatalogue, path: Path) -> None:
    with locked(path):
        seconds(lambda: catalogue.jobs.save(job()))
        time.sleep(LOCK_SECONDS + 0.1)
        assert seconds(lambda: catalogue.jobs.save(job())) >= LOCK_SECONDS


def test_a_writer_has_the_lock_as_soon_as_it_is_free(catalogue: SqlCatalogue, path: Path) -> None:
    saved = threading.Event()

    def save() -> None:
        catalogue.jobs.save(job())
        saved.set()

    thread = threading.Thread(target=save)
    with locked(path):
        thread.start()
        assert not saved.wait(0.3)
    assert saved.wait(30)
    thread.join()


def test_readers_wait_no_longer_either(path: Path) -> None:
    with locked(path, also_for_readers=True):
        assert LOCK_SECONDS <= seconds(lambda: SqlCatalogue.open(f"sqlite:///{path}?timeout={LOCK_SECONDS}")) < 30


def test_hurry_ends_what_waits_in_a_second_and_calm_waits_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert retries.LIMITED_WAIT_SECONDS == 1
    monkeypatch.setattr(retries, "LIMITED_WAIT_SECONDS", LOCK_SECONDS)
    catalogue = SqlCatalogue.open(f"sqlite:///{path}?timeout=60")
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(seconds(lambda: catalogue.jobs.save(job()))))
    with locked(path):
        thread.start()
        time.sleep(0.1)
        catalogue.limit_lock_waits()
        thread.join(30)
        assert LOCK_SECONDS <= took[0] < 20
        assert seconds(lambda: catalogue.jobs.save(job())) < 20
        catalogue.restore_lock_waits()
        again = threading.Thread(target=catalogue.jobs.save, args=(job(),))
        again.start()
        again.join(2 * LOCK_SECONDS)
        assert again.is_alive()
    again.join(30)
    catalogue.close()


@pytest.fixture
def engine(path: Path, tmp_path: Path) -> Iterator[IngestionEngine]:
    opened = get_engine(
        metadata_url=f"sqlite:///{path}?timeout={LOCK_SECONDS}", file_url=f"file://{tmp_path / 'files'}"
    )
    yield opened
    opened.close()


def plan_of(*, before_each: Callable[[int], object] = lambda _: None) -> IngestionPlan:
    def find(**_: object) -> Iterator[DatasetResource]:
        for number in range(MANY):
            before_each(number)
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            yield resource.add_file(None, "events", json_content={"n": number})

    return IngestionPlan(FunctionSource(find), "match")


def test_a_run_stops_when_a_lock_was_not_had_in_time_and_says_so_once(
    engine: IngestionEngine, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locks = [locked(path)]
    with contextlib.ExitStack() as held:
        engine.add_ingestion_plan(plan_of(before_each=lambda _: held.enter_context(locks.pop()) if locks else None))
        began = time.monotonic()
        report = engine.run_report()
        assert time.monotonic() - began < MANY * LOCK_SECONDS / 2  # not for each of them
    assert isinstance(report.error, LakeUnwritable)
    assert report.state is RunState.FAILED
    assert (report.totals.new, report.totals.failed) == (0, 0)
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert engine.run_report().totals.new == MANY


WAITS = """
import signal, sys
from ingestify import get_datastore
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts in the background ignore it
store = get_datastore(metadata_url=f"sqlite:///{sys.argv[1]}?timeout=60", file_url=f"file://{sys.argv[1]}-files")
print("open", flush=True)
store.invalidate_revisions(store.iter_dataset_collection_batches())
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_wait_of_the_main_thread(path: Path) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    apply_one(catalogue, with_file())
    catalogue.close()
    with locked(path):
        process = subprocess.Popen(
            [sys.executable, "-c", WAITS, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == -signal.SIGINT
        process.stdout.close()
