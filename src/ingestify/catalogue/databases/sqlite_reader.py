"""A SQLite file that this user may only read, while its owner writes to it.

Readers and writers of a file with a log (`-wal`) coordinate by a second file beside it (`-shm`). A user who may only
read can use the one that a writer made, but cannot make one. So there are two ways to read:

- The log exists: a writer is active, or was killed. Then SQLite reads as usual.
- The log does not exist, or is empty: the file is complete. A connection reads it without locks (`immutable=1`), and
  sees one moment as long as nobody writes. So the file's stamp is compared after each transaction, and the transaction
  is repeated if the stamp changed. That also holds for a read-only mount of a folder that others write to.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from ingestify.catalogue.databases.database_errors import FileChanged

__all__ = ["SqliteReader"]

_CLOCK_TICK_SECONDS = 0.05
"""Two writes within this time may leave the same time on a file. The coarsest clock of Linux ticks in 0.01 s."""

_TRIES = 20
_PAUSE_SECONDS = 0.02

_CODES_OF_A_WRITER = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""SQLite's codes when a writer has just removed its log, or is about to make it."""


class _Stamp(NamedTuple):
    """The attributes of a file that change when it is written, or replaced by another file."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


class _Connection(sqlite3.Connection):
    """A connection that knows which file it was opened for.

    Attributes:
        stamp: The file's stamp when it was opened.
        is_watched: Whether it reads without locks, so that the stamp has to be compared after each transaction.
        is_new: Whether it was not used yet.
    """

    stamp: _Stamp
    is_watched: bool
    is_new = True


class SqliteReader:
    """Opens connections to one file, and checks that each transaction read one moment.

    Args:
        path: The file, which exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._journal = path.with_name(f"{path.name}-journal")
        self._shared = path.with_name(f"{path.name}-shm")

    def listen(self, engine: sa.Engine) -> None:
        """Open each connection of `engine`, whose URL has `mode=ro`, and check it before each use."""
        sa.event.listen(engine, "do_connect", self._connect)
        sa.event.listen(engine, "checkout", self._refuse_stale)

    @contextlib.contextmanager
    def reading(self, connection: sa.Connection) -> Iterator[None]:
        """Check a transaction that reads.

        Raises:
            FileChanged: A writer changed the file meanwhile, so the transaction may have read two moments, or failed.
        """
        opened: Any = connection.connection.dbapi_connection
        assert isinstance(opened, _Connection)
        try:
            yield
        except Exception as error:  # pages of two moments may cause any error
            if self._has_changed(opened) or _is_about_a_writer(error):
                connection.invalidate()
                raise FileChanged from error
            raise
        if self._has_changed(opened):
            connection.invalidate()
            raise FileChanged

    def _connect(self, dialect: Any, _record: object, arguments: Any, options: dict[str, Any]) -> _Connection:
        tries = _TRIES
        while True:
            try:
                return self._try_connect(dialect, arguments[0], options)
            except sqlite3.OperationalError as error:
                tries -= 1
                if not _is_about_a_writer(error):
                    raise
                if not tries:
                    for path in (self._log, self._shared):
                        if _size(self._log) and not os.access(path, os.R_OK):
                            raise sqlite3.OperationalError(
                                f"{self._log.name} is not empty, and {path.name}, without which it cannot be read, is "
                                f"not there, or not for this user"
                            ) from error
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _try_connect(self, dialect: Any, name: str, options: dict[str, Any]) -> _Connection:
        stamp = self._read_stamp()
        if 0 <= time.time() - stamp.written_ns / 1e9 < _CLOCK_TICK_SECONDS:
            time.sleep(_CLOCK_TICK_SECONDS)  # so that the next write leaves another time
            stamp = self._read_stamp()
        is_watched = self._is_complete()
        # A -shm that a reader made would belong to the reader, and the owner could not write to it.
        name += "&immutable=1" if is_watched else "" if self._shared.exists() else "&readonly_shm=1"
        opened: _Connection = dialect.loaded_dbapi.connect(name, **{**options, "factory": _Connection})
        opened.stamp, opened.is_watched = stamp, is_watched
        try:
            # SQLite opens the log here. From now on the log stays as long as this connection is open.
            opened.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        except sqlite3.Error as error:
            opened.close()
            if self._has_changed(opened):
                raise FileChanged from error
            raise
        return opened

    def _refuse_stale(self, opened: _Connection, _record: object, _proxy: object) -> None:
        if opened.is_new:
            # Another connection would not be newer, and the pool opens only two before it gives up.
            opened.is_new = False
            return
        now = self._read_stamp()
        # In a file with a log, each transaction sees the newest commit as long as it is the same file.
        is_current = now == opened.stamp and self._is_complete() if opened.is_watched else now[:2] == opened.stamp[:2]
        if not is_current:
            raise sa.exc.DisconnectionError  # the pool opens another one

    def _has_changed(self, opened: _Connection) -> bool:
        return opened.is_watched and self._read_stamp() != opened.stamp

    def _is_complete(self) -> bool:
        """Whether the file itself holds all commits, and nothing else."""
        # Without such a log, a writer writes into the file itself, and locks it against readers.
        return self._has_log() and not _size(self._log) and not _size(self._journal)

    def _has_log(self) -> bool:
        with self._path.open("rb") as file:
            return file.read(20)[18:] == b"\2\2"  # https://sqlite.org/fileformat.html: 2 is WAL

    def _read_stamp(self) -> _Stamp:
        try:
            status = self._path.stat()
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open the file: {error.strerror}") from error
        return _Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - before and after each transaction
    except OSError:
        return 0


def _is_about_a_writer(error: Exception) -> bool:
    if isinstance(error, FileChanged):
        return True
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CODES_OF_A_WRITER
