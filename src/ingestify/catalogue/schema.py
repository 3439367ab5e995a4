"""The tables of a database: ours are brought to the version of this ingestify when the lake is opened.

Tables of others are left alone; those of the published package are found by their columns.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.dialect import select_version
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.tables import LONGEST_NAME, Tables, adopted_prefix, build_tables, version_table_of
from ingestify.errors import ConfigurationError, LakeVersionError, StoreError
from ingestify.remedies import remedy

__all__ = [
    "HEAD",
    "MIGRATIONS",
    "PublishedTables",
    "WasAdopted",
    "describe_version",
    "find_published_tables",
    "find_schema",
    "prepare_schema",
]

HEAD = "0015"
"""The newest migration. Written down here so that opening a lake need not import alembic; a test compares."""

READABLE = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Older versions that can be read without a migration, by a user who may only read."""

MIGRATIONS = Path(__file__).parent / "migrations"


class WasAdopted(ConfigurationError):
    """The lake was adopted in place: its tables are those of `build_adopted_tables`."""


def prepare_schema(database: Database, tables: Tables) -> bool:
    """Make the lake's tables, or migrate them to HEAD.

    Returns:
        Whether they were made.

    Raises:
        LakeVersionError: A newer ingestify wrote the lake.
        ConfigurationError: The tables there are not ingestify's, or are those of the published package.
        WasAdopted: They were adopted.
        StoreError: The database refused.
    """
    if _is_up_to_date(database, tables):
        return False
    dialect = database.dialect
    with database.write("make its tables") as connection, dialect.migrating(connection, tables.version_table_name):
        # Read again under the lock: another process may have opened the same new lake.
        version = _read_version(connection, tables)
        if version is None and not _drop_unfinished(connection, tables):
            _refuse_foreign_tables(connection, database.where, tables)
        if version is None:
            _make(connection, database, tables)
        elif version != HEAD:
            _migrate(connection, database, tables, version)
        dialect.load_attribute_columns(connection, tables.dataset)
    database.guard_version(tables.version_table_name, HEAD)
    return version is None


def find_schema(database: Database, tables: Tables) -> bool:
    """Migrate a lake's tables to HEAD, and return whether there are any. Makes no lake.

    Raises:
        As `prepare_schema` does.
    """
    if _is_up_to_date(database, tables):
        return True
    if not _has_lake(database, tables):
        return False
    prepare_schema(database, tables)
    return True


@retried
def _has_lake(database: Database, tables: Tables) -> bool:
    with database.read("read the version of its tables") as connection:
        if connection.dialect.has_table(connection, tables.version_table_name):
            return True
        _refuse_foreign_tables(connection, database.where, tables)
    return False


@retried
def describe_version(database: Database, tables: Tables) -> tuple[str, bool]:
    """Return a sentence about the tables of a database, and whether they are those of this version. Makes nothing.

    Raises:
        LakeVersionError: A newer ingestify wrote the lake.
        ConfigurationError: The tables there are not ingestify's.
        StoreError: The database refused.
    """
    with database.read("read the version of its tables") as connection:
        version = _read_version(connection, tables)
        if version is None:
            _refuse_foreign_tables(connection, database.where, tables)
            return "it has no tables yet, and the first run makes them, if its user may", False
    if version == HEAD:
        return "its tables are those of this version", True
    if version > HEAD:
        raise _written_by_newer(database, version)
    text = f"its tables are of an older version ({version}), and the next run migrates them, if its user may"
    return text, False


def _written_by_newer(database: Database, version: str) -> LakeVersionError:
    return LakeVersionError(
        f"The lake {database.where} was written by a newer ingestify: its tables have the version '{version}', and "
        f"this ingestify knows up to '{HEAD}'. Upgrade ingestify to read it."
    )


@retried  # MySQL refuses to read a table that another process made after the transaction began
def _is_up_to_date(database: Database, tables: Tables) -> bool:
    with database.read("read the version of its tables") as connection:
        version = _read_version(connection, tables)
        is_readable = version == HEAD or (database.is_read_only and version in READABLE)
        if is_readable:
            database.dialect.load_attribute_columns(connection, tables.dataset)
    if version is not None and is_readable:
        database.guard_version(tables.version_table_name, version)
    return is_readable


def _read_version(connection: sa.Connection, tables: Tables) -> str | None:
    """Return the version of the lake's tables; None if there are none yet."""
    name = tables.version_table_name
    if not connection.dialect.has_table(connection, name):
        return None
    version: str | None = connection.scalar(select_version(name))
    return version


def _drop_unfinished(connection: sa.Connection, tables: Tables) -> bool:
    """Drop the tables of a first opening that broke off. That happens in MySQL, where CREATE TABLE commits.

    Such a lake has a version table without a version, and all of its other tables are empty.
    """
    if not connection.dialect.has_table(connection, tables.version_table_name):
        return False
    for name, table in tables.metadata.tables.items():
        there = connection.dialect.has_table(connection, name)
        if there and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise StoreError(
                f"The lake's table {tables.version_table_name} has lost the row that says its version, and the table "
                f"{name} is not empty, so nothing was touched. Restore the database from a backup; or, if its tables "
                f"are those of this ingestify, add a row with the version_num '{HEAD}'."
            )
    tables.metadata.drop_all(connection)
    return True


def _refuse_foreign_tables(connection: sa.Connection, where: str, tables: Tables) -> None:
    if tables.is_adopted:
        return  # an adoption makes its tables
    adopted = version_table_of(adopted_prefix(tables.given_prefix))
    if connection.dialect.has_table(connection, adopted):
        raise WasAdopted(f"The lake {where} was adopted while this process had it open: open it again.")
    if find_published_tables(connection, tables.given_prefix) is not None:
        raise ConfigurationError(
            f"The database {where} has a lake of the published package, which this ingestify does not write to. "
            f"Nothing was made or changed. {remedy('adopt')} shows what can be taken over, and "
            f"{remedy('adopt --yes')} does it."
        )
    taken = [name for name in tables.metadata.tables if connection.dialect.has_table(connection, name)]
    if taken:
        raise ConfigurationError(
            f"The database {where} has the {'table' if len(taken) == 1 else 'tables'} {', '.join(sorted(taken))} "
            f"already, and ingestify did not make {'it' if len(taken) == 1 else 'them'}. Set "
            f"metadata_options: {{table_prefix: ingestify_}} to keep the lake's tables apart, or name another database "
            f"in metadata_url."
        )


def _drop_left_over(connection: sa.Connection, where: str, table: sa.Table) -> None:
    """Drop a table that a migration made before it broke off. That happens in MySQL, where CREATE TABLE commits.

    Such a table is empty. A table that somebody else made has other columns, or rows, and stays.
    """
    if not connection.dialect.has_table(connection, table.name):
        return
    columns = {str(column["name"]) for column in sa.inspect(connection).get_columns(table.name)}
    row = sa.select(sa.literal(1)).select_from(sa.table(table.name)).limit(1)
    if columns != set(table.c.keys()) or connection.execute(row).first() is not None:
        raise ConfigurationError(
            f"The lake {where} needs a table {table.name} to be migrated, and its database has one already that "
            f"ingestify did not make. Rename that table, or move it to another database, and open the lake again."
        )
    connection.execute(sa.schema.DropTable(table))


def _make(connection: sa.Connection, database: Database, tables: Tables) -> None:
    """Make the tables of a new lake as they are now, which saves it the migrations; tests compare the two."""
    metadata = build_tables.__wrapped__(tables.prefix).metadata  # not from the cache: a dialect changes what it adapts
    made = list(metadata.tables.values())
    name = tables.version_table_name
    column = sa.Column("version_num", sa.String(32), nullable=False)
    version = sa.Table(name, metadata, column, sa.PrimaryKeyConstraint("version_num", name=f"{name}_pkc"))
    database.dialect.adapt(version)
    # First: if this breaks off where CREATE TABLE commits, a version table without a version says so.
    version.create(connection, checkfirst=True)
    for table in made:
        _drop_left_over(connection, database.where, table)
        database.dialect.adapt(table)
    metadata.create_all(connection, made, checkfirst=False)
    connection.execute(version.insert().values(version_num=HEAD))


_alembic = threading.Lock()
"""Alembic keeps its state in its modules, so one thread at a time can use it."""


@contextlib.contextmanager
def _alembic_warnings_only() -> Iterator[None]:
    """Let alembic log only warnings: at INFO it logs its plugins and each step, which means nothing to a user."""
    logger = logging.getLogger("alembic")
    before = logger.level
    if before == logging.NOTSET:  # else the user chose a level
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _migrate(connection: sa.Connection, database: Database, tables: Tables, version: str) -> None:
    with _alembic, _alembic_warnings_only():
        _upgrade(connection, database, tables, version)


def _upgrade(connection: sa.Connection, database: Database, tables: Tables, version: str) -> None:
    # Imported here: a lake that is new or up to date must not pay the 0.2 s of this import.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    def before_create(table: sa.Table, connection: sa.Connection, **_: object) -> None:
        _drop_left_over(connection, database.where, table)
        database.dialect.adapt(table)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["tables"] = tables
    config.attributes["before_create"] = before_create
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version not in known:
        raise _written_by_newer(database, version)
    command.upgrade(config, "head")


# ---- the tables of the published package ----------------------------------------------------------------

_NEEDED = {
    "dataset": {"dataset_id", "bucket", "provider", "dataset_type", "identifier", "metadata"},
    "revision": {"dataset_id", "revision_id", "created_at"},
    "file": {"dataset_id", "revision_id", "file_id", "storage_path", "tag"},
}
_OWN_COLUMNS = {"position", "identifier_key", "file_number", "removed_file_ids"}
"""The columns that only our tables of the same names have."""

_READERS = ("event_log", "reader_state")


class PublishedTables(msgspec.Struct, frozen=True):
    """The tables, each with the columns that it has in this database.

    Attributes:
        has_zones: Whether its times have a zone, or need none: they do not in PostgreSQL, from version 0.10 on.
        event_log: None: nobody has used the log.
        reader_state: None: nobody has read it.
    """

    dataset: sa.TableClause
    revision: sa.TableClause
    file: sa.TableClause
    event_log: sa.TableClause | None
    reader_state: sa.TableClause | None
    has_zones: bool


def find_published_tables(connection: sa.Connection, prefix: str) -> PublishedTables | None:
    """Return the tables of a lake of the published package; None: there is none.

    Args:
        connection: In a transaction.
        prefix: The `table_prefix` of the settings as it is written there.
    """
    if not _has_table(connection, f"{prefix}dataset"):
        return None
    inspector = sa.inspect(connection)
    found: dict[str, dict[str, Any]] = {}
    for name in (*_NEEDED, *_READERS):
        if _has_table(connection, f"{prefix}{name}"):
            found[name] = {str(column["name"]): column["type"] for column in inspector.get_columns(f"{prefix}{name}")}
    for name, needed in _NEEDED.items():
        if name not in found or not needed <= found[name].keys() or found[name].keys() & _OWN_COLUMNS:
            return None
    tables = {name: sa.table(f"{prefix}{name}", *map(sa.column, columns)) for name, columns in found.items()}
    type_of_times = found["revision"]["created_at"]
    has_zones = connection.dialect.name != "postgresql" or bool(getattr(type_of_times, "timezone", False))
    return PublishedTables(
        tables["dataset"],
        tables["revision"],
        tables["file"],
        tables.get("event_log") if "payload_json" in found.get("event_log", {}) else None,
        tables.get("reader_state") if "last_event_id" in found.get("reader_state", {}) else None,
        has_zones,
    )


def _has_table(connection: sa.Connection, name: str) -> bool:
    # To look for a name that no table can have is an error in MySQL, whose names have up to 64 characters.
    can_be = connection.dialect.name != "mysql" or len(name) <= LONGEST_NAME + 1
    return can_be and connection.dialect.has_table(connection, name)
