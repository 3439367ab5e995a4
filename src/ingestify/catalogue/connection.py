"""Connections to the catalogue's database: one writer at a time, readers beside it."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import time
import urllib.parse
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool, StaticPool

from ingestify.catalogue.refusals import DATABASE_ERRORS, refusal_for, translated
from ingestify.catalogue.selection import Dialect, SqliteDialect
from ingestify.errors import ConfigurationError, LakeUnwritable, OutcomeUnknown, StoreError

__all__ = ["Database", "parse_url", "repeatable", "sqlite_path"]

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 60.0
"""How long a writer waits for a writer in another process; `?timeout=` in the URL overrides it."""


class _WriteLock:
    """A lock that can be referred to weakly."""

    def __init__(self) -> None:
        self.lock = threading.RLock()


_write_locks: weakref.WeakValueDictionary[str, _WriteLock] = weakref.WeakValueDictionary()
_write_locks_guard = threading.Lock()


def _write_lock_of(name: str) -> _WriteLock:
    """Return this process's one lock for a database, however often that is opened."""
    with _write_locks_guard:
        lock = _write_locks.get(name)
        if lock is None:
            lock = _write_locks[name] = _WriteLock()
        return lock


class Database:
    """One database, safe to share between threads.

    Args:
        url: Parsed; a scheme that `Database.open` knows.
        echo: Whether SQLAlchemy shows each statement.
        read_only: Whether its file may only be read.

    Attributes:
        where: The URL without a password, for messages.
        path: The database's file; None if it is in memory.
    """

    def __init__(self, url: sa.URL, *, echo: bool = False, read_only: bool = False) -> None:
        self.where = url.render_as_string(hide_password=True)
        self.is_read_only = read_only
        self.dialect: Dialect = SqliteDialect()
        self._closed = False
        self.path = path = sqlite_path(url)
        in_memory = path is None
        self._lock = _WriteLock() if path is None else _write_lock_of(str(path))
        # A database in memory is its one connection, so there readers take turns with the writer.
        self._read_lock: contextlib.AbstractContextManager[Any] = (
            self._lock.lock if in_memory else contextlib.nullcontext()
        )
        arguments: dict[str, Any] = {"check_same_thread": False}
        if "timeout" not in url.query:
            arguments["timeout"] = BUSY_TIMEOUT_SECONDS
        self.busy_timeout_seconds = float(str(url.query.get("timeout", BUSY_TIMEOUT_SECONDS)))
        pool: dict[str, Any] = (
            {"poolclass": StaticPool}
            if in_memory
            # No upper limit: a thread that reads must never wait for a connection that another one keeps.
            else {"poolclass": QueuePool, "pool_size": 4, "max_overflow": -1}
        )
        opened = _read_only_url(url) if read_only else url
        self._engine = sa.create_engine(opened, echo=echo, connect_args=arguments, **pool)
        sa.event.listen(self._engine, "connect", _prepare_connection)
        sa.event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(ingestify_begin="BEGIN IMMEDIATE")

    @classmethod
    def open(cls, url: str, *, echo: bool = False) -> Database:
        """Open the database that `url` names, and make its folder.

        Raises:
            ConfigurationError: The URL's scheme is not supported, or it is no URL.
            StoreError: The folder cannot be made, or the database cannot be opened.
        """
        parsed = parse_url(url)
        path = sqlite_path(parsed)
        read_only = path is not None and _may_only_be_read(path)
        if path is not None and not read_only:
            _make_folder(path, parsed.render_as_string(hide_password=True))
        database = cls(parsed, echo=echo, read_only=read_only)
        try:
            if path is not None and not read_only:
                database._use_write_ahead_log()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def sql_dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect, to compile statements with."""
        return self._engine.dialect

    @contextlib.contextmanager
    def read(self, doing: str) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction: all that is read on it is of one moment."""
        self._check_open(doing)
        with translated(self.where, doing), self._read_lock, self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, doing: str, refusal: type[StoreError] = StoreError) -> Iterator[sa.Connection]:
        """Give the connection of the one writer; all or nothing of what is written on it is kept.

        Raises:
            StoreError: As `refusal`, when the database refuses; then nothing is kept.
            OutcomeUnknown: The commit itself raised, so whether it happened is to be found out.
        """
        self._check_open(doing)
        if self.is_read_only:
            raise LakeUnwritable(
                f"The catalogue {self.where} cannot {doing}: this user may only read its file. Give the user the "
                f"right to write the file and its folder, or use another lake."
            )
        with (
            translated(self.where, doing, refusal),
            self._lock.lock,
            self._writer.connect() as connection,
            connection.begin() as transaction,
        ):
            yield connection
            self._commit(connection, transaction, doing)

    def _commit(self, connection: sa.Connection, transaction: sa.Transaction, doing: str) -> None:
        try:
            transaction.commit()
        except DATABASE_ERRORS as error:
            if self.path is None:
                connection.connection.rollback()  # the connection is the database, so it is kept
            else:
                connection.invalidate()  # what is looked up next is not to be what this connection believes
            refused = refusal_for(error, self.where, doing)
            raise OutcomeUnknown(
                f"Whether the commit happened is not known: it is there whole, or not at all. {refused}"
            ) from error

    def close(self) -> None:
        """Close every connection. Harmless when they are closed already."""
        self._closed = True
        self._engine.dispose()

    def _check_open(self, doing: str) -> None:
        if self._closed:
            raise StoreError(f"The catalogue {self.where} is closed, so it cannot {doing}. Open the lake again.")

    def _use_write_ahead_log(self) -> None:
        """Let readers read while a writer writes. The file remembers it."""
        deadline = time.monotonic() + self.busy_timeout_seconds
        with translated(self.where, "open"):
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                while True:
                    try:
                        # Asking alone takes no lock; SQLite does not wait by itself for the lock of the switch.
                        if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                            cursor.execute("PRAGMA journal_mode = WAL").fetchone()
                        break
                    except sqlite3.OperationalError as error:
                        if "is locked" not in str(error) or time.monotonic() > deadline:
                            raise
                        time.sleep(0.005)
                cursor.close()
            finally:
                connection.close()


def repeatable(write: Callable[P, T]) -> Callable[P, T]:
    """Let what may be done twice be done once more where it is not known whether it is done.

    For what says how something is to be, such as the state of a job; not for what adds an event.
    """

    @functools.wraps(write)
    def written(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except OutcomeUnknown:
            return write(*args, **kwargs)

    return written


def parse_url(url: str) -> sa.URL:
    """Return a database's URL, parsed.

    Raises:
        ConfigurationError: It is none, or of a database that is not supported.
    """
    supported = "sqlite:///path/to/catalog.db (or sqlite:///:memory: for a lake that is gone when it is closed)"
    scheme = str(url).partition("://")[0]
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError, TypeError):
        # The text may hold a password, so it is not shown.
        raise ConfigurationError(f"metadata_url is not a database URL. Supported is {supported}.") from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"metadata_url: '{scheme}://' is not supported. Supported is {supported}.")
    return parsed


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the database's file; None if it is in memory, or only SQLite knows."""
    name = url.database
    if not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name).absolute()


def _may_only_be_read(path: Path) -> bool:
    """Whether the database is there, and this user may not write it: an archive, or a colleague's lake."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_url(url: sa.URL) -> sa.URL:
    path = sqlite_path(url)
    assert path is not None, "only a file is opened for reading alone"
    query = {"mode": "ro", "uri": "true"}
    # Without a log beside it nobody is writing; then SQLite need not make the files by which writers and readers
    # speak to each other, which it may not.
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        query["immutable"] = "1"
    return url.set(database=f"file:{urllib.parse.quote(str(path))}", query={**url.query, **query})


def _make_folder(path: Path, where: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The catalogue {where} cannot be opened: its folder {path.parent} cannot be made "
            f"({error.strerror or error}). Check the path in metadata_url, and that this user may write there."
        ) from error
    if path.is_dir():
        raise StoreError(
            f"The catalogue {where} cannot be opened: {path} is a folder. "
            f"Name a file in metadata_url, such as sqlite:///{path}/catalog.db."
        )


def _prepare_connection(connection: Any, _record: object) -> None:
    # None: the driver begins no transaction on its own, so that reads are in one too and DDL can be undone.
    # This works the same on every Python; `autocommit=False` exists from 3.12 on and cannot say IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # FULL: what was acknowledged is still there after a power loss, also in WAL mode.
    cursor.execute("PRAGMA synchronous = FULL")
    # 16 MB instead of 2: with 300,000 datasets a fifth more written and read a second; 64 MB brought no more.
    cursor.execute("PRAGMA cache_size = -16000")
    # Moving the log into the file four times more rarely than by default; until then it takes 16 MB at most.
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("ingestify_begin", "BEGIN"))
