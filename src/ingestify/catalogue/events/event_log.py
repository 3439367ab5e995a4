"""The event log: domain events in commit order, each written in the transaction that it tells of."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.dialect import BulkStatement
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.lake import Epoch, ensured_epoch, find_epochs
from ingestify.catalogue.reading.datasets import DatasetReader
from ingestify.catalogue.rows import (
    dataset_from_snapshot,
    json_text,
    json_value,
    moment_to_text,
    snapshot_of,
    to_moment,
)
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.clock import now, sleep
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import LOGGED_EVENTS, SCHEMA_VERSION, DatasetDeleted, DatasetEvent
from ingestify.domain.revision import Revision
from ingestify.errors import ConfigurationError

__all__ = ["EventLog"]

_MOST_AT_ONCE = 8 << 20
"""So many characters of payloads are read at a time. As objects, they take about ten times as much memory."""

UNSEEN = dt.timedelta(minutes=1)
MOST_AHEAD = dt.timedelta(seconds=5)
"""How far the clock of a reader may be ahead of that of the lake."""

_SHARED = {field.name for field in dataclasses.fields(DatasetEvent)}
_OWN = {
    kind: [field.name for field in dataclasses.fields(kind) if field.name not in _SHARED]
    for kind in LOGGED_EVENTS.values()
}
"""The fields of each kind of event beside those of every event."""


class EventLog:
    """The rows of the event log.

    An event's payload is `{"schema_version": …, "dataset": …, …}`: a snapshot of the dataset with its last revision and
    its current files, so its size does not grow with the history; and the event's own fields, such as `reason`. Earlier
    revisions are read from the dataset's rows. For a removed dataset, an event shows the last revision and those that
    the current files came with. NULL means the same payload as the dataset's event before it, in the same commit:
    otherwise the two events of a new dataset would take a third of the database.
    """

    def __init__(self, database: Database, tables: Tables, datasets: DatasetReader) -> None:
        self._database = database
        self._datasets = datasets
        self._version_table = tables.version_table_name
        self._epochs = tables.lake
        self._log = tables.event_log
        self._insert = BulkStatement(
            self._log.insert(), database.sql_dialect, ["event_type", "dataset_id", "occurred_at", "payload"]
        )

    def lock(self, connection: sa.Connection) -> None:
        """Keep others from appending until the caller's transaction is committed.

        Without the lock, a writer that appends first and commits last would write events that readers have passed.
        """
        self._database.dialect.lock_log(connection, self._version_table)

    def begin_commit(self, connection: sa.Connection) -> None:
        """Let `settle` wait for the end of the caller's transaction, whose moment is taken after this."""
        self._database.dialect.begin_commit(connection, self._version_table)

    def settle(self, moment: dt.datetime) -> None:
        """Wait until every commit of a moment, or of an earlier one, can be read, so that no other one comes later.

        Raises:
            ConfigurationError: The moment has not passed yet, or nobody can know that about it.
        """
        database = self._database
        if database.dialect.has_one_writer and database.is_read_only:
            # A user who may only read cannot wait for a writer, and no commit of SQLite takes so long.
            if moment > now() - UNSEEN:
                raise ConfigurationError(
                    f"{_told(moment)} is less than a minute ago, or to come. This user may only read the catalogue "
                    f"{database.where}, and cannot see whether somebody writes to it: name an earlier moment."
                )
            return
        while (ahead := moment - self._read_clock_between_commits()) >= dt.timedelta(0):
            if ahead > MOST_AHEAD:
                raise ConfigurationError(
                    f"{_told(moment)} has not passed yet, so what the lake has then is not known (a day alone means "
                    f"its end). Name a moment that has passed, or read the lake as it is now."
                )
            sleep(ahead.total_seconds() + 0.001)

    @retried
    def _read_clock_between_commits(self) -> dt.datetime:
        """Return the moment by the clock that commits have. No commit with an earlier moment goes on."""
        database, doing = self._database, "wait for commits that go on"
        with database.write(doing) if database.dialect.has_one_writer else database.read(doing) as connection:
            database.dialect.wait_for_commits(connection, self._version_table)
            return database.dialect.read_clock(connection)

    def append(self, connection: sa.Connection, events: Iterable[DatasetEvent]) -> list[DatasetEvent]:
        """Log events in the caller's transaction. Returns them with their positions."""
        listed = list(events)
        if not listed:
            return []
        rows = []
        shown: Dataset | None = None
        for event in listed:
            has_own = bool(_OWN[type(event)])
            payload = None if event.dataset is shown and not has_own else _payload(event)
            # The next event cannot share the payload of an event with fields of its own.
            shown = None if has_own else event.dataset
            rows.append(
                {
                    "event_type": event.event_type,
                    "dataset_id": event.dataset.dataset_id,
                    "occurred_at": moment_to_text(event.occurred_at),
                    "payload": payload,
                }
            )
        self.lock(connection)
        positions = self._database.dialect.append(connection, self._log, self._insert, rows)
        lake_id, epoch, *_ = ensured_epoch(connection, self._epochs)
        return [
            dataclasses.replace(event, position=position, lake_id=lake_id, epoch=epoch)
            for event, position in zip(listed, positions, strict=True)
        ]

    def add_at(self, connection: sa.Connection, events: Sequence[DatasetEvent]) -> None:
        """Log events at the positions that they have, in the caller's transaction, while nobody else appends.

        Args:
            connection: In a transaction that writes.
            events: By position, all of them behind the last logged event.
        """
        if events:
            rows = [
                {
                    "position": event.position,
                    "event_type": event.event_type,
                    "dataset_id": event.dataset.dataset_id,
                    "occurred_at": moment_to_text(event.occurred_at),
                    "payload": _payload(event),
                }
                for event in events
            ]
            connection.execute(self._log.insert(), rows)
            self._database.dialect.count_on(connection, self._log)

    @retried
    def holds(self, event: DatasetEvent) -> bool:
        """Whether the first event that `append` returned was committed, and with it all rows of its transaction.

        After a rollback another transaction may get the same positions, so the row is compared too.
        """
        columns = self._log.c
        statement = sa.select(columns.event_type, columns.dataset_id, columns.occurred_at, columns.payload).where(
            columns.position == event.position
        )
        with self._database.settled("look up whether the commit happened", self._version_table) as connection:
            row = connection.execute(statement).one_or_none()
        written = (event.event_type, event.dataset.dataset_id, moment_to_text(event.occurred_at), _payload(event))
        return row is not None and tuple(row) == written

    @retried
    def read(self, after_position: int, limit: int, *, has_history: bool = True) -> list[DatasetEvent]:
        """Return events after a position, in commit order: at most `limit`, and fewer if they are large."""
        columns = self._log.c
        statement = (
            sa.select(columns.position, columns.event_type, columns.dataset_id, columns.occurred_at, columns.payload)
            .where(columns.position > after_position)
            .order_by(columns.position)
        )
        with self._database.read("read its event log") as connection:
            some = limit if limit == 1 else self._count_that_fit(connection, after_position, limit)
            rows = connection.execute(statement.limit(some)).all()
            # Only the first row's payload can belong to an event before this page.
            earlier = self._find_payload_before(connection, rows[0]) if rows and rows[0].payload is None else None
            epochs = find_epochs(connection, self._database, self._epochs) or []
            events = _events_of(rows, earlier, epochs)
            return self._complete(connection, events) if has_history else events

    @retried
    def find_newest(self, limit: int, before: int | None = None, kinds: Collection[str] = ()) -> list[DatasetEvent]:
        """Return events before a position, newest first, without the earlier revisions of the datasets."""
        columns = self._log.c
        statement = sa.select(self._log).order_by(columns.position.desc()).limit(limit)
        if before is not None:
            statement = statement.where(columns.position < before)
        if kinds:
            statement = statement.where(columns.event_type.in_(sorted(kinds)))
        with self._database.read("read its event log") as connection:
            rows = connection.execute(statement).all()
            epochs = find_epochs(connection, self._database, self._epochs) or []
            # The content of a row without one is mostly in the row before.
            before_them = columns.position.in_([row.position - 1 for row in rows if row.payload is None])
            neighbours = sa.select(columns.position, columns.dataset_id, columns.payload).where(before_them)
            known = {(one.position + 1, one.dataset_id): one.payload for one in connection.execute(neighbours)}
            events: list[DatasetEvent] = []
            for row in rows:
                payload = row.payload or known.get((row.position, row.dataset_id))
                events += _events_of([row], payload or self._find_payload_before(connection, row), epochs)
            return events

    @retried
    def find_datasets(self, positions: Sequence[int]) -> dict[int, str]:
        """Return the id of the dataset of each event that is in the log."""
        columns = self._log.c
        found: dict[int, str] = {}
        with self._database.read("read its event log") as connection:
            for some in chunks(positions):
                statement = sa.select(columns.position, columns.dataset_id).where(columns.position.in_(some))
                found.update((row.position, row.dataset_id) for row in connection.execute(statement))
        return found

    def _count_that_fit(self, connection: sa.Connection, after_position: int, limit: int) -> int:
        """Return how many of the events after a position are read at once: one at least."""
        columns = self._log.c
        lengths = (
            sa.select(sa.func.length(columns.payload))
            .where(columns.position > after_position)
            .order_by(columns.position)
            .limit(limit)
        )
        count = size = total = 0
        for length in connection.scalars(lengths):
            size = size if length is None else length  # without a payload: that of the event before
            total += size
            if count and total > _MOST_AT_ONCE:
                break
            count += 1
        return max(1, count)

    def _complete(self, connection: sa.Connection, events: Sequence[DatasetEvent]) -> list[DatasetEvent]:
        """Add the earlier revisions of the datasets that the lake still has.

        They are as they were at the event, unless they were thinned: else only the last revision of a dataset changes.
        """
        lacking = {event.dataset.dataset_id for event in events if _lacks_revisions(event.dataset)}
        there = self._datasets.load_revisions(connection, sorted(lacking))
        return [
            dataclasses.replace(event, dataset=_with_earlier(event.dataset, there.get(event.dataset.dataset_id, ())))
            if _lacks_revisions(event.dataset)
            else event
            for event in events
        ]

    def _find_payload_before(self, connection: sa.Connection, row: Any) -> str | None:
        columns = self._log.c
        return connection.scalar(
            sa.select(columns.payload)
            .where(columns.position < row.position, columns.dataset_id == row.dataset_id, columns.payload.is_not(None))
            .order_by(columns.position.desc())
            .limit(1)
        )

    @retried
    def get_last_position(self) -> int:
        """Return the position of the newest event; 0 if there is none."""
        with self._database.read("read its event log") as connection:
            return connection.scalar(sa.select(sa.func.max(self._log.c.position))) or 0

    @retried
    def find_position_before(self, moment: dt.datetime) -> int:
        """Return the position of the last event before a moment."""
        columns = self._log.c
        since = columns.occurred_at >= moment_to_text(moment)
        with self._database.read("look for events since a time") as connection:
            first = connection.scalar(sa.select(sa.func.min(columns.position)).where(since))
            if first is not None:
                return int(first) - 1
            return connection.scalar(sa.select(sa.func.max(columns.position))) or 0

    @retried
    def find_deleted(self, since: dt.datetime) -> list[Dataset]:
        """Return the datasets that were deleted after a moment, as they last were, oldest deletion first."""
        columns = self._log.c
        statement = (
            sa.select(columns.payload)
            .where(columns.event_type == DatasetDeleted.event_type, columns.occurred_at > moment_to_text(since))
            .order_by(columns.position)
        )
        with self._database.read("look for deletions in its event log") as connection:
            payloads = connection.scalars(statement).all()
        return [dataset_from_snapshot(json_value(one)["dataset"]) for one in payloads if one is not None]

    @retried
    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""
        columns = self._log.c
        touched: set[str] = set()
        with self._database.read("read its event log") as connection:
            for ids in chunks(dataset_ids):
                statement = sa.select(columns.dataset_id).where(
                    columns.position > after_position, self._database.dialect.any_of(columns.dataset_id, ids)
                )
                touched.update(connection.scalars(statement))
        return touched


def _told(moment: dt.datetime) -> str:
    return f"as_of {moment:%Y-%m-%d %H:%M:%S} UTC"


def _events_of(rows: Sequence[Any], earlier: str | None, epochs: Sequence[Epoch]) -> list[DatasetEvent]:
    """Return the events of rows.

    Args:
        rows: The rows, by position.
        earlier: The payload of the first row, if the row itself has none.
        epochs: Those of the lake, oldest first.
    """
    events: list[DatasetEvent] = []
    content: dict[str, Any] = {}
    for position, event_type, _, occurred_at, payload in rows:
        text = payload or earlier
        earlier = None
        if text is not None:
            content = json_value(text)
            dataset = dataset_from_snapshot(content["dataset"])
        extra = {name: value for name, value in content.items() if name != "dataset"}
        extra.setdefault("schema_version", 1)
        extra.update((name, tuple(extra[name])) for name in ("reasons", "revision_ids", "warnings") if name in extra)
        lake_id, epoch = _epoch_of(position, epochs)
        events.append(
            LOGGED_EVENTS[event_type](
                dataset=dataset,
                occurred_at=to_moment(occurred_at),
                position=position,
                lake_id=lake_id,
                epoch=epoch,
                **extra,
            )
        )
    return events


def _epoch_of(position: int, epochs: Sequence[Epoch]) -> tuple[str, int]:
    """Return the lake and the epoch of a position; none in an archive that has no epochs."""
    for lake_id, epoch, _, after_position in reversed(epochs):
        if position > after_position:
            return lake_id, epoch
    return "", 0


def _lacks_revisions(dataset: Dataset) -> bool:
    return bool(dataset.revisions) and len(dataset.revisions) <= dataset.revisions[-1].revision_id


def _with_earlier(dataset: Dataset, revisions: Sequence[Revision]) -> Dataset:
    """Return a dataset with all revisions before its last one, if the lake has them.

    The revisions that its snapshot left out have no current file.
    """
    shown = {revision.revision_id: revision for revision in dataset.revisions}
    number = max(shown)
    if len(revisions) <= number:
        return dataset
    earlier = (shown.get(one.revision_id, one) for one in revisions[:number])
    return dataclasses.replace(dataset, revisions=(*earlier, shown[number]))


def _payload(event: DatasetEvent) -> str:
    return json_text({"schema_version": SCHEMA_VERSION, "dataset": snapshot_of(event.dataset), **_extra(event)})


def _extra(event: DatasetEvent) -> dict[str, Any]:
    """Return the fields of an event beside those that every event has."""
    return {name: getattr(event, name) for name in _OWN[type(event)]}
