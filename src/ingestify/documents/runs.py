"""The documents of runs: `run` and `plan`, a line for each thing that happens, and `status`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from typing import Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.domain.json_value import JsonValue
from ingestify.domain.plan import LeftOutPlan
from ingestify.domain.request_budget import BudgetState
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.engine.report.health import WatchedSelector
from ingestify.engine.report.left_alone import describe_left_alone
from ingestify.engine.report.report import PlannedDataset, one_line
from ingestify.store.dataset_store import DatasetStore

__all__ = [
    "BudgetDocument",
    "Counts",
    "JobDocument",
    "JobLine",
    "LeftOutLine",
    "LimitsDocument",
    "PlannedLine",
    "RefetchLine",
    "RunEndLine",
    "RunStatus",
    "StatusDocument",
    "StatusJob",
    "TaskDocument",
    "TaskLine",
    "WatchedDocument",
    "job_document",
    "job_line",
    "left_out_line",
    "limits_document",
    "planned_line",
    "refetch_line",
    "run_document",
    "run_end_line",
    "status_document",
    "task_document",
    "task_line",
]


class Counts(TypedDict):
    """The counts of a job or a run.

    Attributes:
        discovered: Datasets that the source announced.
        new: Datasets that came into the lake.
        revised: Datasets that got a revision.
        metadata: Datasets whose name, metadata or state changed, and no file.
        unchanged: Datasets that did not change.
        skipped: Datasets that the fetch policy did not want.
        failed: Datasets that failed.
        quarantined: Datasets whose bundle failed its checks, now or in an earlier run.
        missing: Datasets that the provider stopped listing, and that were marked MISSING.
        left_out: Datasets without an optional file, as the provider's file is broken.
        unlisted: Datasets that the provider stopped listing, too many at once to be marked MISSING.
        warned: Datasets that were published with warnings of checks.
        requests: HTTP requests, retries included.
        received_bytes: The bytes of the responses.
    """

    discovered: int
    new: int
    revised: int
    metadata: int
    unchanged: int
    skipped: int
    failed: int
    quarantined: int
    missing: int
    left_out: int
    unlisted: int
    warned: int
    requests: int
    received_bytes: int


class _JobHead(TypedDict):
    job_id: str
    run_id: str
    source: str
    provider: str
    dataset_type: str
    selector: Mapping[str, JsonValue]
    selector_name: str
    state: RunState
    started_at: dt.datetime
    ended_at: dt.datetime | None


class JobDocument(_JobHead, Counts):
    """A job: one selector of one plan in one run.

    Attributes:
        timings: Seconds by phase: `discovery`, `total`.
        error: Why it FAILED, was SKIPPED or ABORTED.
        runs: How many runs in a row had this result; it stands for all of them.
        first_started_at: When the first of these runs began.
    """

    timings: Mapping[str, float]
    error: str | None
    runs: int
    first_started_at: dt.datetime | None


class JobLine(JobDocument):
    """A job began, or ended."""

    event: Literal["job_started", "job_ended"]


class TaskDocument(TypedDict):
    """What became of one dataset in a run.

    Attributes:
        identifier: The identifier as text.
        dataset_id: null: it never came into the lake.
        error: Why it failed or is in quarantine, or which file is left out.
        warnings: What checks that do not reject found in the revision that it got, a sentence each.
    """

    outcome: TaskOutcome
    identifier: str
    name: str
    dataset_id: str | None
    revision_id: int | None
    seconds: float
    error: str | None
    warnings: Sequence[str]


class _TaskHead(TypedDict):
    event: Literal["dataset"]
    source: str
    dataset_type: str


class TaskLine(_TaskHead, TaskDocument):
    """A dataset changed, failed, or is in quarantine."""


class PlannedLine(TypedDict):
    """What a run would do with a dataset.

    Attributes:
        action: `fetch`, `refetch`, `metadata`, `unchanged`, `skip`, `quarantined` or `failed`.
        identifier: The identifier as text.
        reasons: Why.
        files: The ids of the announced files.
    """

    event: Literal["planned"]
    action: str
    source: str
    provider: str
    dataset_type: str
    identifier: str
    name: str
    reasons: Sequence[str]
    files: Sequence[str]


class RefetchLine(TypedDict):
    """How many datasets of the lake the run fetches in full."""

    event: Literal["refetch"]
    datasets: int


class LeftOutLine(TypedDict):
    """A plan of the configuration that is not enabled."""

    event: Literal["left_out"]
    source: str
    dataset_type: str
    reason: str


class _RunHead(TypedDict):
    event: Literal["run_ended"]
    run_id: str
    state: RunState
    exit_code: int
    seconds: float


class RunEndLine(_RunHead, Counts):
    """The last line of a run.

    Attributes:
        not_begun: The jobs that had not begun when the run was stopped.
        not_listed: Which filters no source lists; empty: there are none, or that is unknown.
        created_lake: Where the run created the lake; null: it existed.
        left_alone: Which hosts were not asked any more, a sentence each.
        error: What stopped the run, or the first error of a discovery.
    """

    not_begun: Sequence[str]
    not_listed: str
    created_lake: str | None
    left_alone: Sequence[str]
    error: str | None


class StatusJob(JobDocument):
    """A job in the status of a lake.

    Attributes:
        process_is_gone: Whether it is RUNNING and its process is gone; the next run marks it ABORTED.
        tasks: The datasets that changed, failed, are in quarantine or lack a broken file.
    """

    process_is_gone: bool
    tasks: Sequence[TaskDocument]


class RunStatus(TypedDict):
    """A run with its jobs."""

    run_id: str
    jobs: Sequence[StatusJob]


class WatchedDocument(TypedDict):
    """A selector that exceeds a limit.

    Attributes:
        selector_name: null: no job of the plan is known.
        last_done_at: When a job of it last finished; null: unknown.
        failed: How many datasets failed in its last job.
    """

    source: str
    dataset_type: str
    selector_name: str | None
    last_done_at: dt.datetime | None
    failed: int


class LimitsDocument(TypedDict):
    """What exceeds the limits of `status`; null: the limit is not given.

    Attributes:
        quarantined: Source to how many bundles wait.
        silent_since: The last sign of life of `ingestify watch`, if that is too old.
    """

    ok: bool
    exit_code: int
    stale: Sequence[WatchedDocument] | None
    failed: Sequence[WatchedDocument] | None
    quarantined: Mapping[str, int] | None
    silent_since: dt.datetime | None


class _StatusHead(TypedDict):
    bucket: str
    lake_id: str | None
    epoch: int | None
    datasets: int
    revisions: int
    files: int
    size_bytes: int
    storage_bytes: int
    waiting_in_quarantine: int
    with_warnings: int


class _StatusLimits(TypedDict, total=False):
    limits: LimitsDocument


class BudgetDocument(TypedDict):
    """What is left of the requests of a source that has a budget; null: there is no such limit.

    Attributes:
        goes_on_at: From when on there are requests again; null: there are some now.
    """

    source: str
    requests_per_minute: int | None
    left_of_minute: int | None
    requests_per_day: int | None
    left_of_day: int | None
    goes_on_at: dt.datetime | None


class StatusDocument(_StatusHead, _StatusLimits):
    """The status of a lake.

    Attributes:
        budgets: Of the sources of the configuration.
        lake_id: null: nobody has written to the lake yet.
        size_bytes: The size of the providers' files, which take `storage_bytes` in the storage.
        with_warnings: Datasets in whose current files checks that do not reject found something.
        limits: Only if a limit is given.
        runs: The last runs, newest first.
    """

    budgets: Sequence[BudgetDocument]
    runs: Sequence[RunStatus]


def task_document(task: TaskSummary) -> TaskDocument:
    """Return what became of one dataset in a run."""
    return filled(TaskDocument, task, **_of_task(task))


def _of_task(task: TaskSummary) -> dict[str, object]:
    seconds = round((task.ended_at - task.started_at) / dt.timedelta(seconds=1), 3)
    return {"seconds": seconds, "error": task.error or None}


def task_line(job: JobSummary, task: TaskSummary) -> TaskLine:
    """Return what became of one dataset, while its run goes on."""
    more = {"event": "dataset", "source": job.source, "dataset_type": job.dataset_type}
    return filled(TaskLine, task, **more, **_of_task(task))


def job_document(job: JobSummary) -> JobDocument:
    """Return a job without its tasks."""
    return filled(JobDocument, job, **_of_job(job))


def _of_job(job: JobSummary) -> dict[str, object]:
    return {**job.counters.as_dict(), "error": job.error or None}


def job_line(event: Literal["job_started", "job_ended"], job: JobSummary) -> JobLine:
    """Return a job that began or ended."""
    return filled(JobLine, job, event=event, **_of_job(job))


def planned_line(dataset: PlannedDataset) -> PlannedLine:
    """Return what a run would do with a dataset."""
    return filled(PlannedLine, dataset, event="planned")


def refetch_line(count: int) -> RefetchLine:
    """Return how many datasets of the lake a run fetches in full."""
    return {"event": "refetch", "datasets": count}


def left_out_line(plan: LeftOutPlan) -> LeftOutLine:
    """Return a plan that is not enabled."""
    return {
        "event": "left_out",
        "source": plan.source_name,
        "dataset_type": plan.dataset_type,
        "reason": plan.why,
    }


def run_end_line(report: RunReport, exit_code: int) -> RunEndLine:
    """Return the end of a run, with the exit code of its command."""
    return filled(
        RunEndLine,
        report,
        event="run_ended",
        exit_code=exit_code,
        seconds=round(report.duration_seconds, 3),
        **report.totals.as_dict(),
        created_lake=report.created_lake or None,
        left_alone=[describe_left_alone(reason, *counts) for reason, counts in report.left_alone.items()],
        error=None if report.error is None else one_line(report.error),
    )


def limits_document(
    stale: Sequence[WatchedSelector] | None,
    failed: Sequence[WatchedSelector] | None,
    quarantined: Mapping[str, int] | None,
    silent_since: dt.datetime | None,
    exit_code: int,
) -> LimitsDocument:
    """Return what exceeds the limits.

    Args:
        stale: The selectors that no run has completed for too long; None: there is no such limit.
        failed: Those with datasets that failed, if these are too many; None: likewise.
        quarantined: Source to how many bundles wait, if these are too many; None: likewise.
        silent_since: The last sign of life of a watch, if that is too old; None: it is not.
        exit_code: The exit code of the command.
    """
    return {
        "ok": not (stale or failed or quarantined or silent_since),
        "exit_code": exit_code,
        "stale": _watched(stale),
        "failed": _watched(failed),
        "quarantined": quarantined,
        "silent_since": silent_since,
    }


def _watched(selectors: Sequence[WatchedSelector] | None) -> list[WatchedDocument] | None:
    if selectors is None:
        return None
    return [filled(WatchedDocument, one, selector_name=one.name or None) for one in selectors]


def status_document(
    store: DatasetStore,
    runs: Mapping[str, Sequence[JobSummary]],
    gone: Set[str],
    budgets: Sequence[BudgetState] = (),
    limits: LimitsDocument | None = None,
) -> StatusDocument:
    """Return the status of a lake.

    Args:
        store: The lake.
        runs: The id of each run to its jobs with their tasks, newest first.
        gone: The runs whose process is gone.
        budgets: What is left of the budgets of requests.
        limits: What exceeds the limits; None: no limit is given.
    """
    lake = store.catalogue.lake.find()
    return filled(
        StatusDocument,
        store,
        lake_id=None if lake is None else lake.lake_id or None,
        epoch=None if lake is None else lake.epoch or None,
        **store.overview.totals(),
        waiting_in_quarantine=len(store.quarantine),
        with_warnings=store.count_warned(),
        **({} if limits is None else {"limits": limits}),
        budgets=[_budget_document(budget) for budget in budgets],
        runs=[run_document(run_id, jobs, gone) for run_id, jobs in runs.items()],
    )


def _budget_document(budget: BudgetState) -> BudgetDocument:
    return {
        "source": budget.source,
        "requests_per_minute": budget.limits.per_minute,
        "left_of_minute": budget.left.per_minute,
        "requests_per_day": budget.limits.per_day,
        "left_of_day": budget.left.per_day,
        "goes_on_at": budget.goes_on_at,
    }


def run_document(run_id: str, jobs: Sequence[JobSummary], gone: Set[str]) -> RunStatus:
    """Return a run with its jobs; `gone` are the runs whose process is gone."""
    return {"run_id": run_id, "jobs": [_status_job(job, gone) for job in jobs]}


def _status_job(job: JobSummary, gone: Set[str]) -> StatusJob:
    is_gone = job.state is RunState.RUNNING and job.run_id in gone
    tasks = [task_document(task) for task in job.tasks]
    return filled(StatusJob, job, **_of_job(job), process_is_gone=is_gone, tasks=tasks)
