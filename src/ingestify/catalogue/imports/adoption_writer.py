"""What only an adoption writes: datasets without events, events at given positions, and the end of the adoption.

A lake that is being adopted has the epoch 0, with which nobody else writes. So the tables of an unfinished adoption can
be told from those of a lake; in place, nobody reads them as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.imports.history_import import HistoryImport
from ingestify.catalogue.lake import begin_adoption, end_adoption, ensured_epoch, find_epochs
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHistory
from ingestify.errors import SaveError

__all__ = ["AdoptionWriter"]


class AdoptionWriter:
    """Implements `domain.ports.AdoptionPort`."""

    def __init__(self, database: Database, tables: Tables, log: EventLog, history_import: HistoryImport) -> None:
        self._database = database
        self._tables = tables
        self._log = log
        self._history_import = history_import

    @retried
    def is_finished(self) -> bool:
        """Whether the lake has an epoch, or datasets that no adoption has written."""
        with self._database.read("look for its adoption") as connection:
            epochs = find_epochs(connection, self._database, self._tables.lake)
            if epochs is None:
                return True
            some = sa.select(self._tables.dataset.c.dataset_id).limit(1)
            return epochs[-1][1] > 0 if epochs else connection.scalar(some) is not None

    @retried
    def begin(self, dataset_ids: Sequence[str]) -> None:
        """Forget what an interrupted adoption has written, except the datasets with these ids."""
        with self._database.write("begin its adoption", SaveError) as connection:
            begin_adoption(connection, self._tables.lake)
            there = set(connection.scalars(sa.select(self._tables.dataset.c.dataset_id)))
            self._discard(connection, there.difference(dataset_ids))
            connection.execute(self._tables.event_log.delete())

    @retried
    def discard(self, dataset_ids: Sequence[str]) -> None:
        """Forget datasets that were written."""
        if dataset_ids:
            with self._database.write("forget datasets of its adoption", SaveError) as connection:
                self._discard(connection, dataset_ids)

    def _discard(self, connection: sa.Connection, dataset_ids: Collection[str]) -> None:
        for ids in chunks(dataset_ids):
            for table in (self._tables.file, self._tables.revision, self._tables.dataset):
                connection.execute(table.delete().where(self._database.dialect.any_of(table.c.dataset_id, ids)))

    def write(self, histories: Sequence[DatasetHistory]) -> None:
        """Write datasets with all of their revisions, without events, in one transaction. Some may be there already."""
        self._history_import.write_without_events(histories)

    @retried
    def add_events(self, events: Sequence[DatasetEvent]) -> None:
        """Log events at the positions that they have."""
        with self._database.write("carry the event log", SaveError) as connection:
            self._log.add_at(connection, events)

    @retried
    def finish(self, readers: Mapping[str, int]) -> None:
        """Write the positions of readers and begin the lake's first epoch, in one transaction.

        A reader whose events were removed after it had read them is behind the last event, so that it gets the next.
        """
        table = self._tables.event_reader
        with self._database.write("end its adoption", SaveError) as connection:
            self._log.lock(connection)
            last = connection.scalar(sa.select(sa.func.max(self._tables.event_log.c.position))) or 0
            there = set(connection.scalars(sa.select(table.c.reader_name)))
            new = [
                {"reader_name": name, "position": min(at, last)} for name, at in readers.items() if name not in there
            ]
            if new:
                connection.execute(table.insert(), new)
            end_adoption(connection, self._tables.lake)
            ensured_epoch(connection, self._tables.lake)
