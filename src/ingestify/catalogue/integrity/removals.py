"""Which objects are being removed, so that no commit names one that is gone, whatever any clock says.

A removal and a commit exclude each other by the lock of the event log: whoever removes notes the paths that no row
names, and only then removes them; who commits later sees the note, and who committed before is seen. What ended since
the objects of a commit were written is seen by its number: they are looked up again then.
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
        deletions: Says what no row names.
        is_lease_held: Whether a removal's lease is; None: that is not known.
    """

    def __init__(
        self, database: Database, tables: Tables, deletions: Deletions, is_lease_held: Callable[[str], bool | None]
    ) -> None:
        self._database = database
        self._table = tables.removal
        self._version_table = tables.version_table_name
        self._deletions = deletions
        self._is_lease_held = is_lease_held

    @retried
    def get_last(self) -> int:
        """Return the number of the last one that has ended."""
        with self._database.read("look which objects were removed") as connection:
            return self._read(connection)[0]

    def check(self, connection: sa.Connection, paths: Collection[str], seen: int) -> None:
        """Make sure that none of `paths` can have been removed since they were written; the event log is locked.

        Raises:
            ObjectsInDoubt: They can.
        """
        last, going_on = self._read(connection)
        being_removed = set(paths) & going_on
        if being_removed or last != seen:
            raise ObjectsInDoubt(last, paths, being_removed)

    @retried
    def begin(self, lease_id: str, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Note those of `paths` that no row names, nor did since then. Returns them."""
        with self._database.write("note which objects are removed", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._version_table)
            unnamed = self._deletions.orphaned(connection, paths, since)
            if unnamed:
                self._insert(connection, lease_id, json.dumps(sorted(unnamed)))
            return unnamed

    def end(self, lease_id: str) -> None:
        """Note that it is done: those whose objects were written before look for them."""
        self._end([lease_id])

    @retried
    def end_dead(self) -> bool:
        """End those whose lease is held no more."""
        with self._database.read("look which objects are removed") as connection:
            going_on = connection.scalars(
                sa.select(self._table.c.lease_id).where(self._table.c.paths.is_not(None)).distinct()
            ).all()
        # Where that is not known, as there are no locks, whoever commits looks for its objects.
        dead = [lease_id for lease_id in going_on if not self._is_lease_held(lease_id)]
        if dead:
            self._end(dead)
        return bool(dead)

    @retried
    def _end(self, lease_ids: Sequence[str]) -> None:
        columns = self._table.c
        with self._database.write("note which objects were removed", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._version_table)
            self._insert(connection, "", None)
            last = sa.select(sa.func.max(columns.removal_id))
            ended = columns.paths.is_(None) & (columns.removal_id < connection.scalar(last))
            connection.execute(self._table.delete().where(columns.lease_id.in_(lease_ids) | ended))

    def _insert(self, connection: sa.Connection, lease_id: str, paths: str | None) -> None:
        last = connection.scalar(sa.select(sa.func.max(self._table.c.removal_id))) or 0
        connection.execute(self._table.insert().values(removal_id=last + 1, lease_id=lease_id, paths=paths))

    def _read(self, connection: sa.Connection) -> tuple[int, set[str]]:
        """Return the number of the last one that has ended, and the paths of those that go on."""
        rows = connection.execute(sa.select(self._table)).all()
        last = max((row.removal_id for row in rows if row.paths is None), default=0)
        return last, {path for row in rows if row.paths is not None for path in json.loads(row.paths)}
