"""The objects that lost their last row, with the time: the age of an object does not show that."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.errors import SaveError

__all__ = ["Deletions", "find_named"]


def find_named(connection: sa.Connection, database: Database, tables: Tables, paths: Sequence[str]) -> set[str]:
    """Return those of `paths` that a revision or the quarantine names."""
    named: set[str] = set()
    for table in (tables.file, tables.quarantine_file):
        column = table.c.storage_path
        for some in chunks(paths):
            named.update(connection.scalars(sa.select(column).where(database.dialect.any_of(column, some)).distinct()))
    return named


class Deletions:
    """The table of deleted objects. A method with a connection works in the caller's transaction."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._tables = tables
        self._table = tables.deleted_object

    def record(self, connection: sa.Connection, paths: Sequence[str], moment: dt.datetime) -> None:
        """Save that no row names these objects any more, from this moment on."""
        by_hash = {hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest(): path for path in paths}
        for hashes in chunks(by_hash):
            connection.execute(
                self._table.delete().where(self._database.dialect.any_of(self._table.c.path_hash, hashes))
            )
            connection.execute(
                self._table.insert(),
                [
                    {"path_hash": one, "storage_path": by_hash[one], "deleted_at": moment_to_text(moment)}
                    for one in hashes
                ],
            )

    @retried
    def find_orphaned(self, paths: Sequence[str], since: dt.datetime) -> set[str]:
        """Return those of `paths` that no row names, nor has named at `since` or later."""
        with self._database.read("look for orphaned objects") as connection:
            return self.orphaned(connection, paths, since)

    def orphaned(self, connection: sa.Connection, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Return the same, in the caller's transaction; `since` None: the paths that no row names now."""
        columns = self._table.c
        by_hash = {hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest(): path for path in paths}
        left = set(paths) - find_named(connection, self._database, self._tables, paths)
        # A read-only archive may be older than this table.
        if left and since is not None and connection.dialect.has_table(connection, self._table.name):
            for hashes in chunks(by_hash):
                statement = sa.select(columns.path_hash).where(
                    self._database.dialect.any_of(columns.path_hash, hashes),
                    columns.deleted_at > moment_to_text(since),
                )
                left -= {by_hash[one] for one in connection.scalars(statement)}
        return left

    @retried
    def forget(self, until: dt.datetime) -> int:
        """Remove the rows of objects that were deleted up to a moment. Returns how many there were."""
        with self._database.write("forget deleted objects", SaveError) as connection:
            forgotten = connection.execute(
                self._table.delete().where(self._table.c.deleted_at <= moment_to_text(until))
            )
            return forgotten.rowcount
