"""A catalogue that this user may only read, kept open while its owner writes to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.database_errors import FileChanged
from ingestify.errors import StoreError
from tests.support.catalogue_data import everything, read_all, with_file
from tests.support.unprivileged import close_for_writing, open_for_writing, start_unprivileged, unprivileged_only

_READER = """
import json, sys
from ingestify.catalogue import SqlCatalogue
from ingestify.domain.ports import DatasetFilter
from ingestify.errors import IngestifyError

def look():
    try:
        batches = catalogue.datasets.iter_batches(DatasetFilter(bucket='main'), 7)
        seen = [dataset for batch in batches for dataset in batch]
        count = catalogue.datasets.read_metadata(DatasetFilter(bucket='main')).row_count
        return [count, len({one.dataset_id for one in seen})]
    except IngestifyError as error:
        return str(error)

for line in sys.stdin:
    if line.strip() == "open":
        catalogue = SqlCatalogue.open("sqlite:///%s")
    print(json.dumps(look()), flush=True)
"""


class Reader:
    """A process that has a catalogue open, without the right to write there."""

    def __init__(self, path: Path) -> None:
        self._process = start_unprivileged(_READER % path)
        self.seen = self._ask("open")

    def look(self) -> object:
        """Return how many datasets there are, counted and read; or what was said instead."""
        return self._ask("look")

    def _ask(self, what: str) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer.startswith(("[", '"')), answer + self._process.stdout.read()
        return json.loads(answer)

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "lake").mkdir()
    yield tmp_path / "lake" / "catalog.db"
    open_for_writing(tmp_path / "lake")


@pytest.fixture
def start_reader(path: Path) -> Iterator[type[Reader]]:
    started: list[Reader] = []

    class Started(Reader):
        def __init__(self) -> None:
            close_for_writing(path.parent)
            super().__init__(path)
            started.append(self)

    yield Started  # type: ignore[misc]
    for reader in started:
        reader.close()


def add(catalogue: SqlCatalogue, first: int, number: int) -> None:
    catalogue.changes.apply([with_file(match_id) for match_id in range(first, first + number)])


def run(path: Path, first: int, number: int) -> None:
    """What a run of the owner's does: open, write, close."""
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    add(catalogue, first, number)
    catalogue.close()


@pytest.mark.slow
@unprivileged_only
def test_a_reader_that_is_kept_open_sees_what_each_run_of_the_owner_brought(path: Path, start_reader) -> None:
    run(path, 0, 30)
    reader = start_reader()
    assert reader.seen == [30, 30]
    for night in range(1, 4):
        run(path, 300 * night, 300)
        assert reader.look() == [30 + 300 * night] * 2
        assert reader.look() == [30 + 300 * night] * 2


@pytest.mark.slow
@unprivileged_only
def test_a_reader_sees_each_commit_while_a_run_goes_on_and_after_it(path: Path, start_reader) -> None:
    run(path, 0, 10)
    early = start_reader()
    owner = SqlCatalogue.open(f"sqlite:///{path}")
    add(owner, 10, 10)
    late = start_reader()
    assert (early.look(), late.seen) == ([20, 20], [20, 20])
    add(owner, 20, 400)
    assert (early.look(), late.look()) == ([420, 420], [420, 420])
    owner.close()
    assert (early.look(), late.look()) == ([420, 420], [420, 420])
    run(path, 1000, 5)
    assert (early.look(), late.look()) == ([425, 425], [425, 425])


@pytest.mark.slow
@unprivileged_only
def test_what_a_killed_run_committed_is_seen(path: Path, start_reader) -> None:
    run(path, 0, 10)
    reader = start_reader()
    killed = (
        "import os; from tests.unit.catalogue.test_sqlite_reader import *; "
        f"owner = SqlCatalogue.open('sqlite:///{path}'); add(owner, 10, 50); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert path.with_name("catalog.db-wal").stat().st_size > 0
    assert (reader.look(), start_reader().seen) == ([60, 60], [60, 60])
    run(path, 1000, 5)
    assert reader.look() == [65, 65]


@pytest.mark.slow
@unprivileged_only
def test_a_backup_that_the_owner_put_there_is_seen(path: Path, start_reader) -> None:
    run(path, 0, 10)
    shutil.copy(path, path.with_name("backup.db"))
    run(path, 10, 10)
    reader = start_reader()
    assert reader.seen == [20, 20]
    path.with_name("backup.db").replace(path)
    assert reader.look() == [10, 10]


@pytest.mark.sampled(3)
@pytest.mark.slow
@unprivileged_only
@pytest.mark.parametrize(
    ("lacking", "is_there"), [("catalog.db-shm", False), ("catalog.db-shm", True), ("catalog.db-wal", True)]
)
def test_a_log_that_cannot_be_read_is_named_with_what_to_do(path: Path, lacking: str, is_there: bool) -> None:
    run(path, 0, 10)
    owner = SqlCatalogue.open(f"sqlite:///{path}")
    add(owner, 10, 10)
    copied = path.parent / "copied"  # as by a backup of the folder that leaves out what is not data
    copied.mkdir()
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        shutil.copy(path.with_name(name), copied / name)
    owner.close()
    close_for_writing(path.parent)
    (copied / lacking).chmod(0o000)
    if not is_there:
        (copied / lacking).unlink()
    reader = start_unprivileged(
        f"from ingestify.catalogue import SqlCatalogue; SqlCatalogue.open('sqlite:///{copied}/catalog.db')"
    )
    said = reader.communicate()[0]
    assert "there are changes beside the file that this user cannot read" in said
    assert lacking in said
    assert "Let its owner read the lake once" in said


@pytest.mark.slow
@unprivileged_only
def test_a_database_without_a_log_of_its_own_is_read_with_locks(path: Path, start_reader) -> None:
    run(path, 0, 10)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    reader = start_reader()
    assert reader.seen == [10, 10]
    run(path, 10, 10)
    assert reader.look() == [20, 20]


@pytest.mark.slow
@unprivileged_only
def test_nothing_torn_is_ever_seen_and_nothing_is_called_damaged(path: Path, start_reader) -> None:
    """While the owner opens, writes and closes without a pause, which moves the log into the file each time."""
    run(path, 0, 10)
    readers = [start_reader(), start_reader()]
    is_over = threading.Event()

    def write() -> None:
        for number in range(1, 25):
            run(path, 1000 * number, 40)
        is_over.set()

    owner = threading.Thread(target=write)
    owner.start()
    seen = []
    while not is_over.is_set():
        seen += [reader.look() for reader in readers]
    owner.join()
    assert [one for one in seen if isinstance(one, str) or one[0] % 40 != 10] == []
    assert [reader.look() for reader in readers] == [[970, 970]] * 2


@pytest.fixture
def reading() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """What is opened inside may only be read, also where the tests run as root, who may write everything."""

    @contextlib.contextmanager
    def pretend() -> Iterator[None]:
        with mock.patch("ingestify.catalogue.databases.sqlite.os.access", return_value=False):
            yield

    return pretend


def test_a_transaction_during_which_the_file_was_changed_is_not_believed(path: Path, reading) -> None:
    run(path, 0, 10)
    with reading():
        reader = Database.open(f"sqlite:///{path}")

    def read_beside_a_run() -> None:
        with reader.read("look") as connection:
            connection.exec_driver_sql("SELECT 1").all()
            run(path, 10, 10)

    with pytest.raises(StoreError, match="its owner is writing to it") as refused:
        read_beside_a_run()
    assert isinstance(refused.value.__cause__, FileChanged)
    with reader.read("look") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM dataset").scalar() == 20
    reader.close()


def test_a_read_during_which_the_file_was_changed_is_done_again(path: Path, reading) -> None:
    run(path, 0, 10)
    with reading():
        reader = SqlCatalogue.open(f"sqlite:///{path}")
    runs = iter([10])

    def write(_connection, _cursor, statement, *_: object) -> None:
        if "FROM dataset" in statement and (first := next(runs, None)):
            run(path, first, 10)

    sa.event.listen(reader._database._engine, "after_cursor_execute", write)
    assert len(read_all(reader)) == 20
    reader.close()


def test_a_file_that_is_written_right_after_each_opening_is_read_when_its_owner_pauses(path: Path, reading) -> None:
    run(path, 0, 10)
    with reading():
        reader = SqlCatalogue.open(f"sqlite:///{path}")
    assert len(read_all(reader)) == 10
    runs = iter([200, 300, 400])

    def write(*_: object) -> None:
        if first := next(runs, None):
            run(path, first, 10)

    sa.event.listen(reader._database._engine, "connect", write)
    run(path, 100, 10)
    assert len(read_all(reader)) == 50
    reader.close()


def test_a_run_between_two_batches_is_seen_in_the_second_one(path: Path, reading) -> None:
    run(path, 0, 10)
    with reading():
        reader = SqlCatalogue.open(f"sqlite:///{path}")
    batches = reader.datasets.iter_batches(everything(), 5)
    assert len(next(batches)) == 5
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE dataset SET name = 'another'")
    connection.close()
    assert [dataset.name for dataset in next(batches)] == ["another"] * 5
    reader.close()
