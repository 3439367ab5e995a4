"""The objects that lost their last row, with the time: the age of an object does not show that."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text
from ingestify.catalogue.schema import find_published_tables
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
    """The table of deleted objects. A method with a connection works in the caller's transaction.

    In a lake that was adopted in place, the tables of the published package name objects too: those that were not taken
    stay, and those that were are the lake's, which may delete them.
    """

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._tables = tables
        self._table = tables.deleted_object

    def record(self, connection: sa.Connection, paths: Sequence[str], moment: dt.datetime) -> None:
        """Save that no row names these objects any more, from this moment on."""
        by_hash = {_hash_of(path): path for path in paths}
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
        left = set(paths) - find_named(connection, self._database, self._tables, paths)
        # A read-only archive may be older than this table.
        if not left or since is None or not connection.dialect.has_table(connection, self._table.name):
            return left
        deleted = self._find_deleted(connection, left)
        if self._tables.is_adopted:
            left -= self._find_published(connection, left) - deleted.keys()
        return {path for path in left if deleted.get(path, "") <= (moment_to_text(since) or "")}

    def _find_deleted(self, connection: sa.Connection, paths: Collection[str]) -> dict[str, str]:
        """Return when each of `paths` lost its last row, of those that are noted."""
        by_hash = {_hash_of(path): path for path in paths}
        columns = self._table.c
        deleted: dict[str, str] = {}
        for hashes in chunks(by_hash):
            statement = sa.select(columns.path_hash, columns.deleted_at)
            statement = statement.where(self._database.dialect.any_of(columns.path_hash, hashes))
            deleted.update((by_hash[one], moment) for one, moment in connection.execute(statement))
        return deleted

    def _find_published(self, connection: sa.Connection, paths: Collection[str]) -> set[str]:
        """Return those of `paths` that the published package's tables name, which a person may have removed."""
        published = find_published_tables(connection, self._tables.given_prefix)
        named: set[str] = set()
        if published is None:
            return named
        column = published.file.c["storage_path"]
        for some in chunks(paths):
            named.update(connection.scalars(sa.select(column).where(self._database.dialect.any_of(column, some))))
        return named

    @retried
    def forget(self, until: dt.datetime) -> int:
        """Remove the rows of objects that were deleted up to a moment. Returns how many there were."""
        expired = self._table.c.deleted_at <= moment_to_text(until)
        with self._database.write("forget deleted objects", SaveError) as connection:
            if not self._tables.is_adopted:
                return connection.execute(self._table.delete().where(expired)).rowcount
            # What the published package's tables name is garbage only by its row here, also if it is still there.
            paths = set(connection.scalars(sa.select(self._table.c.storage_path).where(expired)))
            forgotten = 0
            for some in chunks(paths - self._find_published(connection, paths)):
                of_some = self._database.dialect.any_of(self._table.c.path_hash, [_hash_of(path) for path in some])
                forgotten += connection.execute(self._table.delete().where(of_some)).rowcount
            return forgotten


def _hash_of(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
