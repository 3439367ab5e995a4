"""SQLite, in a file or in memory: one writer at a time, readers beside it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import urllib.parse
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool, StaticPool

from ingestify.catalogue.databases.connector import Connector
from ingestify.catalogue.databases.database_errors import translated
from ingestify.catalogue.databases.database_url import sqlite_path
from ingestify.catalogue.databases.dialect import BulkStatement, Dialect, in_any_case, quoted, select_last_position
from ingestify.catalogue.databases.sqlite_reader import SqliteReader
from ingestify.catalogue.databases.sqlite_statements import make_engine
from ingestify.durable_folders import durable_folders
from ingestify.errors import StoreError

__all__ = ["SqliteConnector", "SqliteDialect"]

BUSY_TIMEOUT_SECONDS = 60.0
"""How long a writer waits for a writer of another process; `?timeout=` in the URL overrides it."""

_SLICE_SECONDS = 0.05
"""How long SQLite itself waits. Nothing can end that wait, not even Ctrl-C, which Python handles after it."""

_CURSORS = "ingestify_cursors"
"""The key of a connection's results in its `info`."""

_INCREMENTAL = 2
_MOST_PAGES = 10_000
"""How many pages of 4 kB one transaction gives back."""


class _WriteLock:
    """A lock that can have weak references."""

    def __init__(self) -> None:
        self.lock = threading.RLock()


_write_locks: weakref.WeakValueDictionary[str, _WriteLock] = weakref.WeakValueDictionary()
_write_locks_guard = threading.Lock()


def _write_lock_of(name: str) -> _WriteLock:
    """Return this process's one lock for a database, which may be open several times."""
    with _write_locks_guard:
        lock = _write_locks.get(name)
        if lock is None:
            lock = _write_locks[name] = _WriteLock()
        return lock


class SqliteConnector(Connector):
    """Implements `Connector`.

    Args:
        url: Parsed.
    """

    # The PRAGMA takes the lock and fixes the moment that the transaction sees; BEGIN alone would do so later.
    read_begin: tuple[str, ...] = ("BEGIN", "PRAGMA schema_version")
    write_begin: tuple[str, ...] = ("BEGIN IMMEDIATE",)

    def __init__(self, url: sa.URL) -> None:
        self._url = url.difference_update_query(["timeout"])
        self.where = url.render_as_string(hide_password=True)
        self.dialect = SqliteDialect()
        self.path = path = sqlite_path(url)
        self._reader = SqliteReader(path) if path is not None and _may_only_be_read(path) else None
        self.is_read_only = self._reader is not None
        if self.is_read_only:
            self.read_begin = ("BEGIN",)
        self._folder = None if path is None else str(path.parent.absolute())
        self.is_one_connection = path is None
        self._lock = _WriteLock() if path is None else _write_lock_of(str(path))
        self.write_lock: contextlib.AbstractContextManager[Any] = self._lock.lock
        # A database in memory is its one connection, so there readers take turns with the writer.
        self.read_lock: contextlib.AbstractContextManager[Any] = (
            self._lock.lock if self.is_one_connection else contextlib.nullcontext()
        )
        self.lock_seconds = float(str(url.query.get("timeout", BUSY_TIMEOUT_SECONDS)))
        self._file: tuple[int, int] | None = None

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself."""
        # For a user who may only read, `reading` watches from the first statement on, so SQLite itself has to wait.
        seconds = self.lock_seconds if self.is_read_only else min(_SLICE_SECONDS, self.lock_seconds)
        arguments: dict[str, Any] = {"check_same_thread": False, "timeout": seconds}
        pool: dict[str, Any] = (
            {"poolclass": StaticPool}
            if self.is_one_connection
            # No upper limit: a thread that reads must never wait for a connection that another thread keeps.
            else {"poolclass": QueuePool, "pool_size": 4, "max_overflow": -1}
        )
        opened = self._url if self._reader is None or self.path is None else _read_only_url(self._url, self.path)
        engine = make_engine(opened, echo=echo, connect_args=arguments, **pool)
        if self._reader is not None:
            self._reader.listen(engine)
        elif self.path is not None:
            sa.event.listen(engine, "do_connect", lambda *_: self._refuse_other_file())
            sa.event.listen(engine, "checkout", lambda *_: self._refuse_other_file())
        sa.event.listen(engine, "connect", _prepare_connection)
        sa.event.listen(engine, "after_cursor_execute", _note_cursor)
        sa.event.listen(engine, "checkin", _close_cursors)
        return engine

    def prepare(self, engine: sa.Engine) -> None:
        """Make the file's folder, and turn on the write-ahead log, with which readers read beside a writer.

        Raises:
            StoreError: The folder cannot be made, or the file cannot be opened.
        """
        if self.path is None or self.is_read_only:
            return
        _make_folder(self.path, self.where)
        self._file = None
        deadline = time.monotonic() + self.lock_seconds
        with translated(self.where, "open"):
            while True:
                try:
                    self._switch(engine)
                    break
                except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
                    if not self.is_locked(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)
        self._file = _identity_of(self.path)

    def _refuse_other_file(self) -> None:
        """Refuse to go on with a file that was removed or replaced: nobody else would see what is written to it.

        What is remembered of its tables is not true of another file, so a new connection is no help.
        """
        if self._file is not None and self.path is not None and _identity_of(self.path) != self._file:
            raise sqlite3.OperationalError("the file was removed or replaced while it was open")

    def _switch(self, engine: sa.Engine) -> None:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            # The query alone takes no lock; for the lock of the switch SQLite does not wait by itself.
            if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",) and not _is_of_others(cursor):
                # Only in a new file: lets freed pages be given back to the disk.
                cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
                cursor.execute("PRAGMA journal_mode = WAL").fetchone()
            cursor.close()

    def reading(self, connection: sa.Connection) -> contextlib.AbstractContextManager[None]:
        """Check a transaction that reads, where this user may only read the file."""
        return contextlib.nullcontext() if self._reader is None else self._reader.reading(connection)

    def is_locked(self, error: BaseException) -> bool:
        """Whether another process has locked the file. For a user who may only read, SQLite itself waits."""
        return not self.is_read_only and "database is locked" in str(getattr(error, "orig", None) or error)

    def before_commit(self) -> None:
        """Sync the folders above the file, so that they outlive a power loss; SQLite syncs only its own files."""
        if self._folder is None:
            return
        try:
            durable_folders.settle([self._folder])
        except OSError as error:
            raise StoreError(
                f"The catalogue {self.where} cannot be written: a folder above it could not be synced "
                f"({error.strerror or error}). Look at the disk, then run again."
            ) from error


def _is_of_others(cursor: Any) -> bool:
    """Whether the file has tables, and none that says the version of a lake. Opening it changes nothing there."""
    names = [name for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return bool(names) and not any(name.endswith("ingestify_version") for name in names)


def _may_only_be_read(path: Path) -> bool:
    """Whether the database exists, and this user may not write to it: an archive, or a colleague's lake."""
    try:
        is_there = path.is_file()
    except PermissionError:  # opening it gives the error
        return False
    return is_there and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_url(url: sa.URL, path: Path) -> sa.URL:
    query = {**url.query, "mode": "ro", "uri": "true"}
    return url.set(database=f"file:{urllib.parse.quote(str(path))}", query=query)


def _identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one that took its place; None: there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open the file: {error.strerror}") from error
    return status.st_dev, status.st_ino


def _make_folder(path: Path, where: str) -> None:
    try:
        durable_folders.make(str(path.parent.absolute()))
    except OSError as error:
        raise StoreError(
            f"The catalogue {where} cannot be opened: its folder {path.parent} cannot be made "
            f"({error.strerror or error}). Check that path, and that this user may write there."
        ) from error
    if path.is_dir():
        raise StoreError(
            f"The catalogue {where} cannot be opened: {path} is a folder. "
            f"Name a file in metadata_url, such as sqlite:///{path}/catalog.db."
        )


def _prepare_connection(connection: Any, _record: object) -> None:
    # None: the driver begins no transaction by itself, so reads are in one too, and DDL can be rolled back.
    # This works the same on every Python; `autocommit=False` exists from 3.12 on and cannot say IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # FULL: a commit outlives a power loss, also in WAL mode.
    cursor.execute("PRAGMA synchronous = FULL")
    # 16 MB instead of 2: a fifth faster with 300,000 datasets; 64 MB is no faster.
    cursor.execute("PRAGMA cache_size = -16000")
    # The log is moved into the file when it has 16 MB, four times the default.
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    cursor.close()


def _note_cursor(connection: sa.Connection, cursor: Any, *_: object) -> None:
    if cursor.description is not None:  # it has rows
        connection.info.setdefault(_CURSORS, []).append(weakref.ref(cursor))


def _close_cursors(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
    """Close the results that outlive their transaction, as the traceback of an error that is kept may hold one.

    With an unread result, SQLite goes on with the moment that it was read at: every later transaction of this
    connection would read the lake as it was then, and could not write.
    """
    for reference in record.info.pop(_CURSORS, ()):
        cursor = reference()
        if cursor is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):  # its connection was closed
                cursor.close()


class SqliteDialect(Dialect):
    """SQLite, from 3.35 on. Its writers exclude each other, so no rows are locked."""

    has_one_writer = True

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column IN (…)` with all values in one bound parameter, of which SQLite has a limited number."""
        if len(values) == 1:
            return column == values[0]
        listed = sa.func.json_each(json.dumps(list(values), ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(listed.c.value))

    def contains(self, column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
        """Return `GLOB`, as LIKE knows only the cases of ASCII."""
        pattern = in_any_case(text, lambda char: f"[{char}]" if char in "*?[" else char)
        return column.op("GLOB", return_type=sa.Boolean())(f"*{pattern}*")

    def gather(self, columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str | None]:
        """Return `json_group_array(json_array(…))`."""
        return sa.func.json_group_array(sa.func.json_array(*columns), type_=sa.Text())

    def attribute(self, identifier_key: sa.ColumnElement[str], key: str) -> sa.ColumnElement[Any]:
        """Return the value, by the expression of the key's index."""
        # The path is a literal: SQLite uses an index on an expression only for the very same expression.
        path = sa.literal(f'$."{key}"', sa.String(), literal_execute=True)
        return sa.func.json_extract(identifier_key, path, type_=sa.String())

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition; if the key can have an index, with the expression of that index."""
        if not values:
            return sa.false()
        if self.is_indexable(key):
            return self.any_of(self.attribute(identifier_key, key), values)
        # A quoted path cannot hold a quote or a backslash, and older versions compare it with the escaped key.
        pairs = sa.func.json_each(identifier_key).table_valued("key", "value")
        return (
            sa.select(sa.literal(1))
            .select_from(pairs)
            .where(pairs.c.key == key, self.any_of(pairs.c.value, values))
            .exists()
        )

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a literal: SQLite does not use a partial index when its condition meets a bound parameter."""
        return sa.literal(value, sa.String(), literal_execute="\0" not in value)

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return `+column` (https://www.sqlite.org/optoverview.html, section 5.1)."""
        return sa.UnaryExpression(column, operator=sa.sql.operators.custom_op("+"), type_=column.type)

    def lock_rows(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Do nothing: there is one writer."""

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Do nothing: there is one writer."""

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns their positions.

        There is one writer, so the positions follow each other. With RETURNING each row would be a statement.
        """
        insert.execute(connection, rows)
        last: int = connection.scalars(select_last_position(table)).one()
        return range(last - len(rows) + 1, last + 1)

    def is_indexable(self, key: str) -> bool:
        """Return whether the key can stand in a quoted JSON path as it is."""
        return json.dumps(key, ensure_ascii=False) == f'"{key}"'

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index on one key, of the datasets of one provider and type."""
        path, *values = (quoted(text) for text in (f'$."{key}"', provider, dataset_type))
        return (
            f"{table.name} (json_extract(identifier_key, {path})) "
            f"WHERE provider = {values[0]} AND dataset_type = {values[1]}"
        )

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make the index."""
        connection.exec_driver_sql(f"CREATE INDEX {name} ON {body}")

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop the index."""
        connection.exec_driver_sql(f"DROP INDEX {name}")

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes. SQLAlchemy's reflection leaves out those on expressions."""
        statement = sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :table ORDER BY name")
        return list(connection.scalars(statement, {"table": table.name}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE for one table."""
        connection.exec_driver_sql(f"ANALYZE {table.name}")

    def find_maintenance(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return the statements of `PRAGMA optimize`, and those that give free pages back."""
        # 1: return the statements only; 2: ANALYZE; 0x10000: all tables, not only those that this connection used.
        listed = connection.exec_driver_sql("PRAGMA optimize(0x10003)").scalars().all()
        of_tables = {f'ANALYZE "main"."{table.name}"': table.name for table in tables}
        # Of an empty table it keeps nothing, and would ask for the same again in each run.
        empty = _find_empty(connection, [of_tables[one] for one in listed if one in of_tables])
        due = [one for one in listed if of_tables.get(one) not in empty]
        is_incremental = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == _INCREMENTAL
        if is_incremental:
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
            # Python's driver makes one step of such a statement, which is one page.
            due += ["PRAGMA incremental_vacuum(1)"] * min(free, _MOST_PAGES)
        return ["PRAGMA analysis_limit = 1000", *due] if due else []


def _find_empty(connection: sa.Connection, names: Sequence[str]) -> set[str]:
    """Return the tables without a row; one statement for all, as each run asks for most tables."""
    if not names:
        return set()
    columns = ", ".join(f'EXISTS (SELECT 1 FROM "main"."{name}")' for name in names)  # noqa: S608 - tables of ours
    row = connection.exec_driver_sql(f"SELECT {columns}").one()
    return {name for name, has_rows in zip(names, row, strict=True) if not has_rows}
