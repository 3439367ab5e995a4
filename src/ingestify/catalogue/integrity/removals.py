"""Removals of objects: no commit names an object that is gone. This does not depend on any clock.

A removal and a commit exclude each other by the lock of the event log. A removal first saves the paths that no row
names, and then removes the objects. A later commit sees the saved paths; the rows of an earlier commit are seen by the
removal. Removals have numbers: if one has ended since the objects of a commit were written, the commit's caller looks
whether they still exist.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.integrity.deletions import Deletions
from ingestify.catalogue.tables import Tables
from ingestify.domain.ports import ObjectsInDoubt
from ingestify.errors import SaveError

__all__ = ["Removals"]


class Removals:
    """The removal table.

    Args:
        database: Where the lake is.
        tables: Those of the lake.
        deletions: Finds the objects that no row names.
        is_lease_held: Whether the lease of a removal is held; None: unknown.
    """

    def __init__(
        self, database: Database, tables: Tables, deletions: Deletions, is_lease_held: Callable[[str], bool | None]
    ) -> None:
        self._database = database
        self._table = tables.removal
        self._select = sa.select(self._table)
        self._version_table = tables.version_table_name
        self._deletions = deletions
        self._is_lease_held = is_lease_held

    @retried
    def get_last(self) -> int:
        """Return the number of the last removal that has ended."""
        with self._database.read("read which objects were removed") as connection:
            return self._read(connection)[0]

    def check(self, connection: sa.Connection, paths: Collection[str], seen: int) -> None:
        """Check that no object can have been removed since it was written. The caller has locked the event log.

        Args:
            connection: In the caller's transaction.
            paths: The objects.
            seen: The last removal that had ended before they were written.

        Raises:
            ObjectsInDoubt: An object may have been removed.
        """
        last, active = self._read(connection)
        being_removed = set(paths) & active
        if being_removed or last != seen:
            raise ObjectsInDoubt(last, paths, being_removed)

    @retried
    def begin(self, lease_id: str, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Save and return those of `paths` that no row names, nor has named since then."""
        with self._database.write("save which objects are being removed", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._version_table)
            orphans = self._deletions.orphaned(connection, paths, since)
            if orphans:
                self._insert(connection, lease_id, json.dumps(sorted(orphans)))
            return orphans

    def end(self, lease_id: str) -> None:
        """Save that a removal has ended: commits of objects from before look whether they still exist."""
        self._end([lease_id])

    @retried
    def end_dead(self) -> bool:
        """End the removals whose lease is not held any more. Returns whether there were any."""
        with self._database.read("read which objects are being removed") as connection:
            active = connection.scalars(
                sa.select(self._table.c.lease_id).where(self._table.c.paths.is_not(None)).distinct()
            ).all()
        # Without locks that is unknown; then each commit looks whether its objects exist.
        dead = [lease_id for lease_id in active if not self._is_lease_held(lease_id)]
        if dead:
            self._end(dead)
        return bool(dead)

    @retried
    def _end(self, lease_ids: Sequence[str]) -> None:
        columns = self._table.c
        with self._database.write("save which objects were removed", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._version_table)
            self._insert(connection, "", None)
            last = sa.select(sa.func.max(columns.removal_id))
            ended = columns.paths.is_(None) & (columns.removal_id < connection.scalar(last))
            connection.execute(self._table.delete().where(columns.lease_id.in_(lease_ids) | ended))

    def _insert(self, connection: sa.Connection, lease_id: str, paths: str | None) -> None:
        last = connection.scalar(sa.select(sa.func.max(self._table.c.removal_id))) or 0
        connection.execute(self._table.insert().values(removal_id=last + 1, lease_id=lease_id, paths=paths))

    def _read(self, connection: sa.Connection) -> tuple[int, set[str]]:
        """Return the number of the last removal that has ended, and the paths of the active ones."""
        rows = connection.execute(self._select).all()
        last = max((row.removal_id for row in rows if row.paths is None), default=0)
        return last, {path for row in rows if row.paths is not None for path in json.loads(row.paths)}
