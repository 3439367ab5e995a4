"""Locks that somebody keeps, sessions that fall asleep with one, and tables that change under a writer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from ingestify import DatasetResource, get_engine
from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.schema import HEAD
from ingestify.domain.plan import IngestionPlan
from ingestify.errors import LakeUnwritable, LakeVersionError
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import apply_one, job, read_all, with_file
from tests.support.lake_in_memory import FunctionSource

pytestmark = pytest.mark.sampled(3)  # one of the servers by turns

OpenLake = Callable[..., SqlCatalogue]


@pytest.fixture
def open_lake(empty: SqlCatalogue, server: Server, database: str) -> Iterator[OpenLake]:
    """Opens the empty lake with options in its URL."""
    opened: list[SqlCatalogue] = []

    def open_with(**options: str) -> SqlCatalogue:
        opened.append(SqlCatalogue.open(server.url_of(database, query=options)))
        return opened[-1]

    yield open_with
    for catalogue in opened:
        catalogue.close()


@contextlib.contextmanager
def locked(server: Server, database: str, table: str) -> Iterator[None]:
    """Let somebody else keep a table."""
    engine = server.engine(database)
    with engine.connect() as connection:
        if server.kind == "postgresql":
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql(f"LOCK TABLES {table} WRITE")
        try:
            yield
        finally:
            connection.exec_driver_sql("ROLLBACK" if server.kind == "postgresql" else "UNLOCK TABLES")
    engine.dispose()


def seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(LakeUnwritable, match="did not finish in time"):
        act()
    return time.monotonic() - began


ACTS: dict[str, Callable[[SqlCatalogue], object]] = {
    "a writer": lambda lake: lake.jobs.save(job()),
    "a reader": lambda lake: lake.jobs.load(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_lock_is_waited_for_once(
    open_lake: OpenLake, server: Server, database: str, act: Callable[[SqlCatalogue], object]
) -> None:
    catalogue = open_lake(lock_timeout="1")
    with locked(server, database, "job"):
        assert seconds(lambda: act(catalogue)) >= 0.9
        assert min(seconds(lambda: act(catalogue)) for _ in range(3)) < 0.8
    catalogue.jobs.save(job())
    assert len(catalogue.jobs.load()) == 1


def test_hurry_ends_what_waits_on_the_server(open_lake: OpenLake, server: Server, database: str) -> None:
    catalogue = open_lake(lock_timeout="60")
    took: list[float] = []
    threads = [
        threading.Thread(target=lambda act=act: took.append(seconds(act)))
        for act in (lambda: catalogue.jobs.save(job()), catalogue.jobs.load)
    ]
    with locked(server, database, "job"):
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        catalogue.limit_lock_waits()
        for thread in threads:
            thread.join(45)
        assert len(took) == 2
        assert max(took) < 40
        catalogue.restore_lock_waits()
    catalogue.jobs.save(job())
    assert len(catalogue.jobs.load()) == 1


def test_a_writer_that_sleeps_in_its_transaction_does_not_keep_the_others_out_and_writes_once(
    open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep, other = open_lake(idle_timeout="1"), open_lake(lock_timeout="20")
    slept, wakes = threading.Event(), threading.Event()
    write = asleep.changes._write

    def write_and_sleep(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        if not slept.is_set():
            asleep.event_log.lock(arguments[0])  # type: ignore[arg-type]
            slept.set()
            wakes.wait(30)

    monkeypatch.setattr(asleep.changes, "_write", write_and_sleep)
    applied: list[object] = []
    thread = threading.Thread(target=lambda: applied.append(apply_one(asleep, with_file(1))))
    thread.start()
    assert slept.wait(20)
    apply_one(other, with_file(2))  # or it is told after its lock_timeout that another one keeps the lock
    wakes.set()
    thread.join(60)
    assert len(applied) == 1
    assert sorted(dataset.identifier["match_id"] for dataset in read_all(other)) == [1, 2]
    assert len(other.event_log.read(0, 100)) == 4


def test_the_server_looks_after_connections_that_are_silent(open_lake: OpenLake, server: Server) -> None:
    with open_lake(idle_timeout="7")._database.read("look") as connection:
        if server.kind == "postgresql":
            names = ("idle_in_transaction_session_timeout", "tcp_keepalives_idle", "tcp_user_timeout")
            found = [
                connection.scalar(sa.text(f"SELECT setting FROM pg_settings WHERE name = '{one}'")) for one in names
            ]
            assert found == ["7000", "30", "60000"]
        else:
            wanted = {"wait_timeout": "120"}
            if "MariaDB" in str(connection.scalar(sa.text("SELECT version()"))):
                wanted["idle_transaction_timeout"] = "7"
            rows = connection.execute(sa.text("SHOW SESSION VARIABLES LIKE '%timeout'")).all()
            settings = {str(name): str(value) for name, value in rows}
            assert {name: settings[name] for name in wanted} == wanted


@contextlib.contextmanager
def migrated(server: Server, database: str) -> Iterator[None]:
    """Let a newer ingestify have migrated the lake."""
    server.execute("ALTER TABLE revision ADD COLUMN theirs INTEGER", database=database)
    server.execute("UPDATE ingestify_version SET version_num = '9999'", database=database)
    try:
        yield
    finally:
        server.execute(f"UPDATE ingestify_version SET version_num = '{HEAD}'", database=database)
        server.execute("ALTER TABLE revision DROP COLUMN theirs", database=database)


def test_nothing_is_written_into_tables_that_were_migrated(
    open_lake: OpenLake, empty: SqlCatalogue, server: Server, database: str
) -> None:
    catalogue = open_lake()
    kept = apply_one(catalogue, with_file(1)).dataset
    acts: list[Callable[[], object]] = [
        lambda: apply_one(catalogue, with_file(2)),
        lambda: catalogue.jobs.save(job()),
        lambda: catalogue.changes.invalidate([kept.dataset_id], "wrong"),
        lambda: catalogue.changes.delete([kept.dataset_id]),
        lambda: catalogue.event_readers.set_position("reader", 1),
    ]
    with migrated(server, database):
        for act in acts:
            with pytest.raises(LakeVersionError, match=r"has migrated the lake .*'9999'.*written nothing"):
                act()
    assert read_all(empty) == [kept]
    assert empty.jobs.load() == []
    assert empty.event_readers.find_position("reader") is None


def test_a_run_in_flight_stops_when_the_lake_is_migrated(
    empty: SqlCatalogue, server: Server, database: str, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.ExitStack() as held:

        def find(**_: object) -> Iterator[DatasetResource]:
            held.enter_context(migrated(server, database))
            for number in range(30):
                resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
                yield resource.add_file(None, "events", json_content={"n": number})

        with get_engine(metadata_url=server.url_of(database), file_url=f"file://{tmp_path}") as engine:
            engine.add_ingestion_plan(IngestionPlan(FunctionSource(find), "match"))
            report = engine.run_report()
    assert isinstance(report.error, LakeVersionError)
    assert report.totals.failed == 0
    assert read_all(empty) == []
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_what_meets_a_migration_is_not_written(
    open_lake: OpenLake, empty: SqlCatalogue, server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for one that is a transaction; where each table is one, it sees that somebody is at it."""
    monkeypatch.setattr("ingestify.catalogue.databases.mysql._VERSION_READS", 2)
    catalogue = open_lake()
    refused: list[str] = []

    def save() -> None:
        with pytest.raises(LakeVersionError) as caught:
            catalogue.jobs.save(job())
        refused.append(str(caught.value))

    thread = threading.Thread(target=save)
    if server.kind == "postgresql":
        engine = server.engine(database)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("ALTER TABLE job ADD COLUMN theirs INTEGER")
            connection.exec_driver_sql("UPDATE ingestify_version SET version_num = '9999'")
            thread.start()
            thread.join(0.5)
            assert thread.is_alive()
            connection.exec_driver_sql("COMMIT")
            thread.join(30)
            connection.exec_driver_sql("ALTER TABLE job DROP COLUMN theirs")
            connection.exec_driver_sql(f"UPDATE ingestify_version SET version_num = '{HEAD}'")
        engine.dispose()
        assert "have the version '9999'" in refused[0]
    else:
        dialect = empty._database.dialect
        with empty._database.read("hold it") as connection, dialect.migrating(connection, "ingestify_version"):
            thread.start()
            thread.join(30)
        assert "are being migrated" in refused[0]
    catalogue.jobs.save(job())
    assert len(empty.jobs.load()) == 1
