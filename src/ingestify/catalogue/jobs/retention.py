"""Retention: old jobs and events are removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_from_text, moment_to_text
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.domain.retention import Forgotten, Retention
from ingestify.domain.run import RunState
from ingestify.errors import SaveError

__all__ = ["HistoryRetention"]

_BEGINNING = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_AT_ONCE = 1000
"""How many rows a transaction removes. A run does not wait long for it."""


class HistoryRetention:
    """Removes old rows of jobs and of the event log."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._any_of = database.dialect.any_of
        self._job = tables.job
        self._task = tables.task
        self._repeat = tables.job_repeat
        self._log = tables.event_log
        self._reader = tables.event_reader
        self._failure = tables.event_failure

    def enforce(self, retention: Retention, *, dry_run: bool) -> Forgotten:
        """Remove jobs and events that are too old, a thousand rows in a transaction. A run may go on beside it."""
        jobs = [] if retention.jobs is None else self._find_jobs(retention.jobs)
        old, kept, reader = (0, set[int](), None) if retention.events is None else self._find_events(retention.events)
        events, unread = self._count_events(old, kept, reader)
        if not dry_run:
            for some in chunks(jobs):
                self._remove_jobs(some)
            bound = old if reader is None else min(old, reader[1])
            last: int | None = 0
            while last is not None:
                last = self._remove_events(last, bound, kept)
        return Forgotten(len(jobs), events, unread, reader[0] if reader is not None and unread else None)

    # ---- jobs ------------------------------------------------------------------------------------------

    @retried
    def _find_jobs(self, age: dt.timedelta) -> list[str]:
        """Return the ids of the jobs that ended too long ago, without the last job of each selector."""
        job, repeat = self._job.c, self._repeat.c
        later = self._repeat.alias("later").c
        with self._database.read("read jobs") as connection:
            before = self._before(
                age,
                connection.scalar(sa.select(sa.func.max(job.updated_at))),
                connection.scalar(sa.select(sa.func.max(repeat.last_started_at))),
            )
            is_followed = sa.exists().where(later.key_hash == repeat.key_hash, later.started_at > repeat.started_at)
            # A job that died has no such row.
            is_needed = sa.exists().where(
                repeat.job_id == job.job_id, (repeat.last_started_at >= before) | sa.not_(is_followed)
            )
            old = (job.updated_at < before) & (job.state != RunState.RUNNING.value)
            return list(connection.scalars(sa.select(job.job_id).where(old, sa.not_(is_needed))))

    @retried
    def _remove_jobs(self, job_ids: Sequence[str]) -> None:
        with self._database.write("remove old jobs", SaveError) as connection:
            for table in (self._task, self._repeat, self._job):
                connection.execute(table.delete().where(self._any_of(table.c.job_id, job_ids)))

    # ---- events ----------------------------------------------------------------------------------------

    @retried
    def _find_events(self, age: dt.timedelta) -> tuple[int, set[int], tuple[str, int] | None]:
        """Return the position of the last event that is too old, the positions that stay, and the slowest reader."""
        log, reader, failure = self._log.c, self._reader.c, self._failure.c
        with self._database.read("read its event log") as connection:
            newest = sa.select(log.occurred_at).order_by(log.position.desc()).limit(1)
            before = self._before(age, connection.scalar(newest))
            young = sa.select(sa.func.min(log.position)).where(log.occurred_at >= before)
            first = connection.scalar(young)
            old = 0 if first is None else first - 1
            slowest = connection.execute(
                sa.select(reader.reader_name, reader.position).order_by(reader.position).limit(1)
            ).one_or_none()
            bound = old if slowest is None else min(old, slowest.position)
            parked = set(connection.scalars(sa.select(failure.position).where(failure.position <= bound).distinct()))
            following = connection.scalar(sa.select(sa.func.min(log.position)).where(log.position > bound))
            # A row without a payload has the payload of its dataset's event before it.
            kept = set(parked)
            for position in parked if following is None else {*parked, following}:
                kept |= self._find_payload(connection, position)
        return old, kept, None if slowest is None else (slowest.reader_name, slowest.position)

    def _find_payload(self, connection: sa.Connection, position: int) -> set[int]:
        log = self._log.c
        row = connection.execute(sa.select(self._log).where(log.position == position)).one_or_none()
        if row is None or row.payload is not None:
            return set()
        earlier = connection.scalar(
            sa.select(sa.func.max(log.position)).where(
                log.position < position, log.dataset_id == row.dataset_id, log.payload.is_not(None)
            )
        )
        return set() if earlier is None else {earlier}

    @retried
    def _count_events(self, old: int, kept: set[int], reader: tuple[str, int] | None) -> tuple[int, int]:
        """Return how many events will be removed, and how many old ones stay because a reader has not read them."""
        position = self._log.c.position
        bound = old if reader is None else min(old, reader[1])
        with self._database.read("read its event log") as connection:
            count = sa.select(sa.func.count()).select_from(self._log)
            going = connection.scalar(count.where(position <= bound)) or 0
            for some in chunks(one for one in kept if one <= bound):  # a statement has a limited number of values
                going -= connection.scalar(count.where(position.in_(some))) or 0
            unread = connection.scalar(count.where(position > bound, position <= old)) or 0
        return going, unread

    @retried
    def _remove_events(self, after: int, bound: int, kept: set[int]) -> int | None:
        """Remove those of the next thousand events that do not stay. Returns the last position; None: it is the end."""
        position = self._log.c.position
        some = sa.select(position).where(position > after, position <= bound).order_by(position).limit(_AT_ONCE)
        with self._database.write("remove old events", SaveError) as connection:
            positions = connection.scalars(some).all()
            if not positions:
                return None
            theirs = position.between(positions[0], positions[-1])
            staying = sorted(kept.intersection(positions))
            connection.execute(self._log.delete().where(theirs & position.not_in(staying) if staying else theirs))
            return int(positions[-1])

    def _before(self, age: dt.timedelta, *newest: str | None) -> str:
        """Return the moment `age` before the newest row; before now, if our clock is behind that row."""
        moments = [moment for text in newest if (moment := moment_from_text(text)) is not None]
        # A datetime cannot be before the year 1.
        longest = min(now(), max(moments, default=now()))
        return str(moment_to_text(longest - min(age, longest - _BEGINNING)))
