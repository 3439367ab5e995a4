"""Leases: each has a row, and a lock that ends with its process. A row without its lock is a dead process's."""

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
    """The lease table, and the locks of the leases."""

    def __init__(self, database: Database, tables: Tables, locks: JobLocks) -> None:
        self._database = database
        self._table = tables.lease
        self._locks = locks

    def take(self, lease_id: str, what: str, holder: JobHolder) -> JobLock:
        """Begin a lease, and remove the leases of dead processes."""
        lock = self._locks.try_lock(_key(lease_id), holder)
        if lock is None:
            raise StoreError(f"The lease {lease_id} is held already; each run, copy or collection needs its own.")
        try:
            # The lock comes first: a row whose lock is free belongs to a dead process.
            self._save(lease_id, what, [one for one, _ in self._read() if self.is_held(one) is False])
        except BaseException:
            lock.release()
            raise

        def release() -> None:
            with contextlib.suppress(StoreError):  # a row that stays counts as a dead process's
                self._forget(lease_id)
            lock.release()

        return HeldLock(release)

    def is_held(self, lease_id: str) -> bool | None:
        """Whether a lease is held; None: unknown."""
        return self._locks.is_held(_key(lease_id))

    def find(self) -> list[Lease]:
        """Return the leases that are held."""
        return [
            Lease(lease_id, what, self._locks.find_holder(_key(lease_id)))
            for lease_id, what in self._read()
            if self.is_held(lease_id)
        ]

    @retried
    def _read(self) -> list[tuple[str, str]]:
        with self._database.read("read its leases") as connection:
            return [(row.lease_id, row.what) for row in connection.execute(sa.select(self._table))]

    @retried
    def _save(self, lease_id: str, what: str, dead: list[str]) -> None:
        column = self._table.c.lease_id
        with self._database.write("save a lease") as connection:
            for some in chunks([*dead, lease_id]):
                connection.execute(self._table.delete().where(self._database.dialect.any_of(column, some)))
            connection.execute(self._table.insert(), {"lease_id": lease_id, "what": what})

    @retried
    def _forget(self, lease_id: str) -> None:
        with self._database.write("remove a lease") as connection:
            connection.execute(self._table.delete().where(self._table.c.lease_id == lease_id))


def _key(lease_id: str) -> str:
    return f"lease {lease_id}"
