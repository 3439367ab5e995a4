"""Rows of a damaged catalogue, brought back to what the others say."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.integrity.deletions import Deletions, find_named
from ingestify.catalogue.quarantine import QuarantineLog
from ingestify.catalogue.rows import json_text, moment_to_text
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import REPAIRED, Tables
from ingestify.clock import now
from ingestify.domain.damage import DAMAGED
from ingestify.domain.revision import RevisionState
from ingestify.errors import SaveError

__all__ = ["RowRepair"]


class RowRepair:
    """Repairs rows whose right content is certain. Each call is one transaction."""

    def __init__(self, database: Database, tables: Tables, quarantine: QuarantineLog) -> None:
        self._database = database
        self._dialect = database.dialect
        self._tables = tables
        self._quarantine = quarantine
        self._deletions = Deletions(database, tables)

    def _note(self, connection: sa.Connection) -> None:
        """Note when rows were repaired: a repair has no event."""
        mark = self._tables.watch_mark
        connection.execute(mark.delete().where(mark.c.name == REPAIRED))
        connection.execute(mark.insert(), {"name": REPAIRED, "at": moment_to_text(now())})

    @retried
    def restore_revisions(self, dataset_ids: Sequence[str]) -> None:
        """Restore lost revisions from their files' rows, and make each dataset's newest revision current."""
        with self._database.write("repair revisions", SaveError) as connection:
            self._note(connection)
            for ids in chunks(dict.fromkeys(dataset_ids)):
                self._rebuild_revisions(connection, ids)
                for dataset_id in ids:
                    self._repair_head(connection, dataset_id)

    def _rebuild_revisions(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> None:
        dataset, revision, file = self._tables.dataset, self._tables.revision, self._tables.file
        there = sa.and_(revision.c.dataset_id == file.c.dataset_id, revision.c.revision_id == file.c.revision_id)
        # A file has the time of its revision, so only the description and the source of the row are lost.
        lost = (
            sa.select(file.c.dataset_id, file.c.revision_id, sa.func.min(file.c.created_at).label("created_at"))
            .select_from(file.join(dataset, dataset.c.dataset_id == file.c.dataset_id).outerjoin(revision, there))
            .where(revision.c.dataset_id.is_(None), self._dialect.any_of(file.c.dataset_id, dataset_ids))
            .group_by(file.c.dataset_id, file.c.revision_id)
        )
        rows = [
            {
                **row,
                "state": RevisionState.VALID.value,
                "description": "its row was lost, and a repair made it again",
                "source": json_text({}),
                "removed_file_ids": None,
            }
            for row in connection.execute(lost).mappings()
        ]
        if rows:
            connection.execute(revision.insert(), rows)

    def _repair_head(self, connection: sa.Connection, dataset_id: str) -> None:
        dataset, revision = self._tables.dataset, self._tables.revision
        newest = connection.execute(
            sa.select(revision.c.revision_id, revision.c.created_at, revision.c.state)
            .where(revision.c.dataset_id == dataset_id)
            .order_by(revision.c.revision_id.desc())
            .limit(1)
        ).one_or_none()
        number, created_at, state = (None, None, None) if newest is None else newest
        connection.execute(
            dataset.update()
            .where(dataset.c.dataset_id == dataset_id)
            .values(current_revision_id=number, current_created_at=created_at, current_state=state)
        )

    @retried
    def request_full_fetch(self, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch invalidated datasets in full; others stay."""
        dataset = self._tables.dataset
        with self._database.write("request full fetches", SaveError) as connection:
            self._note(connection)
            for ids in chunks(dict.fromkeys(dataset_ids)):
                marked = (
                    self._dialect.any_of(dataset.c.dataset_id, ids),
                    dataset.c.current_state == RevisionState.VALIDATION_FAILED.value,
                )
                connection.execute(dataset.update().where(*marked).values(updated_at=moment_to_text(now())))
                theirs = connection.scalars(sa.select(dataset.c.dataset_id).where(*marked)).all()
                self._quarantine.retry_of_datasets(connection, theirs)

    @retried
    def confirm_revisions(self, dataset_ids: Sequence[str]) -> int:
        """Confirm current revisions that were invalidated only for a damaged object. Returns how many."""
        dataset, revision = self._tables.dataset, self._tables.revision
        valid = RevisionState.VALID.value
        marked = (RevisionState.VALIDATION_FAILED.value, RevisionState.CONFIRMED.value)
        count = 0
        with self._database.write("confirm revisions", SaveError) as connection:
            self._note(connection)
            for dataset_id in dict.fromkeys(dataset_ids):
                current = sa.select(dataset.c.current_revision_id).where(dataset.c.dataset_id == dataset_id)
                confirmed = connection.execute(
                    revision.update()
                    .where(
                        revision.c.dataset_id == dataset_id,
                        revision.c.revision_id == current.scalar_subquery(),
                        revision.c.state.in_(marked),
                        revision.c.description.startswith(DAMAGED),
                    )
                    .values(state=valid, description="its damaged objects were restored")
                )
                if confirmed.rowcount:
                    connection.execute(
                        dataset.update().where(dataset.c.dataset_id == dataset_id).values(current_state=valid)
                    )
                    count += 1
        return count

    @retried
    def correct_sizes(self, path: str, tag: str, size: int, storage_size: int) -> None:
        """Write the true sizes of an object into the rows that name it with these bytes."""
        with self._database.write("correct sizes", SaveError) as connection:
            self._note(connection)
            for table in (self._tables.file, self._tables.quarantine_file):
                connection.execute(
                    table.update()
                    .where(table.c.storage_path == path, table.c.tag == tag)
                    .values(size=size, storage_size=storage_size)
                )

    @retried
    def remove_dangling(self) -> int:
        """Remove rows whose dataset or quarantine entry does not exist; their objects count as deleted now.

        Returns:
            How many rows there were.
        """
        tables = self._tables
        links = (
            (tables.file, tables.file.c.dataset_id, tables.dataset.c.dataset_id),
            (tables.revision, tables.revision.c.dataset_id, tables.dataset.c.dataset_id),
            (tables.revision_warning, tables.revision_warning.c.dataset_id, tables.dataset.c.dataset_id),
            (tables.file_profile, tables.file_profile.c.dataset_id, tables.dataset.c.dataset_id),
            (tables.quarantine_file, tables.quarantine_file.c.entry_id, tables.quarantine.c.entry_id),
        )
        with self._database.write("remove rows without a dataset", SaveError) as connection:
            self._note(connection)
            paths: list[str] = []
            count = 0
            for table, child, parent in links:
                of_nothing = child.not_in(sa.select(parent))
                if "storage_path" in table.c:
                    paths += connection.scalars(sa.select(table.c.storage_path).where(of_nothing))
                count += connection.execute(table.delete().where(of_nothing)).rowcount
            orphans = set(paths) - find_named(connection, self._database, tables, paths) - {""}
            self._deletions.record(connection, sorted(orphans), now())
            return count
