"""Jobs and their tasks."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.jobs.selector_syncs import SelectorSyncs
from ingestify.catalogue.rows import (
    json_text,
    json_value,
    moment_from_text,
    moment_to_text,
    names_from_text,
    to_moment,
)
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import WITH_WARNINGS, Tables
from ingestify.domain.run import Counters, JobEnd, JobSummary, ProcessIdentity, RunState, TaskOutcome, TaskSummary

__all__ = ["JobLog"]

_COUNTER_NAMES = frozenset(Counters().as_dict())

_OF_EACH_RUN = (
    *("job_id", "run_id", "state", "host", "pid", "process_started", "started_at", "updated_at", "ended_at"),
    *("counters", "timings", "error"),
)
"""The columns that differ between two runs of one job."""


class JobLog:
    """The tables of jobs and tasks."""

    def __init__(self, database: Database, tables: Tables, selector_syncs: SelectorSyncs) -> None:
        self._database = database
        self._dialect = database.dialect
        self._job = tables.job
        self._task = tables.task
        self._repeat = tables.job_repeat
        self._revision = tables.revision
        self._warning = tables.revision_warning
        self._selector_syncs = selector_syncs

    @retried
    def save(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, and the rows of its tasks that are not written yet.

        The row is removed at the job's end if the job counts as a repetition of the job before it.

        Args:
            job: The job; its tasks may be a part of them.
            first_task: The number of the first of `job.tasks`; earlier ones were written before.
        """
        with self._database.write("save a job") as connection:
            row = _job_row(job)
            known = self._job.c.job_id == job.job_id
            # As parameters, and not with values(), which makes an expression of each of twenty of them.
            if not connection.execute(self._job.update().where(known), row).rowcount:
                connection.execute(self._job.insert(), row)
            # Tasks are only ever added, so the last number shows which are new.
            last = connection.scalar(
                sa.select(sa.func.max(self._task.c.task_number)).where(self._task.c.job_id == job.job_id)
            )
            rows = [
                _task_row(job.job_id, number, task)
                for number, task in enumerate(job.tasks, start=first_task)
                if last is None or number > last
            ]
            if rows:
                connection.execute(self._task.insert(), rows)
            if job.end is not None:
                self._write_end(connection, job, job.end)

    def _write_end(self, connection: sa.Connection, job: JobSummary, end: JobEnd) -> None:
        columns = self._repeat.c
        key = _hash(end.identity)
        before = connection.execute(
            sa.select(self._repeat)
            .where(columns.key_hash == key, columns.job_id != job.job_id)
            .order_by(columns.started_at.desc())
            .limit(1)
        ).one_or_none()
        row = _job_row(job)
        last = json_text({name: row[name] for name in _OF_EACH_RUN})
        if before is not None and (end.is_quiet or before.digest == end.digest):
            self._remove_jobs(connection, [job.job_id])
            if json_value(before.last)["job_id"] == job.job_id:
                return  # an earlier attempt did this
            values = {
                "digest": end.digest,
                "runs": before.runs + 1,
                "first_started_at": before.first_started_at if before.runs else row["started_at"],
                "last_started_at": row["started_at"],
                "last": last,
            }
            connection.execute(self._repeat.update().where(columns.job_id == before.job_id), values)
            return
        started = dict.fromkeys(("started_at", "first_started_at", "last_started_at"), row["started_at"])
        values = {"key_hash": key, "digest": end.digest, "runs": 0, **started, "last": last}
        if not connection.execute(self._repeat.update().where(columns.job_id == job.job_id), values).rowcount:
            connection.execute(self._repeat.insert(), {"job_id": job.job_id, **values})

    def _remove_jobs(self, connection: sa.Connection, job_ids: Sequence[str]) -> None:
        for table in (self._task, self._job):
            connection.execute(table.delete().where(self._dialect.any_of(table.c.job_id, job_ids)))

    @retried
    def load(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""
        with self._database.read("read jobs") as connection:
            return self._load(connection, limit=limit, with_tasks=with_tasks)

    def _load(
        self,
        connection: sa.Connection,
        own: Sequence[sa.ColumnElement[bool]] = (),
        counted: Sequence[sa.ColumnElement[bool]] = (),
        *,
        limit: int | None = None,
        with_tasks: bool,
    ) -> list[JobSummary]:
        """Return the jobs that fulfil `own`, and the repetitions that fulfil `counted`, newest first."""
        job, repeat = self._job.c, self._repeat.c
        rows: list[Mapping[str, Any]] = [
            *connection.execute(
                sa.select(self._job).where(*own).order_by(job.started_at.desc(), job.job_id.desc()).limit(limit)
            ).mappings()
        ]
        if self._has_repeats(connection):
            statement = (
                sa.select(self._job, repeat.runs, repeat.first_started_at, repeat.last)
                .join(self._repeat, repeat.job_id == job.job_id)
                .where(repeat.runs > 0, *counted)
                .order_by(repeat.last_started_at.desc(), job.job_id.desc())
                .limit(limit)
            )
            rows += [
                {**row, **json_value(row["last"]), "counted_with": row["job_id"]}
                for row in connection.execute(statement).mappings()
            ]
        rows = sorted(rows, key=lambda row: (row["started_at"], row["job_id"]), reverse=True)[:limit]
        tasks: dict[str, list[TaskSummary]] = {}
        for ids in chunks({_tasks_of(row) for row in rows}) if with_tasks else ():
            written = (
                self._with_warnings()
                .where(self._dialect.any_of(self._task.c.job_id, ids))
                .order_by(self._task.c.job_id, self._task.c.task_number)
            )
            for row in connection.execute(written).mappings():
                tasks.setdefault(row["job_id"], []).append(_task_from(row))
        return [_job_from(row, tasks.get(_tasks_of(row), ())) for row in rows]

    @retried
    def find_newest_runs(
        self, limit: int, before: tuple[dt.datetime, str] | None = None
    ) -> list[tuple[dt.datetime, str]]:
        """Return when the first job of each run began, and the run's id, newest first."""
        job, repeat = self._job.c, self._repeat.c
        began = sa.func.min(job.started_at)
        found: dict[str, str] = {}
        with self._database.read("read jobs") as connection:
            rows: list[Any] = [*connection.execute(sa.select(job.run_id, began).group_by(job.run_id))]
            if self._has_repeats(connection):
                counted = sa.select(self._last_run.label("run_id"), repeat.last_started_at).where(repeat.runs > 0)
                each = counted.subquery().c
                rows += connection.execute(
                    sa.select(each.run_id, sa.func.min(each.last_started_at)).group_by(each.run_id)
                )
        for run_id, at in rows:
            found[run_id] = min(at, found.get(run_id, at))
        runs = sorted(((at, run_id) for run_id, at in found.items()), reverse=True)
        if before is not None:
            end = (str(moment_to_text(before[0])), before[1])
            runs = [one for one in runs if one < end]
        return [(to_moment(at), run_id) for at, run_id in runs[:limit]]

    @retried
    def load_runs(self, run_ids: Collection[str], *, with_tasks: bool = False) -> list[JobSummary]:
        """Return the jobs of runs, newest first."""
        found: list[JobSummary] = []
        with self._database.read("read jobs") as connection:
            for ids in chunks(dict.fromkeys(run_ids)):
                own, counted = ([self._dialect.any_of(one, ids)] for one in (self._job.c.run_id, self._last_run))
                found += self._load(connection, own, counted, with_tasks=with_tasks)
        return found

    @property
    def _last_run(self) -> sa.ColumnElement[Any]:
        """The run of the last repetition of a job."""
        return self._dialect.attribute(self._repeat.c.last, "run_id")

    def _with_warnings(self) -> sa.Select[Any]:
        """Return the tasks, each with the warnings of its revision."""
        warning, task = self._warning.c, self._task.c
        if self._dialect.is_older_than(WITH_WARNINGS):
            return sa.select(self._task, sa.null().label("warnings"))
        its_own = (warning.dataset_id == task.dataset_id) & (warning.revision_id == task.revision_id)
        return sa.select(self._task, warning.warnings).outerjoin(self._warning, its_own)

    @retried
    def find_last_done(self) -> dict[tuple[str, str, str], dt.datetime]:
        """Return when a job last finished, by (source, provider, dataset type), also if single datasets failed."""
        job, repeat = self._job.c, self._repeat.c
        kind = (job.source, job.provider, job.dataset_type)
        is_done = sa.or_(
            job.state == RunState.FINISHED.value,
            # It was skipped because nothing had changed, and not because another run was at it.
            sa.and_(job.state == RunState.SKIPPED.value, job.counters.contains('"discovered"')),
        )
        own = sa.select(*kind, sa.func.max(job.ended_at)).where(is_done, job.ended_at.is_not(None)).group_by(*kind)
        counted = sa.select(*kind, repeat.last).join(self._repeat, repeat.job_id == job.job_id).where(repeat.runs > 0)
        with self._database.read("read jobs") as connection:
            ended: list[tuple[str, str, str, str]] = [tuple(row) for row in connection.execute(own)]
            if self._has_repeats(connection):
                for *labels, text in connection.execute(counted):
                    last = json_value(text)
                    discovered = json_value(last["counters"]).get("discovered")
                    if last["state"] == RunState.FINISHED or (last["state"] == RunState.SKIPPED and discovered):
                        ended.append((*labels, last["ended_at"]))
        newest: dict[tuple[str, str, str], str] = {}
        for source, provider, dataset_type, at in ended:
            key = (source, provider, dataset_type)
            newest[key] = max(at, newest.get(key, at))
        return {key: to_moment(at) for key, at in newest.items()}

    def _has_repeats(self, connection: sa.Connection) -> bool:
        # A read-only archive may be older than this table.
        return not self._database.is_read_only or connection.dialect.has_table(connection, self._repeat.name)

    @retried
    def abort_dead(self, goes_on: Callable[[str, ProcessIdentity], bool]) -> int:
        """Mark RUNNING jobs of dead processes ABORTED. Returns how many.

        They end at their last sign of life.
        """
        columns = self._job.c
        running = columns.state == RunState.RUNNING.value
        with self._database.read("read jobs") as connection:
            rows = connection.execute(
                sa.select(
                    *columns["job_id", "run_id", "host", "pid", "process_started", "updated_at", "counters"]
                ).where(running)
            ).all()
        # Called outside of a transaction: it reads locks, or the system's processes.
        runs = {(row.run_id, ProcessIdentity(row.host, row.pid, row.process_started)) for row in rows}
        ended = {(run_id, process.pid) for run_id, process in runs if not goes_on(run_id, process)}
        dead = [row for row in rows if (row.run_id, row.pid) in ended]
        if not dead:
            return 0
        aborted = 0
        self._selector_syncs.forget_listings()  # they may have added datasets
        self._selector_syncs.forget_hints()  # or removed files
        with self._database.write("abort the jobs of dead processes") as connection:
            for row in dead:
                # Only if the row is unchanged: a job that gave a sign of life since then is not dead.
                unchanged = (columns.job_id == row.job_id) & running & (columns.updated_at == row.updated_at)
                aborted += connection.execute(
                    self._job.update()
                    .where(unchanged)
                    .values(
                        state=RunState.ABORTED.value,
                        ended_at=row.updated_at,
                        counters=self._recount(connection, row),
                        error=f"Its run ended without a report (process {row.pid} on {row.host}).",
                    )
                ).rowcount
        return aborted

    def _recount(self, connection: sa.Connection, row: Any) -> str:
        """Return the counters of a dead job, corrected by its commits: it wrote them only every few seconds.

        Each revision names its job. There is no index on that, because jobs die rarely.
        """
        revision = self._revision.c
        theirs = revision.source.contains(f'"job_id":{json_text(row.job_id)}', autoescape=True)
        new, all_of_them = connection.execute(
            sa.select(sa.func.count(sa.case((revision.revision_id == 0, 1))), sa.func.count()).where(theirs)
        ).one()
        counters = json_value(row.counters)
        counters["new"] = max(counters.get("new", 0), new)
        counters["revised"] = max(counters.get("revised", 0), all_of_them - new)
        counters["discovered"] = max(counters.get("discovered", 0), all_of_them)
        return json_text(counters)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _job_row(job: JobSummary) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "source": job.source,
        "provider": job.provider,
        "dataset_type": job.dataset_type,
        "data_spec_versions": json_text(dict(job.data_spec_versions)),
        "selector": json_text(dict(job.selector)),
        "selector_name": job.selector_name,
        "state": job.state.value,
        "host": job.process.host,
        "pid": job.process.pid,
        "process_started": job.process.started,
        "started_at": moment_to_text(job.started_at),
        "updated_at": moment_to_text(job.updated_at),
        "ended_at": moment_to_text(job.ended_at),
        "counters": json_text({name: count for name, count in job.counters.as_dict().items() if count}),
        "timings": json_text(dict(job.timings)),
        "error": job.error,
    }


def _tasks_of(row: Mapping[str, Any]) -> str:
    """Return the job whose tasks a row shows: a repetition has the tasks of the first job, or none."""
    if "counted_with" not in row:
        return str(row["job_id"])
    counts = json_value(row["counters"])
    has_any = counts.get("failed") or counts.get("quarantined") or counts.get("left_out")
    return str(row["counted_with"]) if has_any else ""


def _job_from(row: Mapping[str, Any], tasks: Sequence[TaskSummary]) -> JobSummary:
    counters = json_value(row["counters"])
    return JobSummary(
        job_id=row["job_id"],
        run_id=row["run_id"],
        source=row["source"],
        provider=row["provider"],
        dataset_type=row["dataset_type"],
        data_spec_versions=json_value(row["data_spec_versions"]),
        selector=json_value(row["selector"]),
        selector_name=row["selector_name"],
        state=RunState(row["state"]),
        process=ProcessIdentity(row["host"], row["pid"], row["process_started"]),
        started_at=to_moment(row["started_at"]),
        updated_at=to_moment(row["updated_at"]),
        ended_at=moment_from_text(row["ended_at"]),
        counters=Counters(**{name: count for name, count in counters.items() if name in _COUNTER_NAMES}),
        timings=json_value(row["timings"]),
        error=row["error"],
        tasks=tuple(tasks),
        runs=row.get("runs", 1),
        first_started_at=moment_from_text(row.get("first_started_at")),
    )


def _task_row(job_id: str, number: int, task: TaskSummary) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "task_number": number,
        "identifier": task.identifier,
        "outcome": task.outcome.value,
        "state": task.state.value,
        "started_at": moment_to_text(task.started_at),
        "ended_at": moment_to_text(task.ended_at),
        "dataset_id": task.dataset_id,
        "name": task.name,
        "revision_id": task.revision_id,
        "error": task.error,
    }


def _task_from(row: sa.RowMapping) -> TaskSummary:
    return TaskSummary(
        identifier=row["identifier"],
        outcome=TaskOutcome(row["outcome"]),
        state=RunState(row["state"]),
        started_at=to_moment(row["started_at"]),
        ended_at=to_moment(row["ended_at"]),
        dataset_id=row["dataset_id"],
        name=row["name"],
        revision_id=row["revision_id"],
        error=row["error"],
        warnings=names_from_text(row["warnings"]),
    )
