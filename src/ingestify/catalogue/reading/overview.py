"""Whether something changed, how much a lake takes, and what was requested: one statement each, or two."""

from __future__ import annotations

import collections
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import json_value, moment_to_text
from ingestify.catalogue.tables import REPAIRED, WITH_WATCH_MARKS, Tables
from ingestify.domain.overview import ChangeMark, FeedStorage, RequestDay
from ingestify.domain.ports import StorageTotals
from ingestify.domain.run import RunState

__all__ = ["Overview"]


class Overview:
    """Counts what there is. Each call sees one moment."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._dialect = database.dialect
        self._tables = tables

    # ---- the mark --------------------------------------------------------------------------------------

    @functools.cached_property
    def _mark(self) -> sa.Select[Any]:
        tables = self._tables
        log, job, entry, sync = tables.event_log.c, tables.job.c, tables.quarantine.c, tables.selector_sync.c
        is_running = job.state == RunState.RUNNING.value
        # Each by itself: SQLite uses an index for a minimum or a maximum only if nothing else is asked.
        alone = (
            sa.func.max(log.position),
            sa.func.min(log.position),
            sa.func.max(job.started_at),
            sa.func.min(job.started_at),
            sa.func.max(tables.job_repeat.c.last_started_at),
            sa.func.max(entry.checked_at),
            sa.func.max(entry.retry_requested_at),
            sa.func.max(tables.lake.c.epoch),
            sa.func.count(sync.key_hash),
            sa.func.sum(sa.case((sync.complete, 1), else_=0)),
            sa.func.max(sync.finished_at),
            sa.func.max(tables.host_wait.c.asked_at),
        )
        repair = sa.select(tables.watch_mark.c.at).where(tables.watch_mark.c.name == REPAIRED)
        retries = sa.select(sa.func.count()).where(entry.retry_requested_at.is_not(None))
        running = sa.select(self._dialect.gather([job.job_id, job.updated_at])).where(is_running)
        parts = [*(sa.select(one) for one in alone), retries, repair, running]
        return sa.select(*(one.scalar_subquery().label(f"part_{number}") for number, one in enumerate(parts)))

    @retried
    def read_mark(self) -> ChangeMark:
        """Return two texts that stay the same until something changes; nothing does in an archive of older tables."""
        if self._dialect.is_older_than(WITH_WATCH_MARKS):
            return ChangeMark("", "")
        with self._database.read("see whether something changed") as connection:
            *settled, running = connection.execute(self._mark).one()
        jobs = sorted(json_value(running or "[]"))
        mark = _digest([*map(str, settled), [job_id for job_id, _ in jobs]])
        return ChangeMark(mark, _digest([mark, jobs]))

    # ---- size ------------------------------------------------------------------------------------------

    @retried
    def count_all(self, bucket: str) -> StorageTotals:
        """Count datasets, revisions, files and bytes. An object that several files share is stored once."""
        dataset, revision, file = self._tables.dataset, self._tables.revision, self._tables.file
        with self._database.read("count what it holds") as connection:
            of_files, of_revisions = (self._of(connection, bucket, table) for table in (file, revision))
            files, size, stored = connection.execute(
                sa.select(sa.func.count(), sa.func.sum(file.c.size), sa.func.sum(file.c.storage_size)).where(*of_files)
            ).one()
            again = self._shared_objects(of_files).subquery().c.again
            return {
                "datasets": connection.scalar(sa.select(sa.func.count()).where(dataset.c.bucket == bucket)) or 0,
                "revisions": connection.scalar(sa.select(sa.func.count()).select_from(revision).where(*of_revisions))
                or 0,
                "files": files,
                "size_bytes": int(size or 0),
                "storage_bytes": int(stored or 0) - int(connection.scalar(sa.select(sa.func.sum(again))) or 0),
            }

    def _of(self, connection: sa.Connection, bucket: str, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return the condition that the dataset of a row is of a bucket; none if all datasets are."""
        column = self._tables.dataset.c.bucket
        ends = [sa.select(end(column)).scalar_subquery() for end in (sa.func.min, sa.func.max)]
        if set(connection.execute(sa.select(*ends)).one()) <= {bucket}:
            return []
        return [table.c.dataset_id.in_(sa.select(self._tables.dataset.c.dataset_id).where(column == bucket))]

    def _shared_objects(self, wanted: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        """Return the objects that several files share, with the bytes that they do not take again."""
        file = self._tables.file.c
        # The index on the path has all that the inner query needs; few objects are left. They are joined, as MariaDB
        # asks the query of an IN anew for each row.
        several = sa.func.count() > 1
        shared = sa.select(file.storage_path).group_by(file.storage_path).having(several).subquery()
        again = (sa.func.count() - 1) * sa.func.max(file.storage_size)
        return (
            sa.select(file.storage_path, sa.func.min(file.dataset_id).label("dataset_id"), again.label("again"))
            .join(shared, shared.c.storage_path == file.storage_path)
            .where(*wanted)
            .group_by(file.storage_path)
        )

    @retried
    def read_storage(self, bucket: str) -> list[FeedStorage]:
        """Return what each feed takes, the largest first; an object that several files share is stored once."""
        dataset, file = self._tables.dataset.c, self._tables.file.c
        kind = (dataset.provider, dataset.dataset_type, file.data_feed_key, file.storage_compression_method)
        sums = (sa.func.count(), sa.func.sum(file.size), sa.func.sum(file.storage_size))
        with self._database.read("count what it holds") as connection:
            shared = self._shared_objects(self._of(connection, bucket, self._tables.file)).subquery().c
            rows = connection.execute(
                sa.select(*kind, *sums)
                .join_from(self._tables.file, self._tables.dataset, dataset.dataset_id == file.dataset_id)
                .where(dataset.bucket == bucket)
                .group_by(*kind)
            ).all()
            # Files that share an object have the same feed and compression: the path names them.
            of_objects = (
                sa.select(*kind, shared.storage_path, sa.func.max(shared.again))
                .join(self._tables.dataset, dataset.dataset_id == shared.dataset_id)
                .join(
                    self._tables.file,
                    (file.dataset_id == shared.dataset_id) & (file.storage_path == shared.storage_path),
                )
                .group_by(*kind, shared.storage_path)
            )
            spared: collections.Counter[tuple[str, ...]] = collections.Counter()
            for *of, _, again in connection.execute(of_objects):
                spared[tuple(of)] += int(again)
        found = []
        for provider, dataset_type, feed, compression, files, size, stored in rows:
            again = spared[provider, dataset_type, feed, compression]
            found.append(FeedStorage(provider, dataset_type, feed, compression, files, int(size), int(stored) - again))
        return sorted(found, key=lambda one: (-one.storage_bytes, one))

    @retried
    def read_requests(self, since: dt.datetime) -> list[RequestDay]:
        """Return the requests of each day and source from a moment on, newest day first."""
        job = self._tables.job.c
        counted = [
            sa.cast(self._dialect.attribute(job.counters, name), sa.BigInteger()).label(name)
            for name in ("requests", "received_bytes")
        ]
        # Grouped from outside, as an expression with a parameter may be another one each time.
        each = (
            sa.select(sa.func.substr(job.started_at, 1, 10).label("day"), job.source, *counted)
            .where(job.started_at >= moment_to_text(since))
            .subquery()
            .c
        )
        sums = (sa.func.sum(each.requests), sa.func.sum(each.received_bytes))
        statement = sa.select(each.day, each.source, *sums).group_by(each.day, each.source)
        with self._database.read("count the requests") as connection:
            rows = connection.execute(statement.order_by(each.day.desc(), each.source)).all()
        return [
            RequestDay(dt.date.fromisoformat(day), source, int(requests or 0), int(size or 0))
            for day, source, requests, size in rows
        ]


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
