"""Quarantine entries and their files."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import (
    entry_from_row,
    feeds_to_text,
    json_text,
    json_value,
    moment_to_text,
    names_to_text,
    new_file_from_row,
    object_columns,
    to_moment,
)
from ingestify.catalogue.selection import CHUNK_SIZE, chunks, conditions
from ingestify.catalogue.tables import OBJECT_COLUMNS, Tables
from ingestify.clock import now
from ingestify.domain.change import DatasetChange, Settlement, stored_metadata_text
from ingestify.domain.dataset import DatasetState
from ingestify.domain.file import NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState, WaitingBundle
from ingestify.errors import SaveError

__all__ = ["QuarantineLog"]

_COUNTING = (QuarantineState.OPEN.value, QuarantineState.DISCARDED.value)
"""The states of entries whose bundle a run neither fetches again nor publishes."""


class QuarantineLog:
    """The quarantine tables. A method with a connection works in the caller's transaction."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._dialect = database.dialect
        self._entry = tables.quarantine
        self._file = tables.quarantine_file
        self._dataset = tables.dataset

    # ---- reading ---------------------------------------------------------------------------------------

    @retried
    def find(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> list[QuarantineEntry]:
        """Return the entries of datasets that are OPEN or DISCARDED, oldest first."""
        counting = self._counting(bucket, provider, dataset_type)
        columns = self._entry.c
        found: list[QuarantineEntry] = []
        with self._database.read("read the quarantine") as connection:
            for keys in chunks(identifier.canonical for identifier in identifiers):
                statement = (
                    sa.select(self._entry)
                    .where(*counting, self._dialect.any_of(columns.identifier_key, keys))
                    .order_by(columns.position)
                )
                found += self._complete(connection, connection.execute(statement).mappings().all())
        return found

    @retried
    def has_any(self, bucket: str, provider: str, dataset_type: str) -> bool:
        """Return whether there is any entry that is OPEN or DISCARDED."""
        statement = sa.select(self._entry.c.position).where(*self._counting(bucket, provider, dataset_type)).limit(1)
        with self._database.read("read the quarantine") as connection:
            return connection.scalar(statement) is not None

    def _counting(self, bucket: str, provider: str, dataset_type: str) -> tuple[sa.ColumnElement[bool], ...]:
        columns = self._entry.c
        return (
            columns.bucket == bucket,
            columns.provider == provider,
            columns.dataset_type == dataset_type,
            columns.state.in_(_COUNTING),
        )

    @retried
    def find_waiting(self, dataset_filter: DatasetFilter) -> list[WaitingBundle]:
        """Return the bundles of OPEN entries, for readers of their datasets, newest first."""
        assert dataset_filter.where is None, "conditions are for datasets"
        columns, held = self._entry.c, self._dataset.c
        wanted = conditions(
            self._dialect, self._entry, dataclasses.replace(dataset_filter, states=(), has_warnings=False)
        )
        if dataset_filter.states:
            is_wanted: sa.ColumnElement[bool] = held.state.in_([state.value for state in dataset_filter.states])
            if set(dataset_filter.states) != {DatasetState.MISSING}:
                is_wanted = sa.or_(
                    is_wanted, held.dataset_id.is_(None)
                )  # a dataset that was never published has no state
            wanted.append(is_wanted)
        statement = (
            sa.select(
                columns.entry_id,
                columns.dataset_id,
                columns.name,
                columns.reasons,
                columns.created_at,
                held.dataset_id.is_not(None).label("is_published"),
            )
            .outerjoin_from(self._entry, self._dataset, columns.dataset_id == held.dataset_id)
            .where(columns.state == QuarantineState.OPEN.value, *wanted)
            .order_by(columns.position.desc())
        )
        with self._database.read("read the quarantine") as connection:
            return [
                WaitingBundle(
                    row.entry_id,
                    row.dataset_id,
                    row.name,
                    tuple(json_value(row.reasons)),
                    to_moment(row.created_at),
                    bool(row.is_published),
                )
                for row in connection.execute(statement)
            ]

    def iter_entries(
        self, dataset_filter: DatasetFilter, states: Sequence[QuarantineState] = ()
    ) -> Iterator[QuarantineEntry]:
        """Yield entries, newest first, page by page. The filter's states are those of datasets, and are ignored."""
        before: int | None = None
        while True:
            entries, before = self.find_newest(dataset_filter, CHUNK_SIZE, before, states)
            yield from entries
            if before is None:
                return

    @retried
    def find_newest(
        self,
        dataset_filter: DatasetFilter,
        limit: int,
        before: int | None = None,
        states: Sequence[QuarantineState] = (),
    ) -> tuple[list[QuarantineEntry], int | None]:
        """Return a page of entries, newest first, and where the next page begins."""
        assert dataset_filter.where is None, "conditions are for datasets"
        wanted = conditions(
            self._dialect, self._entry, dataclasses.replace(dataset_filter, states=(), has_warnings=False)
        )
        if states:
            wanted.append(self._entry.c.state.in_([state.value for state in states]))
        position = self._entry.c.position
        if before is not None:
            wanted.append(position < before)
        statement = sa.select(self._entry).where(*wanted).order_by(position.desc()).limit(limit + 1)
        with self._database.read("list the quarantine") as connection:
            rows = connection.execute(statement).mappings().all()
            entries = self._complete(connection, rows[:limit])
        return entries, rows[limit - 1]["position"] if len(rows) > limit else None

    @retried
    def count_reasons(self, bucket: str) -> list[tuple[str, tuple[str, ...], int]]:
        """Count the OPEN entries of a bucket that have the same reasons."""
        columns = self._entry.c
        kind = (columns.provider, columns.reasons)
        is_open = (columns.bucket == bucket, columns.state == QuarantineState.OPEN.value)
        statement = sa.select(*kind, sa.func.count()).where(*is_open).group_by(*kind)
        with self._database.read("count the quarantine") as connection:
            rows = connection.execute(statement).all()
        return [(provider, tuple(json_value(reasons)), count) for provider, reasons, count in rows]

    @retried
    def count_open(self, bucket: str) -> dict[tuple[str, str], int]:
        """Count the OPEN entries of a bucket by (provider, dataset type)."""
        columns = self._entry.c
        kind = (columns.provider, columns.dataset_type)
        is_open = (columns.bucket == bucket, columns.state == QuarantineState.OPEN.value)
        statement = sa.select(*kind, sa.func.count()).where(*is_open).group_by(*kind)
        with self._database.read("count the quarantine") as connection:
            return {(provider, dataset_type): count for provider, dataset_type, count in connection.execute(statement)}

    @retried
    def find_ids(self, bucket: str, beginning: str) -> list[str]:
        """Return the ids of a bucket's entries that begin with a text."""
        columns = self._entry.c
        begins = columns.entry_id.startswith(beginning, autoescape=True)
        statement = sa.select(columns.entry_id).where(columns.bucket == bucket, begins)
        with self._database.read("read the quarantine") as connection:
            return list(connection.scalars(statement.order_by(columns.entry_id)))

    @retried
    def find_entry(self, entry_id: str) -> QuarantineEntry | None:
        """Return one entry, or None."""
        statement = sa.select(self._entry).where(self._entry.c.entry_id == entry_id)
        with self._database.read("read a quarantine entry") as connection:
            found = self._complete(connection, connection.execute(statement).mappings().all())
        return found[0] if found else None

    def _complete(self, connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> list[QuarantineEntry]:
        files: dict[str, list[NewFile]] = {}
        for ids in chunks(row["entry_id"] for row in rows):
            statement = (
                sa.select(self._file.c.entry_id, *self._file.c[OBJECT_COLUMNS])
                .where(self._dialect.any_of(self._file.c.entry_id, ids))
                .order_by(self._file.c.entry_id, self._file.c.file_number)
            )
            for entry_id, *values in connection.execute(statement):
                files.setdefault(entry_id, []).append(new_file_from_row(values))
        return [entry_from_row(row, files.get(row["entry_id"], ())) for row in rows]

    # ---- writing, within a change's transaction --------------------------------------------------------

    def add(self, connection: sa.Connection, entries: Sequence[QuarantineEntry]) -> None:
        """Insert entries."""
        if not entries:
            return
        connection.execute(self._entry.insert(), [_entry_row(entry) for entry in entries])
        files = [
            {"entry_id": entry.entry_id, "file_number": number, **object_columns(file)}
            for entry in entries
            for number, file in enumerate(entry.files)
        ]
        if files:
            connection.execute(self._file.insert(), files)

    def has_unseen(self, connection: sa.Connection, change: DatasetChange) -> bool:
        """Whether there is an entry that a rejected bundle does not know: from another run, or with a decision."""
        statement = sa.select(self._entry.c.entry_id, self._entry.c.source).where(
            *self._counting(change.bucket, change.provider, change.dataset_type),
            self._entry.c.identifier_key == change.identifier.canonical,
        )
        seen = None if change.settlement is None else change.settlement.entry_id
        source = change.source.get("source")
        return any(
            entry_id != seen and json_value(of).get("source") == source
            for entry_id, of in connection.execute(statement)
        )

    def settle(self, connection: sa.Connection, settlement: Settlement, moment: dt.datetime) -> bool:
        """Write the new state of an entry. False: its state is not the one that was seen."""
        columns = self._entry.c
        values = {"state": settlement.state.value}
        if settlement.state is QuarantineState.ACCEPTED:
            values |= {
                "decided_at": str(moment_to_text(moment)),
                "decided_by": settlement.decided_by,
                "note": settlement.note,
            }
        settled = connection.execute(
            self._entry.update()
            .where(columns.entry_id == settlement.entry_id, columns.state == settlement.seen.value)
            .values(values)
        )
        return bool(settled.rowcount)

    def remove_of_datasets(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> list[str]:
        """Remove the entries of datasets that are removed. Returns their objects' paths."""
        of_them = sa.select(self._entry.c.entry_id).where(self._dialect.any_of(self._entry.c.dataset_id, dataset_ids))
        theirs = self._file.c.entry_id.in_(of_them)
        paths = list(connection.scalars(sa.select(self._file.c.storage_path).where(theirs)))
        connection.execute(self._file.delete().where(theirs))
        connection.execute(self._entry.delete().where(self._dialect.any_of(self._entry.c.dataset_id, dataset_ids)))
        return paths

    # ---- writing, in a transaction of its own ----------------------------------------------------------

    @retried
    def save_check(self, entry: QuarantineEntry) -> None:
        """Save that the provider still serves this bundle; a requested retry is done."""
        with self._database.write("save the check of a quarantine entry", SaveError) as connection:
            connection.execute(
                self._entry.update()
                .where(self._entry.c.entry_id == entry.entry_id)
                .values(feeds=feeds_to_text(entry.feeds), checked_at=moment_to_text(now()), retry_requested_at=None)
            )

    @retried
    def request_retry(self, entry_ids: Iterable[str]) -> int:
        """Let the next run fetch the bundles of entries anew. Returns how many there were."""
        with self._database.write("request a retry", SaveError) as connection:
            return sum(
                connection.execute(
                    self._entry.update()
                    .where(self._dialect.any_of(self._entry.c.entry_id, ids), self._entry.c.state.in_(_COUNTING))
                    .values(retry_requested_at=moment_to_text(now()))
                ).rowcount
                for ids in chunks(entry_ids)
            )

    def load(self, connection: sa.Connection, entry_ids: Iterable[str]) -> list[QuarantineEntry]:
        """Return entries."""
        found: list[QuarantineEntry] = []
        for ids in chunks(entry_ids):
            statement = sa.select(self._entry).where(self._dialect.any_of(self._entry.c.entry_id, ids))
            found += self._complete(connection, connection.execute(statement).mappings().all())
        return found

    def retry_of_datasets(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch the bundles of invalidated datasets anew."""
        for ids in chunks(dataset_ids):
            connection.execute(
                self._entry.update()
                .where(self._dialect.any_of(self._entry.c.dataset_id, ids), self._entry.c.state.in_(_COUNTING))
                .values(retry_requested_at=moment_to_text(now()))
            )

    def discard(
        self, connection: sa.Connection, entry_ids: Iterable[str], decided_by: str, note: str
    ) -> dict[str, list[str]]:
        """Mark open entries DISCARDED. Returns the paths of the files of each entry that was open.

        The description of the files stays, so that the next run recognizes them; only their paths are removed.
        """
        paths: dict[str, list[str]] = {}
        for entry_id in entry_ids:
            discarded = connection.execute(
                self._entry.update()
                .where(self._entry.c.entry_id == entry_id, self._entry.c.state == QuarantineState.OPEN.value)
                .values(
                    state=QuarantineState.DISCARDED.value,
                    decided_at=moment_to_text(now()),
                    decided_by=decided_by,
                    note=note,
                )
            )
            if discarded.rowcount:
                theirs = self._file.c.entry_id == entry_id
                paths[entry_id] = list(connection.scalars(sa.select(self._file.c.storage_path).where(theirs)))
                connection.execute(self._file.update().where(theirs).values(storage_path=""))
        return paths


def _entry_row(entry: QuarantineEntry) -> dict[str, object]:
    return {
        "entry_id": entry.entry_id,
        "bucket": entry.bucket,
        "provider": entry.provider,
        "dataset_type": entry.dataset_type,
        "identifier": entry.identifier.to_json(),
        "identifier_key": entry.identifier.canonical,
        "dataset_id": entry.dataset_id,
        "name": entry.name,
        "state": entry.state.value,
        "dataset_state": entry.dataset_state.value,
        "reasons": json_text(list(entry.reasons)),
        "removed_file_ids": names_to_text(entry.removed_file_ids),
        "missing_feeds": names_to_text(entry.missing_feeds),
        "feeds": feeds_to_text(entry.feeds),
        "metadata": stored_metadata_text(entry.metadata),
        "base_revision_id": entry.base_revision_id,
        "source": json_text(entry.source),
        "created_at": moment_to_text(entry.created_at),
        "checked_at": moment_to_text(entry.checked_at),
        "retry_requested_at": moment_to_text(entry.retry_requested_at),
        "decided_at": moment_to_text(entry.decided_at),
        "decided_by": entry.decided_by,
        "note": entry.note,
    }
