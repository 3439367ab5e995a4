"""Leases: a row that says that there may be one, and a lock, which ends with its process, that says that there is."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.jobs.held_lock import HeldLock
from ingestify.catalogue.jobs.locks import JobLocks
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.domain.ports import JobLock
from ingestify.domain.run import JobHolder, Lease
from ingestify.errors import StoreError

__all__ = ["Leases"]


class Leases:
    """The lease table, over the locks of jobs."""

    def __init__(self, database: Database, tables: Tables, locks: JobLocks) -> None:
        self._database = database
        self._table = tables.lease
        self._locks = locks

    def take(self, lease_id: str, what: str, holder: JobHolder) -> JobLock:
        """Begin a lease, and forget those of the dead."""
        lock = self._locks.try_lock(_key(lease_id), holder)
        if lock is None:
            raise StoreError(f"The lease {lease_id} is held already; each is of one run, copy or collection.")
        try:
            # Locked first: a row whose lock is free is a dead one's.
            self._note(lease_id, what, [one for one, _ in self._read() if self.is_held(one) is False])
        except BaseException:
            lock.release()
            raise

        def release() -> None:
            with contextlib.suppress(StoreError):  # a row that stays is a dead one's
                self._forget(lease_id)
            lock.release()

        return HeldLock(release)

    def is_held(self, lease_id: str) -> bool | None:
        """Whether it is held; None: that is not known."""
        return self._locks.is_held(_key(lease_id))

    def find(self) -> list[Lease]:
        """Return those that are held."""
        return [
            Lease(lease_id, what, self._locks.find_holder(_key(lease_id)))
            for lease_id, what in self._read()
            if self.is_held(lease_id)
        ]

    @retried
    def _read(self) -> list[tuple[str, str]]:
        with self._database.read("look who writes to the lake") as connection:
            return [(row.lease_id, row.what) for row in connection.execute(sa.select(self._table))]

    @retried
    def _note(self, lease_id: str, what: str, dead: list[str]) -> None:
        column = self._table.c.lease_id
        with self._database.write("note who writes to the lake") as connection:
            for some in chunks([*dead, lease_id]):
                connection.execute(self._table.delete().where(self._database.dialect.any_of(column, some)))
            connection.execute(self._table.insert().values(lease_id=lease_id, what=what))

    @retried
    def _forget(self, lease_id: str) -> None:
        with self._database.write("note who writes to the lake no more") as connection:
            connection.execute(self._table.delete().where(self._table.c.lease_id == lease_id))


def _key(lease_id: str) -> str:
    return f"lease {lease_id}"
