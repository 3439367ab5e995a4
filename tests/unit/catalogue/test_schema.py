"""Making and migrating the tables."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import logging
import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ingestify import DatasetResource, IngestionPlan, get_engine
from ingestify.catalogue import SqlCatalogue, schema
from ingestify.catalogue.databases.sqlite import SqliteDialect
from ingestify.catalogue.schema import HEAD, MIGRATIONS, READABLE
from ingestify.catalogue.tables import build_tables
from ingestify.clock import now
from ingestify.domain.ports import SelectorSync
from ingestify.domain.run import RunState
from ingestify.errors import ConfigurationError, LakeVersionError
from tests.support import new_lakes
from tests.support.catalogue_data import apply_one, job, read_all, with_file
from tests.support.lake_in_memory import FunctionSource
from tests.support.migrated_lake import migrate
from tests.support.unprivileged import close_for_writing, open_for_writing, start_unprivileged, unprivileged_only

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("real_new_lakes")


def test_the_head_that_is_written_down_is_that_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


@pytest.mark.parametrize("prefix", ["", "lake_", "x" * 255])
def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path, prefix: str) -> None:
    lake_of_version(tmp_path / "c.db", HEAD, prefix).close()
    tables = build_tables(prefix)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/c.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": tables.version_table_name, "compare_type": True}
        )
        assert compare_metadata(context, tables.metadata) == []
        made = {
            name: sql
            for name, sql in connection.execute(
                sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
            )
            if name != tables.version_table_name
        }
    engine.dispose()
    direct = sa.create_engine("sqlite://")
    with direct.begin() as connection:
        tables.metadata.create_all(connection)
        known = dict(
            connection.execute(
                sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
            ).all()
        )
    direct.dispose()
    # Word for word, so that AUTOINCREMENT and the constraints' names are compared too.
    assert {name: " ".join(sql.split()) for name, sql in made.items()} == {
        name: " ".join(sql.split()) for name, sql in known.items()
    }


def test_a_new_lake_has_the_tables_of_a_migrated_one_also_in_the_other_tests(tmp_path: Path) -> None:
    def told(path: Path) -> list[Any]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
            return rows + connection.execute("SELECT version_num FROM ingestify_version").fetchall()

    lake_of_version(tmp_path / "migrated.db", HEAD).close()
    SqlCatalogue.open(f"sqlite:///{tmp_path}/made.db").close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_make", new_lakes._copy_or_make)
        for name in ("first", "copied"):
            SqlCatalogue.open(f"sqlite:///{tmp_path}/{name}.db").close()
    assert told(tmp_path / "made.db") == told(tmp_path / "migrated.db")
    assert told(tmp_path / "copied.db") == told(tmp_path / "migrated.db")


def test_two_lakes_share_a_database_by_their_prefixes(tmp_path: Path) -> None:
    one = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    two = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db", table_prefix="x_")
    dataset = apply_one(one, with_file()).dataset
    assert one.indexes.sync([("fake", "match", "match_id")])[1] == []
    assert two.indexes.sync([]) == ([], [])
    assert one.indexes.sync([("fake", "match", "match_id")]) == ([], [])
    assert (read_all(one), read_all(two)) == ([dataset], [])
    one.close()
    two.close()


def test_a_lake_of_a_newer_ingestify_is_left_alone(tmp_path: Path) -> None:
    SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db").close()
    connection = sqlite3.connect(tmp_path / "c.db")
    connection.execute("UPDATE ingestify_version SET version_num = '9999'")
    connection.commit()
    with pytest.raises(LakeVersionError, match=r"c\.db.*newer ingestify.*9999.*[Uu]pgrade"):
        SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    assert connection.execute("SELECT version_num FROM ingestify_version").fetchall() == [("9999",)]
    connection.close()


def lake_of_version(path: Path, version: str, prefix: str = "") -> sqlite3.Connection:
    """Make the lake that an ingestify of that time made."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate(connection, SqliteDialect(), build_tables(prefix), version)
    engine.dispose()
    return sqlite3.connect(path)


def fill_released_lake(connection: sqlite3.Connection, prefix: str = "") -> None:
    moment = "2024-05-01T18:30:00.000000Z"
    connection.executescript(f"""
        INSERT INTO {prefix}dataset (
            dataset_id, bucket, provider, dataset_type, identifier, identifier_key, name, state, metadata, created_at,
            updated_at, current_revision_id, current_created_at, current_state, feeds
        )
        VALUES (
            'd1', 'main', 'fake', 'match', '{{"match_id":1}}', '{{"match_id":"1"}}', 'a match', 'COMPLETE', '{{}}',
            '{moment}', '{moment}', 0, '{moment}', 'VALID', '{{}}'
        );
        INSERT INTO {prefix}revision VALUES ('d1', 0, '{moment}', 'VALID', '', '{{}}', NULL);
        INSERT INTO {prefix}file VALUES ('d1', 0, 'events__v1', 0, 'events', 'v1', 'json', 2, 'abc', NULL, 2, 'none',
            'main/events', '{moment}', '{moment}');
    """)
    connection.commit()


@pytest.mark.parametrize("prefix", ["", "lake_"])
def test_a_lake_of_the_first_release_is_brought_up_to_date_with_what_it_holds(tmp_path: Path, prefix: str) -> None:
    released = lake_of_version(tmp_path / "c.db", "0001", prefix)
    fill_released_lake(released, prefix)
    catalogue = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db", table_prefix=prefix)
    assert released.execute(f"SELECT version_num FROM {prefix}ingestify_version").fetchall() == [(HEAD,)]
    (dataset,) = read_all(catalogue)
    assert (dataset.name, dataset.files["events__v1"].storage_path) == ("a match", "main/events")
    assert catalogue.changes.delete(["d1"]) == ["main/events"]
    assert released.execute(f"SELECT storage_path FROM {prefix}deleted_object").fetchall() == [("main/events",)]
    catalogue.close()
    released.close()


@pytest.mark.parametrize("prefix", ["", "lake_"])
def test_what_was_remembered_of_selectors_leads_to_one_more_listing_of_each(tmp_path: Path, prefix: str) -> None:
    moment = "2024-05-01T18:30:00.000000Z"
    before = lake_of_version(tmp_path / "c.db", "0003", prefix)
    key = hashlib.sha256(b"season").hexdigest()
    before.execute(f"INSERT INTO {prefix}selector_sync VALUES (?, 'season', ?, 1, ?, '3/00ff')", (key, moment, moment))
    before.commit()
    catalogue = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db", table_prefix=prefix)
    at = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)
    assert catalogue.selector_syncs.find("season") == SelectorSync(
        at, True, at, "3/00ff", hint=None, is_settled=False, followed_until=at
    )
    catalogue.close()
    before.close()


def test_an_archive_of_the_first_release_that_may_only_be_read_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = lake_of_version(tmp_path / "c.db", "0001")
    fill_released_lake(released)
    released.close()
    # The tests may run as root, who may write everything.
    monkeypatch.setattr("ingestify.catalogue.databases.sqlite.os.access", lambda *_: False)
    archive = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    assert [dataset.name for dataset in read_all(archive)] == ["a match"]
    assert archive.deletions.find_orphaned(["main/events", "main/other"], since=now()) == {"main/other"}
    archive.close()


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "c.db")
    connection.executescript("CREATE TABLE dataset (x); CREATE TABLE alembic_version (version_num)")
    with pytest.raises(ConfigurationError, match=r"dataset.*table_prefix"):
        SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (2,)
    SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db", table_prefix="ingestify_").close()
    connection.close()


@pytest.mark.parametrize(
    "theirs", ["CREATE TABLE lease (x)", "CREATE TABLE lease (lease_id, what); INSERT INTO lease VALUES ('a car', 'b')"]
)
def test_a_lake_is_not_migrated_over_the_table_of_somebody_else(tmp_path: Path, theirs: str) -> None:
    released = lake_of_version(tmp_path / "c.db", "0001")
    released.executescript(theirs)
    with pytest.raises(ConfigurationError, match=r"c\.db needs a table lease .*did not make.*Rename"):
        SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    assert released.execute("SELECT version_num FROM ingestify_version").fetchall() == [("0001",)]
    assert len(released.execute("SELECT * FROM lease").fetchall()) == theirs.count("INSERT")
    released.execute("DROP TABLE lease")
    SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db").close()
    released.close()


def test_a_folder_with_odd_characters_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "100% ünïcode 'quoted' lake"
    SqlCatalogue.open(f"sqlite:///{folder}/c.db").close()
    assert (folder / "c.db").exists()


def test_opening_configures_no_logging(tmp_path: Path) -> None:
    before = (list(logging.root.handlers), logging.root.level, logging.getLogger("alembic").handlers)
    SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db").close()
    assert (list(logging.root.handlers), logging.root.level, logging.getLogger("alembic").handlers) == before


@pytest.mark.slow
def test_opening_a_lake_that_is_up_to_date_does_not_import_alembic(tmp_path: Path) -> None:
    SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db").close()
    script = (
        "import sys\n"
        "from ingestify.catalogue import SqlCatalogue\n"
        f"SqlCatalogue.open('sqlite:///{tmp_path}/c.db').close()\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def _open_and_save(path: str, number: int, start: object) -> None:
    start.wait()
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    catalogue.changes.apply([with_file(number)])
    catalogue.close()


@pytest.mark.slow
def test_four_processes_open_a_new_lake_at_the_same_moment(tmp_path: Path) -> None:
    is_forked = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if is_forked else "spawn")
    if is_forked:
        context.set_forkserver_preload([__name__])  # imported once, in place of four times
    start = context.Barrier(4)
    path = str(tmp_path / "new" / "c.db")
    processes = [context.Process(target=_open_and_save, args=(path, number, start)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    assert sorted(d.identifier["match_id"] for d in read_all(catalogue)) == [0, 1, 2, 3]
    catalogue.close()


def _be_migrated(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute("ALTER TABLE revision ADD COLUMN theirs TEXT NOT NULL DEFAULT ''")
        newer.execute("UPDATE ingestify_version SET version_num = '9999'")
        newer.commit()


def test_what_is_open_while_it_is_migrated_writes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    catalogue = SqlCatalogue.open(f"sqlite:///{path}")
    kept = apply_one(catalogue, with_file(1)).dataset
    _be_migrated(path)
    before = path.read_bytes(), (tmp_path / "c.db-wal").read_bytes()
    for act in (
        lambda: apply_one(catalogue, with_file(2)),
        lambda: catalogue.changes.invalidate([kept.dataset_id], "wrong"),
        lambda: catalogue.changes.delete([kept.dataset_id]),
        lambda: catalogue.jobs.save(job()),
    ):
        with pytest.raises(
            LakeVersionError, match=r"migrated the lake .*c\.db .*'9999'.*written nothing.*run it again"
        ):
            act()
    assert (path.read_bytes(), (tmp_path / "c.db-wal").read_bytes()) == before
    catalogue.close()


def test_tables_of_another_shape_are_told_as_what_they_are(tmp_path: Path) -> None:
    """Also where they refuse what is written, or read, before its version is looked at."""
    catalogue = SqlCatalogue.open(f"sqlite:///{tmp_path}/c.db")
    _be_migrated(tmp_path / "c.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "c.db")) as newer:
        newer.execute("ALTER TABLE job RENAME TO jobs")
    for act in (lambda: catalogue.jobs.save(job()), catalogue.jobs.load):
        with pytest.raises(LakeVersionError, match="'9999'"):
            act()
    catalogue.close()


def test_a_run_in_flight_stops_when_the_lake_is_migrated(tmp_path: Path) -> None:
    def find(**_: object) -> Iterator[DatasetResource]:
        for number in range(30):
            if number == 10:
                _be_migrated(tmp_path / "c.db")
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            yield resource.add_file(None, "events", json_content={"n": number})

    with get_engine(metadata_url=f"sqlite:///{tmp_path}/c.db", file_url=f"file://{tmp_path}/files") as engine:
        engine.add_ingestion_plan(IngestionPlan(FunctionSource(find), "match"))
        report = engine.run_report()
        assert isinstance(report.error, LakeVersionError)
        assert report.state is RunState.FAILED
        assert report.totals.failed == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "c.db")) as newer:
            assert newer.execute("SELECT count(*) FROM dataset").fetchone()[0] == report.totals.new < 30


@pytest.mark.slow
@pytest.mark.sampled(3)
@unprivileged_only
@pytest.mark.parametrize("version", READABLE)
def test_an_archive_of_an_older_version_is_read_by_a_user_who_may_only_read(tmp_path, version):
    released = lake_of_version(tmp_path / "catalog.db", version)
    fill_released_lake(released)
    released.close()
    close_for_writing(tmp_path)
    process = start_unprivileged(
        f"""
import contextlib
from ingestify.catalogue import SqlCatalogue
from ingestify.domain.ports import DatasetFilter

with contextlib.closing(SqlCatalogue.open({f"sqlite:///{tmp_path}/catalog.db"!r})) as catalogue:
    (dataset,) = catalogue.datasets.get(["d1"])
    print(dataset.warnings, [file.file_id for file in dataset.files.values()])
    for has_warnings in (False, True):
        print(catalogue.datasets.read_metadata(DatasetFilter("main", has_warnings=has_warnings)).row_count)
    print(list(catalogue.integrity_check.iter_row_damages()), catalogue.jobs.load(), catalogue.event_log.read(0, 9))
    (covered,) = catalogue.coverage.read("main")
    print(covered.feeds, catalogue.overview.count_all("main")["files"], catalogue.overview.read_mark().settled)
"""
    )
    out, _ = process.communicate(timeout=60)
    open_for_writing(tmp_path)
    assert out == "() ['events__v1']\n1\n0\n[] [] []\n{'events': 1} 1 \n"


@pytest.mark.parametrize(("chosen", "is_told"), [(logging.NOTSET, False), (logging.INFO, True)])
def test_a_user_who_shows_info_is_not_told_of_alembic_unless_he_asks_for_it(tmp_path, caplog, chosen, is_told):
    lake_of_version(tmp_path / "catalog.db", "0001").close()
    alembic = logging.getLogger("alembic")
    alembic.setLevel(chosen)
    try:
        with caplog.at_level(logging.INFO):
            SqlCatalogue.open(f"sqlite:///{tmp_path}/catalog.db").close()
        assert any(record.name.startswith("alembic") for record in caplog.records) is is_told
        assert alembic.level == chosen
    finally:
        alembic.setLevel(logging.NOTSET)
