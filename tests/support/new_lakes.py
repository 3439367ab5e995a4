"""New lakes in SQLite, made at once: a process makes one for real, and each later one gets the same tables.

A run of all tests makes some thousand. What is copied is what SQLite itself says of the tables, word for word. The
tests of the tables turn it off: `real_new_lakes`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ingestify.catalogue import SqlCatalogue, schema
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.tables import Tables

_make = schema._make
_refuse_foreign_tables = schema._refuse_foreign_tables
_statements: dict[str, list[str]] = {}
"""By the prefix of the tables: what makes them."""


@pytest.fixture(autouse=True, scope="session")
def quick_new_lakes() -> Iterator[None]:
    """Make new lakes at once, in every test that does not ask for `real_new_lakes`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_make", _copy_or_make)
        patch.setattr(schema, "_refuse_foreign_tables", _refuse_if_any)
        yield


@pytest.fixture
def real_new_lakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each new lake as the code does."""
    monkeypatch.setattr(schema, "_make", _make)
    monkeypatch.setattr(schema, "_refuse_foreign_tables", _refuse_foreign_tables)


def learn() -> None:
    """Make new lakes at once in this process and in all that are forked from it."""
    schema._make = _copy_or_make
    SqlCatalogue.open("sqlite:///:memory:").close()


def _refuse_if_any(connection: sa.Connection, where: str, tables: Tables) -> None:
    """Ask for no table by its name where there is none: there are twenty names."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite or connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is not None:
        _refuse_foreign_tables(connection, where, tables)


def _copy_or_make(connection: sa.Connection, database: Database, tables: Tables) -> None:
    is_new = not connection.dialect.has_table(connection, tables.version_table_name)
    if not is_new or connection.dialect.name != "sqlite":
        _make(connection, database, tables)
        return
    if tables.prefix not in _statements:
        _make(connection, database, tables)
        _statements[tables.prefix] = _read_statements(connection, tables)
        return
    cursor = connection.connection.cursor()
    for statement in _statements[tables.prefix]:
        cursor.execute(statement)
    cursor.close()
    connection.exec_driver_sql(f"INSERT INTO {tables.version_table_name} VALUES (?)", (schema.HEAD,))


def _read_statements(connection: sa.Connection, tables: Tables) -> list[str]:
    names = [*tables.metadata.tables, tables.version_table_name]
    found = connection.exec_driver_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    return [sql for name, sql in found if name in names]
