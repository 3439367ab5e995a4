"""What becomes of a lake in a server's database: its tables, its texts, its indexes."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings

from ingestify import get_engine
from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.schema import HEAD
from ingestify.catalogue.tables import build_tables
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import SelectorSync
from ingestify.errors import ConfigurationError, LakeNotFound, LakeVersionError, SaveError, StoreError
from tests.integration.catalogue.servers import Server
from tests.support.catalogue_data import (
    apply_one,
    change,
    check_each_is_found,
    everything,
    feed_state,
    found_ids,
    read_all,
    with_file,
)
from tests.support.migrated_lake import migrate
from tests.support.query_plans import explain

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


def test_a_database_without_tables_is_no_lake_and_is_named_without_its_secrets(server: Server) -> None:
    secret = "?sslpassword=canary" if server.kind == "postgresql" else ""
    with server.temporary_database() as name:
        url = server.url_of(name)
        assert "?" not in url
        with (
            get_engine(metadata_url=url + secret, file_url="file://files/") as engine,
            pytest.raises(LakeNotFound, match=f"There is no lake at .*/{name}.* has no tables") as raised,
        ):
            engine.list_datasets()
        assert "canary" not in str(raised.value)


def test_four_open_a_new_lake_at_the_same_moment(server: Server) -> None:
    """Connections keep each other out, not threads, so that processes do the same."""
    start, errors = threading.Barrier(4), list[BaseException]()

    def open_and_save(url: str, number: int) -> None:
        try:
            start.wait()
            catalogue = SqlCatalogue.open(url)
            catalogue.changes.apply([with_file(number)])
            catalogue.close()
        except BaseException as error:
            errors.append(error)

    with server.temporary_database() as name:
        url = server.url_of(name)
        threads = [threading.Thread(target=open_and_save, args=(url, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        catalogue = SqlCatalogue.open(url)
        assert sorted(found_ids(catalogue)) == [0, 1, 2, 3]
        catalogue.close()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_new_lake_and_the_migrations_have_the_tables_that_the_code_knows(
    server: Server, opened: SqlCatalogue, is_new: bool
) -> None:
    tables, dialect = build_tables(), opened._database.dialect
    with server.temporary_database() as name:
        make_tables(server, name, dialect, is_new=is_new)
        for table in tables.metadata.tables.values():
            dialect.adapt(table)
        engine = server.engine(name)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": tables.version_table_name})
            assert compare_metadata(context, tables.metadata) == []
        engine.dispose()


def test_a_new_lake_has_the_tables_of_a_migrated_one(server: Server, opened: SqlCatalogue) -> None:
    described = []
    for is_new in (True, False):
        with server.temporary_database() as name:
            make_tables(server, name, opened._database.dialect, is_new=is_new)
            described.append(describe_tables(server, name))
    assert described[0] == described[1]
    assert len(described[0]) == len(build_tables().metadata.tables) + 1


def make_tables(server: Server, database: str, dialect: Dialect, *, is_new: bool) -> None:
    if is_new:
        SqlCatalogue.open(server.url_of(database)).close()
        return
    engine = server.engine(database)
    with engine.begin() as connection:
        migrate(connection, dialect, build_tables(), HEAD)
    engine.dispose()


def describe_tables(server: Server, database: str) -> dict[str, list[Any]]:
    """Describe each table: its columns with their collations, its keys and its indexes."""
    engine = server.engine(database)
    inspector = sa.inspect(engine)

    def parts(table: str) -> Iterator[Any]:
        yield [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)]
        yield inspector.get_pk_constraint(table)
        for listed in (inspector.get_indexes, inspector.get_unique_constraints, inspector.get_foreign_keys):
            yield sorted(listed(table), key=repr)

    described = {table: list(parts(table)) for table in inspector.get_table_names()}
    engine.dispose()
    return described


@pytest.mark.parametrize("broke_off", [False, True])
def test_a_lake_of_version_3_remembers_its_selectors_as_ones_to_be_listed_once_more(
    server: Server, broke_off: bool
) -> None:
    """Where making a table is a commit, the migration may have broken off after it dropped the old one."""
    with server.temporary_database() as name:
        url = server.url_of(name)
        SqlCatalogue.open(url).close()
        server.execute("DROP TABLE selector_sync", "UPDATE ingestify_version SET version_num = '0003'", database=name)
        if not broke_off:
            server.execute(
                "CREATE TABLE selector_sync (key_hash VARCHAR(64) PRIMARY KEY, selector_key TEXT, "
                "last_modified VARCHAR(27), complete BOOLEAN, finished_at VARCHAR(27), listing VARCHAR(64))",
                f"INSERT INTO selector_sync VALUES ('{hashlib.sha256(b'key').hexdigest()}', 'key', "
                "'2024-05-01T18:30:00.000000Z', true, '2024-05-01T18:30:00.000000Z', '3/00ff')",
                database=name,
            )
        catalogue = SqlCatalogue.open(url)
        at = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)
        expected = None if broke_off else SelectorSync(at, True, at, "3/00ff", followed_until=at)
        assert catalogue.selector_syncs.find("key") == expected
        catalogue.selector_syncs.save("key", SelectorSync(at, True, at, hint="1", is_settled=True))
        assert catalogue.selector_syncs.find("key") == SelectorSync(at, True, at, hint="1", is_settled=True)
        catalogue.close()


@pytest.mark.parametrize("prefix", ["Other_", "o" * 40, "p" * 56, "x" * 255])
def test_lakes_share_a_database_by_their_prefixes(catalogue: SqlCatalogue, lake_url: str, prefix: str) -> None:
    other = SqlCatalogue.open(lake_url, table_prefix=prefix)
    dataset = apply_one(catalogue, with_file()).dataset
    wanted = [("fake", "match", "match_id")]
    (mine,), _ = catalogue.indexes.sync(wanted)
    assert other.indexes.sync([]) == ([], [])
    (theirs,), _ = other.indexes.sync(wanted)
    assert other.indexes.sync([]) == ([], [theirs])
    assert catalogue.indexes.sync(wanted) == ([], [])
    assert catalogue.indexes.sync([]) == ([], [mine])
    assert (read_all(catalogue), read_all(other)) == ([dataset], [])
    other.close()
    SqlCatalogue.open(lake_url, table_prefix=prefix).close()


def test_tables_of_others_and_of_a_newer_ingestify_are_left_alone(server: Server) -> None:
    with server.temporary_database() as name:
        url = server.url_of(name)
        server.execute("CREATE TABLE dataset (x INT)", database=name)
        with pytest.raises(ConfigurationError, match=r"dataset.*table_prefix"):
            SqlCatalogue.open(url)
        SqlCatalogue.open(url, table_prefix="lake_").close()
        server.execute("UPDATE lake_ingestify_version SET version_num = '9999'", database=name)
        with pytest.raises(LakeVersionError, match=r"newer ingestify.*9999"):
            SqlCatalogue.open(url, table_prefix="lake_")


def test_a_first_opening_that_broke_off_is_begun_anew(server: Server) -> None:
    """Where making a table is a commit, a kill leaves some of them."""
    with server.temporary_database() as name:
        url = server.url_of(name)
        SqlCatalogue.open(url).close()
        server.execute("DELETE FROM ingestify_version", "DROP TABLE event_log", database=name)
        catalogue = SqlCatalogue.open(url)
        kept = apply_one(catalogue, with_file()).dataset
        catalogue.close()
        # What holds something is no first opening, whatever the version table says.
        server.execute("DELETE FROM ingestify_version", database=name)
        with pytest.raises(StoreError, match=r"lost the row.*nothing was touched.*backup"):
            SqlCatalogue.open(url)
        server.execute(f"INSERT INTO ingestify_version VALUES ('{HEAD}')", database=name)
        catalogue = SqlCatalogue.open(url)
        assert read_all(catalogue) == [kept]
        catalogue.close()


def test_a_lake_of_the_first_version_is_migrated(server: Server) -> None:
    with server.temporary_database() as name:
        url = server.url_of(name)
        SqlCatalogue.open(url).close()
        server.execute(
            "DROP TABLE job_holder",
            "DROP TABLE deleted_object",
            "UPDATE ingestify_version SET version_num = '0001'",
            database=name,
        )
        catalogue = SqlCatalogue.open(url)
        assert catalogue.job_locks.find_holder("job") is None
        dataset = apply_one(catalogue, with_file(1, name="é😀 ")).dataset
        assert len(catalogue.changes.delete([dataset.dataset_id])) == 1
        catalogue.close()


def test_a_migration_that_broke_off_after_it_made_its_tables_is_done_again(server: Server) -> None:
    """Where making a table is a commit, a kill leaves tables that are newer than the version that is written down."""
    with server.temporary_database() as name:
        url = server.url_of(name)
        SqlCatalogue.open(url).close()
        emptying = [f"DELETE FROM {table.name}" for table in reversed(build_tables().metadata.sorted_tables)]
        for number in range(1, int(HEAD)):
            back = f"UPDATE ingestify_version SET version_num = '{number:04}'"
            server.execute(*emptying, back, database=name)
            catalogue = SqlCatalogue.open(url)
            kept = apply_one(catalogue, with_file()).dataset
            assert read_all(catalogue) == [kept], f"migrated from {number:04}"
            catalogue.close()


TEXTS = ["a", "A", "a ", " a", "á", "a\u0301", "ａ", "ß", "ss", "😀", "😁", "a\t", ""]


def test_texts_that_look_alike_are_different(catalogue: SqlCatalogue) -> None:
    applied = catalogue.changes.apply([change(text) for text in TEXTS if text])
    applied += catalogue.changes.apply([change(1, provider=text) for text in TEXTS if text])
    datasets = [one.dataset for one in applied]
    assert read_all(catalogue) == datasets
    for text in filter(None, TEXTS):
        assert found_ids(catalogue, match_id=text) == [text]
        assert [d.provider for d in read_all(catalogue, everything(provider=text))] == [text]
        known = catalogue.datasets.find_known(
            "main", "fake", "match", [Identifier({"competition_id": 11, "match_id": text})]
        )
        assert len(known) == 1
        catalogue.event_readers.set_position(text, len(text))
    assert all(catalogue.event_readers.find_position(text) == len(text) for text in TEXTS if text)


def test_texts_that_mean_something_in_lists_of_a_database_are_found_by_the_lot(catalogue: SqlCatalogue) -> None:
    odd = ['"', "\\", '\\"', "a,b", "{a}", "{", "NULL", "null", " ", "'", "a\nb", "%s", ":p", "$1"]
    catalogue.changes.apply([change(text) for text in [*odd, "another"]])
    assert sorted(found_ids(catalogue, match_id=odd)) == sorted(odd)
    assert catalogue.datasets.get(["\0", "", "a\0b"]) == []
    assert catalogue.datasets.get(["\0", "a\0b"]) == []


def test_long_texts_are_kept_whole(catalogue: SqlCatalogue) -> None:
    feeds = [feed_state(f"feed{number}") for number in range(1000)]
    dataset = apply_one(catalogue, change(metadata={"text": "é😀" * 40_000}, feeds=feeds, name="n" * 70_000)).dataset
    assert read_all(catalogue) == [dataset]
    assert catalogue.event_log.read(0, 1)[0].dataset.metadata == dataset.metadata


def test_what_does_not_fit_is_refused_and_nothing_is_cut(catalogue: SqlCatalogue) -> None:
    with pytest.raises(SaveError, match="longer than its column"):
        catalogue.changes.apply([change("x" * 513)])
    with pytest.raises(SaveError, match="longer than its column"):
        catalogue.changes.apply([change(1, provider="x" * 65)])
    assert read_all(catalogue) == []


VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8), st.integers(), st.booleans()
)
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
IDENTIFIERS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=3).map(Identifier)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(identifiers=st.lists(IDENTIFIERS, min_size=1, max_size=4, unique=True))
def test_any_identifier_comes_back_and_is_found(catalogue: SqlCatalogue, identifiers: list[Identifier]) -> None:
    catalogue.changes.delete([d.dataset_id for d in read_all(catalogue)])
    check_each_is_found(catalogue, identifiers)


# ---- plans ---------------------------------------------------------------------------------------------


def _plans_of(catalogue: SqlCatalogue, ask: Any, holds: str) -> list[str]:
    """Run `ask`, and return the plans of its queries that hold a text."""
    return [
        " / ".join(" ".join(str(value) for value in row) for row in rows) for rows in explain(catalogue, ask, holds)
    ]


@pytest.mark.parametrize(
    ("provider", "dataset_type", "key"), [("fake", "match", "match_id"), ("o'ther % :x", "vi?deo", "a.b é 'q' %s")]
)
@pytest.mark.parametrize("value", [7, [7, 8, "9"]])
def test_a_filter_uses_the_index_of_its_key(
    catalogue: SqlCatalogue, provider: str, dataset_type: str, key: str, value: object
) -> None:
    catalogue.changes.apply(
        [
            change(provider=provider, dataset_type=dataset_type, identifier=Identifier({key: number, "z": 1}))
            for number in range(500)
        ]
    )
    (name,), _ = catalogue.indexes.sync([(provider, dataset_type, key)])
    wanted = everything(provider=provider, dataset_type=dataset_type, selector={key: value})
    found: list[Any] = []

    def ask() -> None:
        found.extend(read_all(catalogue, wanted))
        assert catalogue.datasets.read_metadata(wanted).count == len(found)

    plans = _plans_of(
        catalogue, ask, " AS JSON" if catalogue._database.sql_dialect.name == "postgresql" else "attribute_"
    )
    assert len(plans) == 2
    assert all(name in plan for plan in plans), plans
    assert [str(d.identifier[key]) for d in found] == (["7"] if value == 7 else ["7", "8", "9"])
    catalogue.indexes.sync([])
    assert len(read_all(catalogue, wanted)) == len(found)


def test_look_ups_use_the_unique_index_and_long_reads_are_not_sorted(catalogue: SqlCatalogue) -> None:
    for start in range(0, 3000, 1000):
        catalogue.changes.apply([change(number) for number in range(start, start + 1000)])
    catalogue.indexes.sync([])
    wanted = [Identifier({"competition_id": 11, "match_id": n}) for n in range(5)]
    (plan,) = _plans_of(
        catalogue, lambda: catalogue.datasets.find_known("main", "fake", "match", wanted), "identifier_key"
    )
    assert "dataset_identity_unique" in plan
    for filters in ({}, {"provider": "fake"}, {"provider": "fake", "dataset_type": "match"}):
        plans = _plans_of(
            catalogue, lambda f=filters: list(catalogue.datasets.iter_identities(everything(**f))), "ORDER BY"
        )  # type: ignore[misc]
        assert plans
        assert not any("Sort" in plan or "filesort" in plan for plan in plans), plans
