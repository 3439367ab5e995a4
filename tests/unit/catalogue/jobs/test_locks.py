"""One run at a job at a time, for each kind of database; the lock ends with its process."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.jobs.locks import FileLocks
from ingestify.domain.run import JobHolder
from tests.support.catalogue_data import PROCESS, T0

HOLDER = JobHolder(PROCESS, T0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db-locks"


def test_the_folder_is_there_as_long_as_a_lock_is(folder: Path):
    locks = FileLocks(folder)
    one, two = locks.try_lock("one", HOLDER), locks.try_lock("two", HOLDER)
    assert one is not None
    assert two is not None
    assert len(list(folder.iterdir())) == 2
    one.release()
    assert len(list(folder.iterdir())) == 1
    two.release()
    two.release()
    assert not folder.exists()


def test_a_lock_that_was_released_twice_is_not_taken_from_the_next(folder: Path):
    locks = FileLocks(folder)
    first = locks.try_lock("job", HOLDER)
    assert first is not None
    first.release()
    second = locks.try_lock("job", HOLDER)
    first.release()
    assert second is not None
    assert locks.try_lock("job", HOLDER) is None
    second.release()


def test_of_many_threads_one_has_it_at_a_time(folder: Path):
    inside, most, done = 0, 0, []
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        locks = FileLocks(folder)
        while len(done) < 300:
            lock = locks.try_lock("job", HOLDER)
            if lock is None:
                continue
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
                done.append(1)
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not folder.exists()


@pytest.mark.slow
def test_a_killed_process_has_its_lock_no_more(folder: Path):
    script = (
        "import sys, datetime as dt\n"
        "from pathlib import Path\n"
        "from ingestify.catalogue.jobs.locks import FileLocks\n"
        "from ingestify.domain.run import JobHolder, ProcessIdentity\n"
        "holder = JobHolder(ProcessIdentity('there', 7, 'then'), dt.datetime(2024, 5, 1, 12, 3, tzinfo=dt.UTC))\n"
        f"lock = FileLocks(Path({str(folder)!r})).try_lock('job', holder)\n"
        "print(lock is not None, flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    locks = FileLocks(folder)
    assert locks.try_lock("job", HOLDER) is None
    assert str(locks.find_holder("job")) == "process 7 on host there since 2024-05-01 12:03 UTC"
    process.kill()
    process.communicate()
    lock = locks.try_lock("job", HOLDER)
    assert lock is not None
    assert locks.find_holder("job") == HOLDER
    lock.release()
    assert not folder.exists()


def test_a_file_system_without_locks_is_told_once_and_everybody_may(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def refuse(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("ingestify.locked_file._lock", refuse)
    locks = FileLocks(folder)
    with caplog.at_level(logging.WARNING):
        taken = [locks.try_lock("job", HOLDER) for _ in range(3)]
    assert None not in taken
    for lock in taken:
        assert lock is not None
        lock.release()
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        f"No locks can be made in {folder}"
    ]
    assert "No locks available" in caplog.text


def test_on_a_full_disk_it_is_a_lock_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    locks = FileLocks(folder)
    with monkeypatch.context() as patch:
        patch.setattr("ingestify.locked_file.LockedFile.append", refuse)
        lock = locks.try_lock("job", HOLDER)
        assert lock is not None
        assert locks.try_lock("job", HOLDER) is None
        assert locks.find_holder("job") is None
    lock.release()
    again = locks.try_lock("job", HOLDER)
    assert again is not None
    assert locks.find_holder("job") == HOLDER
    again.release()


def test_a_half_written_note_names_nobody(folder: Path):
    locks = FileLocks(folder)
    lock = locks.try_lock("job", HOLDER)
    assert lock is not None
    (file,) = folder.iterdir()
    for text in ("", '{"host": "x"', "[]", '{"host": 1}'):
        file.write_text(text)
        assert locks.find_holder("job") is None
    lock.release()


def test_two_lakes_in_one_database_lock_nothing_of_each_other(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/catalog.db"
    lakes = [SqlCatalogue.open(url, table_prefix=prefix) for prefix in ("a_", "b_", "a_")]
    locks = [lake.job_locks.try_lock("job", HOLDER) for lake in lakes]
    assert [lock is not None for lock in locks] == [True, True, False]
    for lock, lake in zip(locks, lakes, strict=True):
        if lock is not None:
            lock.release()
        lake.close()


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_database_behind_a_link_has_the_same_locks(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    lakes = [SqlCatalogue.open(f"sqlite:///{folder}/catalog.db") for folder in (real, link)]
    lock = lakes[0].job_locks.try_lock("job", HOLDER)
    assert lock is not None
    assert lakes[1].job_locks.try_lock("job", HOLDER) is None
    lock.release()
    for lake in lakes:
        lake.close()


def test_beside_a_lake_that_may_only_be_read_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = f"sqlite:///{tmp_path}/catalog.db"
    SqlCatalogue.open(url).close()
    monkeypatch.setattr("ingestify.catalogue.databases.sqlite.os.access", lambda *_: False)
    lake = SqlCatalogue.open(url)
    assert lake.job_locks.try_lock("job", HOLDER) is not None
    assert lake.job_locks.try_lock("job", dataclasses.replace(HOLDER)) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.db"]
    lake.close()
