"""The lake's identity: its id, its epochs, and the marks that it gave its writers."""

from __future__ import annotations

import functools
import uuid
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.domain.lake import Lake
from ingestify.errors import SaveError, StoreError

__all__ = ["Epoch", "LakeRows", "begin_adoption", "end_adoption", "ensured_epoch", "find_epochs"]

Epoch = tuple[str, int, str, int]
"""The lake's id, the number, when it began, and the position of the last event before it."""

_NO_EPOCH: Epoch = ("", 0, "0001-01-01T00:00:00.000000Z", 0)

_ADOPTING = 0
"""The epoch of a lake while one of the published package is adopted into it."""

MARKS_KEPT = 1000
"""Writers that begin together may leave a mark in the storage that is not the newest, but none so old."""


class LakeRows:
    """The tables of a lake's identity: a row for each epoch, and one for each of the last marks."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._tables = tables
        self._epoch = tables.lake
        self._mark = tables.lake_mark

    @retried
    def find(self) -> Lake | None:
        """Return the lake; None: a read-only archive that is older than these tables."""
        with self._database.read("read the lake's id") as connection:
            epochs = find_epochs(connection, self._database, self._epoch)
            return None if epochs is None else self._lake(connection, epochs[-1] if epochs else _NO_EPOCH)

    def _lake(self, connection: sa.Connection, current: Epoch) -> Lake:
        newest = sa.select(self._mark.c.mark, self._mark.c.storage).order_by(self._mark.c.position.desc()).limit(1)
        lake_id, epoch, started_at, _ = current
        row = connection.execute(newest).one_or_none()
        mark, storage = (None, "") if row is None else row
        return Lake(lake_id, epoch, to_moment(started_at), mark, storage)

    @retried
    def has_given_mark(self, mark: str) -> bool:
        """Whether the lake gave that mark to one of its last writers."""
        with self._database.read("look up a mark of the storage") as connection:
            found = connection.execute(sa.select(self._mark.c.position).where(self._mark.c.mark == mark))
            return found.first() is not None

    @retried
    def add_mark(self, mark: str, storage: str) -> Lake:
        """Save a mark, and remove old ones."""
        position = self._mark.c.position
        with self._database.write("save the mark of its storage", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._tables.version_table_name)
            current = ensured_epoch(connection, self._epoch)
            row = {"mark": mark, "storage": storage, "made_at": moment_to_text(now())}
            connection.execute(self._mark.insert(), row)
            newest = connection.scalar(sa.select(sa.func.max(position))) or 0
            connection.execute(self._mark.delete().where(position <= newest - MARKS_KEPT))
            return self._lake(connection, current)

    @retried
    def begin_epoch(self, lake_id: str, epoch: int) -> Lake:
        """Begin an epoch behind the last event, and remove all marks."""
        log = self._tables.event_log
        with self._database.write("begin a new epoch of the lake", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._tables.version_table_name)
            ensured_epoch(connection, self._epoch)
            last = connection.scalar(sa.select(sa.func.max(log.c.position))) or 0
            row = {"lake_id": lake_id, "started_at": moment_to_text(now()), "after_position": last}
            connection.execute(self._epoch.delete().where(self._epoch.c.epoch >= epoch))
            connection.execute(self._epoch.insert().values(epoch=epoch, **row))
            connection.execute(self._mark.delete())
            return self._lake(connection, ensured_epoch(connection, self._epoch))

    @retried
    def sample_paths(self, limit: int) -> tuple[list[str], list[str]]:
        """Return some paths of the newest files, else of quarantined files; and some of orphaned objects."""
        file, entry_file, deleted = self._tables.file.c, self._tables.quarantine_file.c, self._tables.deleted_object.c
        with self._database.read("read some paths of files") as connection:
            newest = sa.select(file.storage_path).order_by(file.created_at.desc()).limit(limit)
            quarantined = sa.select(entry_file.storage_path).where(entry_file.storage_path != "").limit(limit)
            named = list(connection.scalars(newest)) or list(connection.scalars(quarantined))
            return named, list(connection.scalars(sa.select(deleted.storage_path).limit(limit)))


def find_epochs(connection: sa.Connection, database: Database, table: sa.Table) -> list[Epoch] | None:
    """Return the epochs, oldest first; an empty list for a lake that nothing was written to yet.

    None for a read-only archive that is older than this table.
    """
    if database.is_read_only and not connection.dialect.has_table(connection, table.name):
        return None
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(_select_epochs(table, is_newest=False))]


@functools.lru_cache(maxsize=8)  # each commit asks for the newest
def _select_epochs(table: sa.Table, *, is_newest: bool) -> sa.Select[Any]:
    columns = table.c
    statement = sa.select(columns.lake_id, columns.epoch, columns.started_at, columns.after_position)
    return statement.order_by(columns.epoch.desc()).limit(1) if is_newest else statement.order_by(columns.epoch)


def ensured_epoch(connection: sa.Connection, table: sa.Table) -> Epoch:
    """Return the current epoch. The first call begins the first epoch, and gives the lake its id.

    The caller has locked the event log.

    Raises:
        StoreError: The lake is being adopted.
    """
    row = connection.execute(_select_epochs(table, is_newest=True)).first()
    if row is None:
        return _begin(connection, table, str(uuid.uuid4()), 1)
    if row.epoch == _ADOPTING:
        raise StoreError(
            "An adoption into this lake was interrupted, or goes on, so nothing was written: adopt into it once more."
        )
    return row[0], row[1], row[2], row[3]


def begin_adoption(connection: sa.Connection, table: sa.Table) -> None:
    """Let nobody else write until `end_adoption`; harmless if that is so already."""
    end_adoption(connection, table)
    _begin(connection, table, "", _ADOPTING)


def end_adoption(connection: sa.Connection, table: sa.Table) -> None:
    """Let others write."""
    connection.execute(table.delete().where(table.c.epoch == _ADOPTING))


def _begin(connection: sa.Connection, table: sa.Table, lake_id: str, epoch: int) -> Epoch:
    begun = (lake_id, epoch, str(moment_to_text(now())), 0)
    names = ("lake_id", "epoch", "started_at", "after_position")
    connection.execute(table.insert().values(dict(zip(names, begun, strict=True))))
    return begun
