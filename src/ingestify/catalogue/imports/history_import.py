"""The import of histories from another lake: a dataset is imported with all of its revisions, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from ingestify.catalogue.changes import DatasetWriter, Identity
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.dataset_rows import (
    description_columns,
    fixed_columns,
    head_columns,
    revision_row,
    warning_rows,
)
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.logged_commits import LoggedCommits
from ingestify.catalogue.quarantine import QuarantineLog
from ingestify.catalogue.reading.datasets import DatasetReader
from ingestify.catalogue.rows import REVISION_STATES, file_to_row, moment_to_text, to_moment
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.domain.change import settled_event, stored_metadata_text
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetEvent, RevisionRejected
from ingestify.domain.history import DatasetHead, DatasetHistory, history_events
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.errors import SaveError

__all__ = ["HistoryImport"]

_TRIES = 4
"""How often a write is tried while other writers bring the same datasets."""


class HistoryImport:
    """Reads the heads of datasets, and writes datasets with all of their revisions."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        reader: DatasetReader,
        writer: DatasetWriter,
        log: EventLog,
        quarantine: QuarantineLog,
        commits: LoggedCommits,
    ) -> None:
        self._database = database
        self._tables = tables
        self._reader = reader
        self._writer = writer
        self._log = log
        self._quarantine = quarantine
        self._commits = commits
        self._head_columns = (
            *tables.dataset.c["dataset_id", "provider", "dataset_type", "identifier_key"],
            *tables.dataset.c["current_revision_id", "current_state", "updated_at"],
        )

    # ---- reading ---------------------------------------------------------------------------------------

    @retried
    def find_heads(self, dataset_ids: Sequence[str]) -> list[DatasetHead]:
        """Return the heads of datasets, in the order in which they came into the lake."""
        columns = self._tables.dataset.c
        found: list[DatasetHead] = []
        with self._database.read("read the heads of datasets") as connection:
            for ids in chunks(dataset_ids):
                found += self._heads(connection, self._database.dialect.any_of(columns.dataset_id, ids))
        return found

    @retried
    def find_heads_of(self, bucket: str, provider: str, dataset_type: str, keys: Sequence[str]) -> list[DatasetHead]:
        """Return the heads of the datasets with these canonical identifiers."""
        columns = self._tables.dataset.c
        found: list[DatasetHead] = []
        with self._database.read("read the heads of datasets") as connection:
            for some in chunks(keys):
                found += self._heads(
                    connection,
                    columns.bucket == bucket,
                    columns.provider == provider,
                    columns.dataset_type == dataset_type,
                    self._database.dialect.any_of(columns.identifier_key, some),
                )
        return found

    def _heads(
        self, connection: sa.Connection, *conditions: sa.ColumnElement[bool], locks: bool = False
    ) -> list[DatasetHead]:
        statement = sa.select(*self._head_columns).where(*conditions).order_by(self._tables.dataset.c.position)
        if locks:
            statement = statement.with_for_update()
        return [
            DatasetHead(
                dataset_id,
                provider,
                dataset_type,
                key,
                0 if current is None else current + 1,
                None if state is None else REVISION_STATES[state],
                to_moment(updated_at),
            )
            for dataset_id, provider, dataset_type, key, current, state, updated_at in connection.execute(
                statement
            ).all()
        ]

    # ---- writing ---------------------------------------------------------------------------------------

    def write(
        self, histories: Sequence[DatasetHistory], removals_seen: int = 0
    ) -> list[tuple[DatasetEvent, ...] | None]:
        """Write histories with their events, in one transaction.

        Returns:
            The events of each; None for a history whose dataset another writer has changed or made: it is not written.

        Raises:
            ObjectsInDoubt: Objects that are new in the lake may be gone.
        """
        counts: list[int | None] = []
        paths: list[str] = []

        def write(connection: sa.Connection, _: dt.datetime) -> list[DatasetEvent]:
            is_current = self._find_current(connection, histories)
            current = [one for one, holds in zip(histories, is_current, strict=True) if holds]
            self._replace(connection, current)
            paths[:] = [path for one in current for path in one.new_paths]
            moment = now()
            events = [
                history_events(one, moment) if holds else None for one, holds in zip(histories, is_current, strict=True)
            ]
            counts[:] = [None if some is None else len(some) for some in events]
            return [event for some in events for event in some or ()]

        doing = _doing(histories)
        written = iter(self._trying(lambda: self._commits.commit(doing, write, paths, removals_seen)))
        return [None if count is None else tuple(next(written) for _ in range(count)) for count in counts]

    def write_without_events(self, histories: Sequence[DatasetHistory]) -> None:
        """Write histories of which the event log tells nothing, in one transaction.

        A history whose dataset is there already is not written.
        """

        def write(connection: sa.Connection, _: dt.datetime) -> list[DatasetEvent]:
            is_current = self._find_current(connection, histories)
            self._replace(connection, [one for one, holds in zip(histories, is_current, strict=True) if holds])
            return []

        self._trying(lambda: self._commits.commit(_doing(histories), write))

    @staticmethod
    def _trying(commit: Callable[[], list[DatasetEvent]]) -> list[DatasetEvent]:
        """Commit, again if another writer has just made one of the datasets: the next attempt finds it."""
        for tried in range(1, _TRIES + 1):
            try:
                return commit()
            except SaveError as error:
                if not isinstance(error.__cause__, sa.exc.IntegrityError) or tried == _TRIES:
                    raise
        raise AssertionError("unreachable")

    def _find_current(self, connection: sa.Connection, histories: Sequence[DatasetHistory]) -> list[bool]:
        """Return which histories are based on the present state of their dataset, and lock its row."""
        columns = self._tables.dataset.c
        ids = sorted({one.existing.dataset_id for one in histories if one.existing is not None})
        heads: dict[str, DatasetHead] = {}
        for some in chunks(ids):
            for head in self._heads(connection, self._database.dialect.any_of(columns.dataset_id, some), locks=True):
                heads[head.dataset_id] = head
        taken = self._writer.find_taken(
            connection, [_identity(one.dataset) for one in histories if one.existing is None]
        )
        return [self._is_current(one, heads, taken) for one in histories]

    @staticmethod
    def _is_current(history: DatasetHistory, heads: dict[str, DatasetHead], taken: set[Identity]) -> bool:
        dataset, existing = history.dataset, history.existing
        if existing is None:
            identity = _identity(dataset)
            is_free = identity not in taken
            taken.add(identity)
            return is_free
        # Popped: of two histories of one dataset, the second one does not know the first.
        head = heads.pop(existing.dataset_id, None)
        return head is not None and head.is_of(existing)

    def _replace(self, connection: sa.Connection, histories: Sequence[DatasetHistory]) -> None:
        if not histories:
            return
        dataset, revision, file = self._tables.dataset, self._tables.revision, self._tables.file
        warning = self._tables.revision_warning
        for ids in chunks(one.existing.dataset_id for one in histories if one.existing is not None):
            for table in (file, warning, revision):
                connection.execute(table.delete().where(self._database.dialect.any_of(table.c.dataset_id, ids)))
        new = []
        for one in histories:
            row = _dataset_row(one.dataset)
            if one.existing is None:
                new.append(row)
            else:
                which = dataset.c.dataset_id == one.dataset.dataset_id
                connection.execute(dataset.update().where(which).values(row))
        self._writer.insert(
            connection,
            new,
            [revision_row(one.dataset.dataset_id, each) for one in histories for each in one.dataset.revisions],
            [
                file_to_row(one.dataset.dataset_id, number, each_file)
                for one in histories
                for each in one.dataset.revisions
                for number, each_file in enumerate(each.modified_files)
            ],
            [row for one in histories for row in warning_rows(one.dataset.dataset_id, one.dataset.revisions)],
        )
        # No selector counts as complete any more, so that the next run lists each of them.
        connection.execute(self._tables.selector_sync.update().values(complete=False, listing=None))

    # ---- the quarantine --------------------------------------------------------------------------------

    def write_entries(self, entries: Sequence[QuarantineEntry], removals_seen: int = 0) -> list[DatasetEvent]:
        """Add new entries with their events, and settle existing entries that are in another state.

        Raises:
            ObjectsInDoubt: Objects of the new entries may be gone.
        """
        paths: list[str] = []

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            self._log.lock(connection)
            columns = self._tables.quarantine.c
            known: dict[str, str] = {}
            for ids in chunks(entry.entry_id for entry in entries):
                statement = sa.select(columns.entry_id, columns.state).where(
                    self._database.dialect.any_of(columns.entry_id, ids)
                )
                known.update((entry_id, state) for entry_id, state in connection.execute(statement))
            new = [entry for entry in entries if entry.entry_id not in known]
            self._quarantine.add(connection, new)
            paths[:] = [file.storage_path for entry in new for file in entry.files]
            settled = [one for one in entries if known.get(one.entry_id, one.state.value) != one.state.value]
            for entry in settled:
                connection.execute(
                    self._tables.quarantine.update()
                    .where(columns.entry_id == entry.entry_id)
                    .values(
                        state=entry.state.value,
                        decided_at=moment_to_text(entry.decided_at),
                        decided_by=entry.decided_by,
                        note=entry.note,
                    )
                )
            there = {
                one.dataset_id: one
                for one in self._reader.load(
                    connection, list(dict.fromkeys(entry.dataset_id for entry in [*new, *settled]))
                )
            }
            return [
                RevisionRejected(
                    dataset=there.get(entry.dataset_id) or entry.dataset_to_be(),
                    reasons=entry.reasons,
                    entry_id=entry.entry_id,
                )
                for entry in new
            ] + [
                settled_event(
                    there.get(entry.dataset_id) or entry.dataset_to_be(),
                    entry.entry_id,
                    entry.state,
                    entry.decided_by,
                    entry.note,
                    moment,
                )
                for entry in settled
            ]

        return self._commits.commit("copy quarantine entries", write, paths, removals_seen)


def _doing(histories: Sequence[DatasetHistory]) -> str:
    return f"copy {len(histories)} {'dataset' if len(histories) == 1 else 'datasets'}"


def _identity(dataset: Dataset) -> Identity:
    return dataset.bucket, dataset.provider, dataset.dataset_type, dataset.identifier.canonical


def _dataset_row(dataset: Dataset) -> dict[str, object]:
    head = dataset.revisions[-1] if dataset.revisions else None
    return {
        **fixed_columns(dataset),
        **description_columns(dataset, stored_metadata_text(dataset.metadata)),
        **head_columns(head),
    }
