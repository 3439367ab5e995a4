"""SQLite, in a file or in memory: one writer at a time, readers beside it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import urllib.parse
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool, StaticPool

from ingestify.catalogue.databases.database_errors import translated
from ingestify.catalogue.databases.database_url import sqlite_path
from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.databases.sqlite_dialect import SqliteDialect
from ingestify.catalogue.databases.sqlite_reader import SqliteReader
from ingestify.durable_folders import durable_folders
from ingestify.errors import StoreError

__all__ = ["SqliteConnector"]

BUSY_TIMEOUT_SECONDS = 60.0
"""How long a writer waits for a writer in another process; `?timeout=` in the URL overrides it."""

_SLICE_SECONDS = 0.05
"""How long SQLite waits by itself. Nobody can end that: not Ctrl-C either, which Python hears of when it is over."""


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


class SqliteConnector:
    """Implements `Connector`.

    Args:
        url: Parsed.
    """

    # The look takes the lock, and the moment that all of the transaction sees; BEGIN alone would leave that to later.
    read_begin: tuple[str, ...] = ("BEGIN", "PRAGMA schema_version")
    write_begin: tuple[str, ...] = ("BEGIN IMMEDIATE",)

    def __init__(self, url: sa.URL) -> None:
        self._url = url.difference_update_query(["timeout"])
        self.where = url.render_as_string(hide_password=True)
        self.dialect: Dialect = SqliteDialect()
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

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself."""
        # Who may only read is watched over from the first statement on, which so cannot be tried again from outside.
        seconds = self.lock_seconds if self.is_read_only else min(_SLICE_SECONDS, self.lock_seconds)
        arguments: dict[str, Any] = {"check_same_thread": False, "timeout": seconds}
        pool: dict[str, Any] = (
            {"poolclass": StaticPool}
            if self.is_one_connection
            # No upper limit: a thread that reads must never wait for a connection that another one keeps.
            else {"poolclass": QueuePool, "pool_size": 4, "max_overflow": -1}
        )
        opened = self._url if self._reader is None or self.path is None else _read_only_url(self._url, self.path)
        engine = sa.create_engine(opened, echo=echo, connect_args=arguments, **pool)
        if self._reader is not None:
            self._reader.listen(engine)
        sa.event.listen(engine, "connect", _prepare_connection)
        return engine

    def prepare(self, engine: sa.Engine) -> None:
        """Make the file's folder, and let readers read while a writer writes. The file remembers it.

        Raises:
            StoreError: The folder cannot be made, or the file cannot be opened.
        """
        if self.path is None or self.is_read_only:
            return
        _make_folder(self.path, self.where)
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

    def _switch(self, engine: sa.Engine) -> None:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            # Asking alone takes no lock; SQLite does not wait by itself for the lock of the switch.
            if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                # Of a new file: what is removed can be given back to the disk. Others stay as they are.
                cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
                cursor.execute("PRAGMA journal_mode = WAL").fetchone()
            cursor.close()

    def reading(self, connection: sa.Connection) -> contextlib.AbstractContextManager[None]:
        """Watch over a transaction that reads, where this user may only read the file."""
        return contextlib.nullcontext() if self._reader is None else self._reader.reading(connection)

    def is_locked(self, error: BaseException) -> bool:
        """Whether another process has it locked. Who may only read waits inside SQLite."""
        return not self.is_read_only and "database is locked" in str(getattr(error, "orig", None) or error)

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return nothing: it is waited here."""
        return ()

    def session_id(self, connection: Any) -> int:
        """Return 0: there is no server."""
        return 0

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """Do nothing: each wait ends by itself in a moment."""

    def before_commit(self) -> None:
        """Let the disk have the names of the folders above the file, whoever made them; SQLite syncs its own files'."""
        if self._folder is None:
            return
        try:
            durable_folders.settle([self._folder])
        except OSError as error:
            raise StoreError(
                f"The catalogue {self.where} cannot be written: a folder above it could not be synced "
                f"({error.strerror or error}). Look at the disk, then run again."
            ) from error


def _may_only_be_read(path: Path) -> bool:
    """Whether the database is there, and this user may not write it: an archive, or a colleague's lake."""
    try:
        is_there = path.is_file()
    except PermissionError:  # this user may not look there, which opening it says
        return False
    return is_there and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_url(url: sa.URL, path: Path) -> sa.URL:
    query = {**url.query, "mode": "ro", "uri": "true"}
    return url.set(database=f"file:{urllib.parse.quote(str(path))}", query=query)


def _make_folder(path: Path, where: str) -> None:
    try:
        durable_folders.make(path.parent.absolute())
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
