"""How SQLite is opened, and what is said when it refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.connection import Database
from ingestify.errors import ConfigurationError, LakeUnwritable, SaveError, StoreError
from tests.support.catalogue_data import apply_one, read_all, with_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "b" / "catalog.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{path}")
    yield opened
    opened.close()


def test_readers_read_beside_a_writer_and_commits_are_durable(database: Database) -> None:
    with database.read("look") as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_all_that_is_read_in_one_call_is_of_one_moment(database: Database) -> None:
    with database.write("make") as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    with database.read("look") as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
        with database.write("add") as writer:
            writer.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    with database.read("look") as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 1


def test_a_result_that_is_kept_unread_keeps_no_later_reader_in_the_past(path: Path) -> None:
    """As the traceback of an error may keep it: its connection went on with the moment that it was read at."""
    database = Database.open(f"sqlite:///{path}?timeout=1")
    with database.write("make") as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1), (2), (3)")
    with database.read("look") as connection:
        kept = connection.exec_driver_sql("SELECT x FROM t")
        assert kept.fetchone() == (1,)
    for number in range(4, 8):
        with database.read("look") as _another, database.write("add") as connection:
            connection.exec_driver_sql(f"INSERT INTO t VALUES ({number})")
        for _ in range(2):
            with database.read("look") as connection:
                assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == number
    database.close()


def test_what_fails_leaves_nothing_not_even_a_table(database: Database) -> None:
    def make_and_fail() -> None:
        with database.write("make") as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_and_fail()
    with database.read("look") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0


def test_two_catalogues_of_one_file_share_the_lock_of_their_process(database: Database, path: Path) -> None:
    other = Database.open(f"sqlite:///{path}")
    entered = threading.Event()

    def write() -> None:
        with other.write("add"):
            entered.set()

    thread = threading.Thread(target=write)
    with database.write("add"):
        thread.start()
        assert not entered.wait(0.05)
    thread.join(60)
    assert entered.is_set()
    other.close()


@pytest.mark.parametrize(
    "url", ["oracle://me:hunter2@host/lake", "postgresql+foo://me:hunter2@host/x", "sqlite+aiosqlite:///x"]
)
def test_an_unsupported_scheme_is_told_with_those_that_are(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///") as refused:
        SqlCatalogue.open(url)
    assert url.partition("://")[0] in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_what_is_no_url_is_told_without_its_text() -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///") as refused:
        SqlCatalogue.open("me:hunter2@host")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["a-b", "a b", "é", "x" * 256, 'a"', "a\n"])
def test_a_prefix_is_letters_digits_and_underscores(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="table_prefix"):
        SqlCatalogue.open("sqlite:///:memory:", table_prefix=prefix)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database\n" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt.*metadata_url") as refused:
        SqlCatalogue.open(f"sqlite:///{path}")
    assert isinstance(refused.value.__cause__, Exception)
    assert path.read_text().startswith("these are notes")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        SqlCatalogue.open(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made .*may write there"):
        SqlCatalogue.open(f"sqlite:///{tmp_path}/file/lake/catalog.db")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place where not even root may write")
def test_a_place_that_takes_no_files() -> None:
    with pytest.raises(StoreError, match=r"/proc/.*may write"):
        SqlCatalogue.open("sqlite:////proc/catalog.db")


def test_a_read_only_database_refuses_a_write(path: Path) -> None:
    SqlCatalogue.open(f"sqlite:///{path}").close()
    catalogue = SqlCatalogue.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert read_all(catalogue) == []
    with pytest.raises(SaveError, match="read-only"):
        catalogue.changes.apply([with_file()])
    catalogue.close()


def test_a_lock_that_another_process_keeps_is_told(path: Path) -> None:
    SqlCatalogue.open(f"sqlite:///{path}").close()
    catalogue = SqlCatalogue.open(f"sqlite:///{path}?timeout=0.05")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(SaveError, match=r"save 1 dataset: another process.*lsof.*timeout=") as refused:
        catalogue.changes.apply([with_file()])
    assert "locked" not in str(refused.value)
    assert read_all(catalogue) == []
    holder.execute("ROLLBACK")
    holder.close()
    apply_one(catalogue, with_file())
    catalogue.close()


def test_a_full_disk_says_so_and_loses_nothing(path: Path) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    kept = apply_one(catalogue, with_file(1)).dataset
    with catalogue._database.read("limit the size") as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(SaveError, match=r"the disk is full.*Free some space"):
        catalogue.changes.apply([with_file(number) for number in range(2, 500)])
    assert read_all(catalogue) == [kept]
    catalogue.close()


def test_a_text_that_no_encoding_knows_is_refused(path: Path) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    with pytest.raises(SaveError, match="characters"):
        catalogue.changes.apply([with_file(name="\ud800")])
    assert read_all(catalogue) == []
    catalogue.close()


def test_a_closed_catalogue_says_so(path: Path) -> None:
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    catalogue.close()
    catalogue.close()
    with pytest.raises(StoreError, match="closed"):
        catalogue.jobs.load()


def test_lakes_in_memory_are_apart_and_serve_threads() -> None:
    one, two = (SqlCatalogue.open("sqlite:///:memory:") for _ in range(2))
    apply_one(one, with_file())
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(len(read_all(lake)) for lake in (one, two)))
    thread.start()
    thread.join()
    assert found == [1, 0]
    one.close()
    two.close()


@pytest.mark.slow
def test_closing_leaves_no_connection_behind(tmp_path: Path) -> None:
    script = (
        "import sys, gc, threading\n"
        "from ingestify.catalogue import SqlCatalogue\n"
        f"lake = SqlCatalogue.open('sqlite:///{tmp_path}/c.db')\n"
        "threads = [threading.Thread(target=lake.jobs.load) for _ in range(8)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "lake.close(); del lake; gc.collect()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(child.name for child in tmp_path.iterdir()) == ["c.db"]


def test_a_lake_that_may_only_be_read_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_one = SqlCatalogue.open(f"sqlite:///{path}")
    dataset = apply_one(with_one, with_file()).dataset
    with_one.close()
    # The tests may run as root, who may write everything.
    monkeypatch.setattr("ingestify.catalogue.databases.sqlite.os.access", lambda *_: False)
    before = sorted(path.parent.iterdir())
    archive = SqlCatalogue.open(f"sqlite:///{path}")
    assert read_all(archive) == [dataset]
    with pytest.raises(LakeUnwritable, match="this user may only read its file"):
        archive.changes.delete([dataset.dataset_id])
    archive.close()
    assert sorted(path.parent.iterdir()) == before
