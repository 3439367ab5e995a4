"""The position of each reader of the event log, and the events that it failed on."""

from __future__ import annotations

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.domain.event_reader import EventReaderState, FailedEvent
from ingestify.domain.text import storable
from ingestify.errors import SaveError

__all__ = ["EventReaders"]

_LONGEST_ERROR = 1000


class EventReaders:
    """The tables of event readers and of their failures."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._log = tables.event_log
        self._reader = tables.event_reader
        self._failure = tables.event_failure
        self._off = tables.event_reader_off

    @retried
    def find_position(self, reader_name: str) -> int | None:
        """Return the position of a reader; None for a new one."""
        with self._database.read("read an event reader's position") as connection:
            return self._position(connection, reader_name)

    def _position(self, connection: sa.Connection, reader_name: str) -> int | None:
        statement = sa.select(self._reader.c.position).where(self._reader.c.reader_name == reader_name)
        position: int | None = connection.scalar(statement)
        return position

    @retried
    def set_position(self, reader_name: str, position: int) -> None:
        """Set the position of a reader; the failure of the event that it is at is forgotten."""
        failure = self._failure.c
        with self._database.write("save an event reader's position", SaveError) as connection:
            known = self._reader.c.reader_name == reader_name
            before = self._position(connection, reader_name)
            if before is None:
                connection.execute(self._reader.insert().values(reader_name=reader_name, position=position))
            else:
                connection.execute(self._reader.update().where(known).values(position=position))
            # An earlier one that is not parked is a dead letter that will be sent again.
            is_at = (failure.is_parked.is_(False), failure.position > (before or 0))
            connection.execute(self._failure.delete().where(failure.reader_name == reader_name, *is_at))

    @retried
    def advance(self, reader_name: str, seen: int | None, position: int) -> bool:
        """Move a reader forward if its position is still `seen`; None: if it is new. Returns whether it was."""
        columns = self._reader.c
        with self._database.write("save an event reader's position", SaveError) as connection:
            there = self._position(connection, reader_name)
            if there == position:
                return seen is not None or position == 0  # an earlier attempt did this, and its outcome was unknown
            if there != seen or (seen or 0) > position:
                return False
            if seen is None:
                connection.execute(self._reader.insert().values(reader_name=reader_name, position=position))
                return True
            moved = self._reader.update().where(columns.reader_name == reader_name, columns.position == seen)
            return bool(connection.execute(moved.values(position=position)).rowcount)

    @retried
    def forget(self, reader_name: str) -> bool:
        """Remove a reader and its failures. Returns whether it existed."""
        with self._database.write("forget an event reader", SaveError) as connection:
            for table in (self._failure, self._off):
                connection.execute(table.delete().where(table.c.reader_name == reader_name))
            gone = connection.execute(self._reader.delete().where(self._reader.c.reader_name == reader_name))
            return bool(gone.rowcount)

    @retried
    def switch_off(self, reader_name: str, reason: str) -> None:
        """Note that a reader gets no more events, and why; an empty reason: it gets them again."""
        with self._database.write("switch an event reader off or on", SaveError) as connection:
            connection.execute(self._off.delete().where(self._off.c.reader_name == reader_name))
            if reason:
                row = {"reader_name": reader_name, "reason": storable(reason, _LONGEST_ERROR)}
                connection.execute(self._off.insert().values(row))

    @retried
    def list_readers(self) -> list[EventReaderState]:
        """Return all readers by name."""
        failure, log = self._failure.c, self._log.c
        with self._database.read("read the positions of the event readers") as connection:
            readers = connection.execute(sa.select(self._reader).order_by(self._reader.c.reader_name)).all()
            failed: dict[str, list[FailedEvent]] = {}
            for row in connection.execute(sa.select(self._failure).order_by(failure.position)):
                failed.setdefault(row.reader_name, []).append(_failed_event(row))
            off = {row.reader_name: row.reason for row in connection.execute(sa.select(self._off))}
            return [
                EventReaderState(
                    row.reader_name,
                    row.position,
                    connection.scalar(sa.select(sa.func.count()).where(log.position > row.position)) or 0,
                    tuple(failed.get(row.reader_name, ())),
                    off.get(row.reader_name, ""),
                )
                for row in readers
            ]

    # ---- failures --------------------------------------------------------------------------------------

    @retried
    def find_failed(self, reader_name: str) -> list[FailedEvent]:
        """Return the failures of a reader, by position."""
        columns = self._failure.c
        with self._database.read("read the failures of an event reader") as connection:
            statement = sa.select(self._failure).where(columns.reader_name == reader_name).order_by(columns.position)
            return [_failed_event(row) for row in connection.execute(statement)]

    @retried
    def save_failure(self, reader_name: str, failed: FailedEvent) -> None:
        """Save that a reader failed on an event."""
        values = {
            "failures": failed.failures,
            "is_parked": failed.is_parked,
            "error": storable(failed.error, _LONGEST_ERROR),
            "failed_at": moment_to_text(now()),
        }
        columns = self._failure.c
        which = (columns.reader_name == reader_name, columns.position == failed.position)
        with self._database.write("save the failures of an event reader", SaveError) as connection:
            if not connection.execute(self._failure.update().where(*which).values(values)).rowcount:
                key = {"reader_name": reader_name, "position": failed.position}
                connection.execute(self._failure.insert().values({**key, **values}))

    @retried
    def forget_failure(self, reader_name: str, position: int) -> None:
        """Remove the failure of a reader on an event, which it has handled."""
        columns = self._failure.c
        with self._database.write("save the failures of an event reader", SaveError) as connection:
            connection.execute(
                self._failure.delete().where(columns.reader_name == reader_name, columns.position == position)
            )


def _failed_event(row: sa.Row[tuple[object, ...]]) -> FailedEvent:
    return FailedEvent(row.position, row.failures, bool(row.is_parked), row.error, to_moment(row.failed_at))
