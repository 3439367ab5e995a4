"""What only an adoption writes: datasets without events, events at given positions, and the end of the adoption.

A lake that is being adopted has no epoch: everybody else who writes begins one. So the tables of an unfinished adoption
can be told from those of a lake, and nobody reads them as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.imports.history_import import HistoryImport
from ingestify.catalogue.lake import LakeRows, ensured_epoch
from ingestify.catalogue.tables import Tables
from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHistory
from ingestify.errors import SaveError

__all__ = ["AdoptionWriter"]


class AdoptionWriter:
    """Implements `domain.ports.AdoptionPort`."""

    def __init__(
        self, database: Database, tables: Tables, log: EventLog, history_import: HistoryImport, lake: LakeRows
    ) -> None:
        self._database = database
        self._tables = tables
        self._log = log
        self._history_import = history_import
        self._lake = lake

    def is_finished(self) -> bool:
        """Whether the lake has an epoch."""
        lake = self._lake.find()
        return lake is None or lake.epoch > 0

    def write(self, histories: Sequence[DatasetHistory]) -> None:
        """Write datasets with all of their revisions, without events, in one transaction. Some may be there already."""
        self._history_import.write_without_events(histories)

    @retried
    def find_last_event(self) -> tuple[int, str]:
        """Return the position and the dataset's id of the newest event; (0, "") if there is none."""
        log = self._tables.event_log.c
        statement = sa.select(log.position, log.dataset_id).order_by(log.position.desc()).limit(1)
        with self._database.read("read its event log") as connection:
            row = connection.execute(statement).one_or_none()
        return (0, "") if row is None else (row[0], row[1])

    @retried
    def add_events(self, events: Sequence[DatasetEvent]) -> None:
        """Log events at the positions that they have; those that are there already are left out."""
        with self._database.write("carry the event log", SaveError) as connection:
            last = connection.scalar(sa.select(sa.func.max(self._tables.event_log.c.position))) or 0
            self._log.add_at(connection, [one for one in events if (one.position or 0) > last])

    @retried
    def finish(self, readers: Mapping[str, int]) -> None:
        """Write the positions of readers and begin the lake's first epoch, in one transaction."""
        table = self._tables.event_reader
        with self._database.write("end its adoption", SaveError) as connection:
            self._log.lock(connection)
            there = set(connection.scalars(sa.select(table.c.reader_name)))
            new = [{"reader_name": name, "position": at} for name, at in readers.items() if name not in there]
            if new:
                connection.execute(table.insert(), new)
            ensured_epoch(connection, self._tables.lake)
