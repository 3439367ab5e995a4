"""Job locks on a database server: they belong to a connection, and end with it, however it ends."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import threading
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.database_errors import DATABASE_ERRORS, translated
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.jobs.held_lock import HeldLock
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import Tables
from ingestify.domain.ports import JobLock
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger

__all__ = ["SessionLocks"]

logger = PrintableLogger(__name__)

KEEP_ALIVE_SECONDS = 30.0
"""How often a connection with locks is used: servers and firewalls close idle connections."""


class SessionLocks:
    """All locks of one engine, on one connection of their own, which is open while there are locks.

    If that connection is lost, other runs may take its locks. Then a warning says so, the locks that nobody took are
    taken again, and the run goes on: the check of each change before its commit still protects the lake.

    Args:
        database: Where the lake is.
        tables: Those of the lake.
        keep_alive_seconds: See KEEP_ALIVE_SECONDS.
    """

    def __init__(self, database: Database, tables: Tables, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        self._database = database
        self._dialect = database.dialect
        self._prefix = tables.prefix
        self._holder = tables.job_holder
        self._keep_alive_seconds = keep_alive_seconds
        self._guard = threading.RLock()
        self._held: set[str] = set()
        self._session: sa.Connection | None = None
        self._ended = threading.Event()

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock, or None if another process has it, or another engine of this process."""
        with self._guard, translated(self._database.where, "lock a job"):
            # A connection could take the same lock twice.
            if key in self._held:
                return None
            if not self._take(key):
                self._end_if_idle()
                return None
            if not self._held:
                self._ended.set()
                self._ended = threading.Event()
                thread = threading.Thread(
                    target=self._keep_alive, args=(self._ended,), name="ingestify-locks", daemon=True
                )
                thread.start()
            self._held.add(key)
        try:
            self._save_holder(key, holder)
        except BaseException:
            self.release(key)
            raise
        return HeldLock(functools.partial(self.release, key))

    @retried
    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock; None also while its holder is being written."""
        columns = self._holder.c
        statement = sa.select(columns.host, columns.pid, columns.process_started, columns.since).where(
            columns.key_hash == _hash(key)
        )
        with self._database.read("read who has a job's lock") as connection:
            if not self._dialect.is_session_locked(connection, self._name(key)):
                return None  # the row is a dead process's
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return JobHolder(ProcessIdentity(row.host, row.pid, row.process_started), to_moment(row.since))

    @retried
    def is_held(self, key: str) -> bool | None:
        """Whether a run has the lock."""
        with self._database.read("read who has a job's lock") as connection:
            return self._dialect.is_session_locked(connection, self._name(key))

    def release(self, key: str) -> None:
        """Release a lock. Never raises: at the latest, the lock ends with the connection."""
        with self._guard:
            if key not in self._held:
                return  # it was lost, and the row is another run's
            with contextlib.suppress(StoreError):
                self._remove_holder(key)
            self._held.discard(key)
            if self._session is not None:
                try:
                    self._dialect.release_session_lock(self._session, self._name(key))
                except DATABASE_ERRORS:
                    self._close_session()
            self._end_if_idle()

    def close(self) -> None:
        """Release all locks."""
        for key in tuple(self._held):
            self.release(key)

    # ---- the connection --------------------------------------------------------------------------------

    def _take(self, key: str) -> bool:
        """Take a lock; on a new connection if there is none, or if it turns out to be lost."""
        for is_last in (False, True):
            if self._session is None:
                self._session = self._database.open_session("lock a job")
            try:
                return self._dialect.try_session_lock(self._session, self._name(key))
            except sa.exc.DBAPIError as error:
                if is_last or not error.connection_invalidated:
                    raise
                self._take_all_again()
        raise AssertionError("unreachable")

    def _end_if_idle(self) -> None:
        """Close the connection when there is no lock on it, and end its thread."""
        if not self._held:
            self._ended.set()
            self._close_session()

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(*DATABASE_ERRORS):
                session.close()

    def _keep_alive(self, ended: threading.Event) -> None:
        """Use the connection now and then. Runs in a thread of its own while there are locks."""
        while not ended.wait(self._keep_alive_seconds):
            with self._guard:
                if ended.is_set() or not self._held:
                    return
                try:
                    if self._session is not None:
                        self._session.exec_driver_sql("SELECT 1").all()
                        continue
                except DATABASE_ERRORS:
                    pass
                self._take_all_again()

    def _take_all_again(self) -> None:
        """Take the locks of a lost connection again; without a new connection, `_keep_alive` tries again later."""
        was_known = self._session is None
        self._close_session()
        try:
            session = self._database.open_session("lock a job")
            self._session = session
            gone = {key for key in self._held if not self._dialect.try_session_lock(session, self._name(key))}
        except DATABASE_ERRORS as error:
            self._close_session()
            if not was_known:
                logger.warning(
                    "The connection to %s with the locks of this run's jobs was lost, and there is no other (%s). "
                    "The run goes on. If another run of the same jobs begins, both fetch the same files, and "
                    "neither overwrites the other.",
                    self._database.where,
                    type(error).__name__,
                )
            return
        self._held -= gone
        if gone:
            logger.warning(
                "The connection to %s with the locks of this run's jobs was lost, and another run has taken %d of "
                "them. Both go on: both fetch the same files, and neither overwrites the other.",
                self._database.where,
                len(gone),
            )
        else:
            logger.warning(
                "The connection to %s with the locks of this run's jobs was lost; all of them were taken again.",
                self._database.where,
            )

    # ---- the holders -----------------------------------------------------------------------------------

    @retried
    def _save_holder(self, key: str, holder: JobHolder) -> None:
        process = holder.process
        values: dict[str, Any] = {
            "host": process.host,
            "pid": process.pid,
            "process_started": process.started,
            "since": moment_to_text(holder.since),
        }
        with self._database.write("save who has a job's lock") as connection:
            known = self._holder.c.key_hash == _hash(key)
            if not connection.execute(self._holder.update().where(known), values).rowcount:
                connection.execute(self._holder.insert(), {"key_hash": _hash(key), **values})

    @retried
    def _remove_holder(self, key: str) -> None:
        with self._database.write("remove who has a job's lock") as connection:
            connection.execute(self._holder.delete().where(self._holder.c.key_hash == _hash(key)))

    def _name(self, key: str) -> str:
        return f"job {self._prefix} {key}"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
