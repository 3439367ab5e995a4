"""The provisional revisions that somebody needs: a lock, a reading as of a moment, or an export names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.errors import SaveError

__all__ = ["KeptRevisions"]


class KeptRevisions:
    """The table of these revisions. Who keeps one, and who thins, exclude each other by the lock of the event log."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.kept_revision
        self._quarantine = tables.quarantine
        self._version_table = tables.version_table_name

    @retried
    def find(self, dataset_ids: Sequence[str]) -> Mapping[str, Collection[int]]:
        """Return the numbers of the revisions of datasets that are kept."""
        with self._database.read("read which revisions are kept") as connection:
            # A read-only archive may be older than this table.
            if not connection.dialect.has_table(connection, self._table.name):
                return {}
            return self.read(connection, dataset_ids)

    def read(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> Mapping[str, Collection[int]]:
        """Return the same in the caller's transaction, with those on which a bundle in quarantine is based."""
        kept, entry = self._table.c, self._quarantine.c
        found: defaultdict[str, set[int]] = defaultdict(set)
        for ids in chunks(dataset_ids):
            for dataset_id, number in (
                (kept.dataset_id, kept.revision_id),
                (entry.dataset_id, entry.base_revision_id),
            ):
                named = self._database.dialect.any_of(dataset_id, ids)
                for one, revision in connection.execute(sa.select(dataset_id, number).where(named)):
                    if revision is not None:
                        found[one].add(revision)
        return found

    @retried
    def keep(self, revisions: Collection[tuple[str, int]], why: str) -> None:
        """Keep revisions from now on.

        Args:
            revisions: The id of a dataset, and the number of a revision.
            why: What names them, for people.
        """
        columns = self._table.c
        with self._database.write("keep revisions that are read", SaveError) as connection:
            self._database.dialect.lock_log(connection, self._version_table)
            there = set[tuple[str, int]]()
            for ids in chunks({dataset_id for dataset_id, _ in revisions}):
                of_them = sa.select(columns.dataset_id, columns.revision_id)
                rows = connection.execute(of_them.where(self._database.dialect.any_of(columns.dataset_id, ids)))
                there.update((dataset_id, number) for dataset_id, number in rows)
            at = moment_to_text(now())
            new = [
                {"dataset_id": dataset_id, "revision_id": number, "why": why, "at": at}
                for dataset_id, number in sorted(set(revisions) - there)
            ]
            if new:
                connection.execute(self._table.insert(), new)
