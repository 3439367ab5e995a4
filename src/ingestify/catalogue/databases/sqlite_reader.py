"""A SQLite file that this user may only read, while its owner goes on writing it.

Readers and writers of a file with a log (`-wal`) speak to each other by a file beside it (`-shm`). Who may only read
can use the one that a writer made, and cannot make one. So there are two ways to read:

- The log is there: a writer is at work, or was killed. Then SQLite reads as always.
- It is not, or is empty: the file is complete, and whoever reads it without asking (`immutable=1`) reads one moment, as
  long as nobody writes to it. So the file's stamp is compared after each transaction that read, and what was read is
  read again where it has changed. That also holds for a read-only mount of a folder that others write.
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
"""Two writes within so much may leave the same time on a file. The coarsest clock of a Linux kernel ticks in 0.01 s."""

_TRIES = 20
_PAUSE_SECONDS = 0.02

_WRITER_MOVED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""What SQLite says where a writer has just removed its log, or is about to make it."""


class _Stamp(NamedTuple):
    """What changes whenever a file is written, or another one takes its place."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


class _Connection(sqlite3.Connection):
    """A connection that knows what file it was opened for.

    Attributes:
        stamp: The file's, at that moment.
        is_watched: Whether it reads without asking, so that what it read has to be compared.
        is_new: Whether nobody has used it yet.
    """

    stamp: _Stamp
    is_watched: bool
    is_new = True


class SqliteReader:
    """Opens connections to one file, and knows of each whether what it read is of one moment.

    Args:
        path: The file, which is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._journal = path.with_name(f"{path.name}-journal")
        self._shared = path.with_name(f"{path.name}-shm")

    def listen(self, engine: sa.Engine) -> None:
        """Open each connection of `engine`, whose URL says `mode=ro`, and look at it before each use."""
        sa.event.listen(engine, "do_connect", self._connect)
        sa.event.listen(engine, "checkout", self._refuse_stale)

    @contextlib.contextmanager
    def reading(self, connection: sa.Connection) -> Iterator[None]:
        """Watch over a transaction.

        Raises:
            FileChanged: What was read may be of two moments, or could not be read for what a writer did meanwhile.
        """
        opened: Any = connection.connection.dbapi_connection
        assert isinstance(opened, _Connection)
        try:
            yield
        except Exception as error:  # what pages of two moments look like is not known beforehand
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
        # One that a reader made would be the reader's, and the owner could not write to it.
        name += "&immutable=1" if is_watched else "" if self._shared.exists() else "&readonly_shm=1"
        opened: _Connection = dialect.loaded_dbapi.connect(name, **{**options, "factory": _Connection})
        opened.stamp, opened.is_watched = stamp, is_watched
        try:
            # SQLite opens the log only now. From then on it is not removed as long as this connection is open.
            opened.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        except sqlite3.Error as error:
            opened.close()
            if self._has_changed(opened):
                raise FileChanged from error
            raise
        return opened

    def _refuse_stale(self, opened: _Connection, _record: object, _proxy: object) -> None:
        if opened.is_new:
            # No other one would be newer, and the pool opens only two before it gives up; what is read is compared.
            opened.is_new = False
            return
        now = self._read_stamp()
        # Of a file with a log each transaction sees what is new, as long as it is that file.
        is_current = now == opened.stamp and self._is_complete() if opened.is_watched else now[:2] == opened.stamp[:2]
        if not is_current:
            raise sa.exc.DisconnectionError  # the pool opens another one

    def _has_changed(self, opened: _Connection) -> bool:
        return opened.is_watched and self._read_stamp() != opened.stamp

    def _is_complete(self) -> bool:
        """Whether all that was committed is in the file itself, and nothing else."""
        # Without a log of this kind a writer writes into the file, and asks readers to wait by locks on it.
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
    return code is not None and code & 0xFF in _WRITER_MOVED
