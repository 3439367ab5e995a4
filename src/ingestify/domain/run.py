"""The results of a run: jobs, tasks, counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingestify.domain.html_table import html_table
from ingestify.domain.text import storable
from ingestify.domain.wording import in_short
from ingestify.errors import DeadlineReached, FatalError, StopProcessing
from ingestify.masking import mask_text

if TYPE_CHECKING:
    from ingestify.pictures.picture import Picture
    from ingestify.pictures.run_history import JobBar

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_SOME_FAILED",
    "FINDING_SELECTORS",
    "Counters",
    "JobEnd",
    "JobHolder",
    "JobSummary",
    "Lease",
    "ProcessIdentity",
    "RunReport",
    "RunState",
    "TaskOutcome",
    "TaskSummary",
    "look_of_jobs",
    "state_of_jobs",
]


EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130


class RunState(enum.StrEnum):
    """The state of a run, a job or a task."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    ABORTED = "ABORTED"


class TaskOutcome(enum.StrEnum):
    """The result of one dataset in one run."""

    NEW = "new"
    REVISED = "revised"
    METADATA = "metadata"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """Counts of a job or of a run.

    Attributes:
        discovered: Datasets that the source announced and that pass the filters.
        new: Datasets that came into the lake.
        revised: Datasets that got a revision.
        metadata: Datasets whose name, metadata or state changed, and no file.
        unchanged: Datasets that did not change, with or without a request.
        skipped: Datasets that are not in the lake and that the fetch policy did not want.
        failed: Datasets that failed.
        quarantined: Datasets whose bundle at the provider failed its checks, now or in an earlier run.
        missing: Datasets that the provider stopped listing, and that were marked MISSING.
        left_out: Datasets without an optional file, as the provider's file is broken; each is also counted as new,
            revised, unchanged, ….
        unlisted: Datasets that the provider stopped listing, so many at once that none was marked MISSING. The next run
            marks them if it finds the same, or a person accepts it.
        warned: Datasets that were published with warnings of checks; each is also counted as new or revised.
        requests: HTTP requests, retries included.
        received_bytes: The bytes of the response bodies on the wire.
    """

    discovered: int = 0
    new: int = 0
    revised: int = 0
    metadata: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    quarantined: int = 0
    missing: int = 0
    left_out: int = 0
    unlisted: int = 0
    warned: int = 0
    requests: int = 0
    received_bytes: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(**{name: getattr(self, name) + getattr(other, name) for name in COUNTER_NAMES})

    @property
    def ended(self) -> int:
        """How many datasets were processed, with any result."""
        return sum(getattr(self, name) for name in _ENDS)

    @property
    def only_failed(self) -> bool:
        """Whether datasets failed, and all of them did."""
        return 0 < self.failed == self.ended

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in COUNTER_NAMES}

    @property
    def text(self) -> str:
        """The counts that are not 0, and `discovered`, for people."""
        return ", ".join(f"{name}={count}" for name, count in self.as_dict().items() if count or name == "discovered")


COUNTER_NAMES = tuple(field.name for field in dataclasses.fields(Counters))

_ENDS = ("new", "revised", "metadata", "unchanged", "skipped", "failed", "quarantined")


FINDING_SELECTORS = "(finding selectors)"
"""The name of a job that only reports an error from before there were jobs."""

_MOST_CHARACTERS = 1000
"""Of a name or an identifier in a summary."""

_MOST_OF_AN_ERROR = 10_000

_MOST_OF_A_REASON = 200


_SHOWN_STATES = {
    RunState.FINISHED: "finished",
    RunState.FAILED: "failed",
    RunState.ABORTED: "stopped",
    RunState.RUNNING: "running",
    RunState.SKIPPED: "skipped",
}


@dataclasses.dataclass(frozen=True, slots=True)
class TaskSummary:
    """The result of one dataset; kept if it changed, failed, is in quarantine, or lacks a broken file.

    All texts can be stored and shown: characters that no database stores are replaced, long texts are cut.

    Attributes:
        identifier: The dataset's identifier as text.
        dataset_id: None if it never came into the lake.
        error: Why it failed or is in quarantine; if it is FINISHED, which file is left out and why. One line, with
            secrets masked.
        warnings: What checks that do not reject found in the revision that it got, a sentence each.
    """

    identifier: str
    outcome: TaskOutcome
    state: RunState
    started_at: dt.datetime
    ended_at: dt.datetime
    dataset_id: str | None = None
    name: str = ""
    revision_id: int | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for attribute, most in (
            ("identifier", _MOST_CHARACTERS),
            ("name", _MOST_CHARACTERS),
            ("error", _MOST_OF_AN_ERROR),
        ):
            object.__setattr__(self, attribute, storable(getattr(self, attribute), most))

    @property
    def is_left_out(self) -> bool:
        """Whether the dataset is in the lake without an optional file that is broken at the provider."""
        return self.state is RunState.FINISHED and bool(self.error)


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """The process that runs a job, to find out whether it is still alive.

    Attributes:
        host: The machine's name.
        pid: The process id.
        started: A text that differs between two processes with the same pid, if the system provides one.
    """

    host: str
    pid: int
    started: str


@dataclasses.dataclass(frozen=True, slots=True)
class JobHolder:
    """The process that holds a job, for another one that finds it locked.

    Attributes:
        since: When it took the job's lock, in UTC.
    """

    process: ProcessIdentity
    since: dt.datetime

    def __str__(self) -> str:
        return f"process {self.process.pid} on host {self.process.host} since {self.since:%Y-%m-%d %H:%M} UTC"


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """A lease: a process writes to the lake, or removes objects from it.

    Attributes:
        lease_id: A UUID, as text; a run's lease has the run's id.
        what: What the holder does, such as `run`, `copy` or `gc`.
        holder: The process; None: unknown, as the lease has just begun or ended.
    """

    lease_id: str
    what: str
    holder: JobHolder | None

    def __str__(self) -> str:
        return self.what if self.holder is None else f"{self.what}: {self.holder}"


@dataclasses.dataclass(frozen=True, slots=True)
class JobSummary:
    """One job: stored when it starts, and updated while it runs.

    Attributes:
        job_id: A UUID, as text; `run_id` is the same for all jobs of one run.
        timings: Seconds by phase: `discovery`, `total`.
        error: Why it FAILED, was SKIPPED or ABORTED, or which listing it did not trust, for people.
        updated_at: When the row was last written; a running job writes it every few seconds.
        tasks: Those that changed, failed, are in quarantine or lack a broken file. The report of a run has only those
            with an error or with warnings: a first run adds a hundred thousand others, which
            `load_ingestion_job_summaries` reads.
        left_to_another: Whether it was SKIPPED because another run is at the same; only in the report of a run.
        left_alone: Why some of it was not requested, if a host is left alone; only in the report of a run.
        not_asked: How many datasets that concerns, none of which is known to have failed; likewise.
        goes_on_at: If that is because the budget of the source is used up: from when on it has requests again, in UTC;
            likewise.
        runs: How many runs in a row it stands for, itself included: the runs before it had the same result, and have no
            summary any more. `first_started_at` is when the first of them began.
        end: Its result, stored with it when the job has ended; never read again.
    """

    job_id: str
    run_id: str
    source: str
    provider: str
    dataset_type: str
    data_spec_versions: Mapping[str, Any]
    selector: Mapping[str, Any]
    selector_name: str
    state: RunState
    process: ProcessIdentity
    started_at: dt.datetime
    updated_at: dt.datetime
    ended_at: dt.datetime | None = None
    counters: Counters = Counters()
    timings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    error: str = ""
    tasks: Sequence[TaskSummary] = ()
    left_to_another: bool = False
    left_alone: str = ""
    not_asked: int = 0
    goes_on_at: dt.datetime | None = None
    runs: int = 1
    first_started_at: dt.datetime | None = None
    end: JobEnd | None = None

    @property
    def ingestion_job_summary_id(self) -> str:
        """Another name of `job_id`, as `ingestion_job_id` is; `source_name` is one of `source`."""
        return self.job_id

    ingestion_job_id = ingestion_job_summary_id

    @property
    def source_name(self) -> str:
        """Another name of `source`."""
        return self.source

    @property
    def task_summaries(self) -> Sequence[TaskSummary]:
        """Another name of `tasks`."""
        return self.tasks

    @property
    def total_tasks(self) -> int:
        """How many datasets were processed, with any result."""
        return self.counters.ended

    @property
    def successful_tasks(self) -> int:
        """How many datasets came into the lake or changed."""
        return self.counters.new + self.counters.revised + self.counters.metadata

    @property
    def failed_tasks(self) -> int:
        """How many datasets failed, or are in quarantine."""
        return self.counters.failed + self.counters.quarantined

    @property
    def skipped_tasks(self) -> int:
        """How many datasets did not change, or were not wanted by the fetch policy."""
        return self.counters.unchanged + self.counters.skipped

    @property
    def duration(self) -> dt.timedelta:
        """From its start to its end; of a running job, to its last update."""
        return (self.ended_at or self.updated_at) - self.started_at

    @property
    def bar(self) -> JobBar:
        """The job as a bar of a picture of runs."""
        from ingestify.pictures.run_history import JobBar

        return JobBar(
            self.run_id,
            self._what,
            self.started_at,
            max(0.0, self.duration.total_seconds()),
            look_of_jobs([self]),
            self._result,
            self.job_id,
        )

    @property
    def _what(self) -> str:
        return ", ".join(filter(None, (self.source, self.dataset_type, self.selector_name)))

    @property
    def _result(self) -> str:
        return self.counters.text + (f"; {mask_text(self.error)}" if self.error else "")

    def __repr__(self) -> str:
        return f"JobSummary({self._what}, {self.state.value}: {self._result})"


def state_of_jobs(jobs: Iterable[JobSummary]) -> RunState:
    """Return the state of a run by those of its jobs: RUNNING if a job is, otherwise the worst of them."""
    states = {job.state for job in jobs}
    order = (RunState.RUNNING, RunState.FAILED, RunState.ABORTED, RunState.FINISHED)
    return next((state for state in order if state in states), RunState.SKIPPED)


def look_of_jobs(jobs: Collection[JobSummary]) -> str:
    """Return the state of a run, or of one job, as pictures and pages show it."""
    state = state_of_jobs(jobs)
    has_problems = state is RunState.FINISHED and any(job.failed_tasks or job.counters.left_out for job in jobs)
    return "with problems" if has_problems else _SHOWN_STATES[state]


@dataclasses.dataclass(frozen=True, slots=True)
class JobEnd:
    """The result of a job, which decides whether the job needs a summary of its own.

    Attributes:
        identity: What was ingested (`Job.identity`).
        digest: Equal for two jobs that changed nothing and had the same result; unique for a job with a change.
        is_quiet: Whether nothing changed, and there is nothing to report.
    """

    identity: str
    digest: str
    is_quiet: bool

    @classmethod
    def of(cls, job: JobSummary, identity: str) -> JobEnd:
        """Return the result of a job, whose `tasks` are all of its tasks with an error."""
        counts = job.counters
        has_changed = counts.new or counts.revised or counts.metadata or counts.missing
        # The requests, and the other run that holds the job, differ each time.
        counted = {**counts.as_dict(), "requests": 0, "received_bytes": 0}
        error = "" if job.left_to_another else job.error
        tasks = sorted((task.identifier, task.outcome, task.error) for task in job.tasks)
        came_to = job.job_id if has_changed else [job.state, counted, error, tasks]
        digest = hashlib.sha256(json.dumps(came_to).encode()).hexdigest()
        # A job that another run holds has no result of its own.
        kind = " (left to another run)" if job.left_to_another else ""
        is_done = job.state is RunState.FINISHED or (job.state is RunState.SKIPPED and not job.left_to_another)
        is_bad = counts.failed or counts.quarantined or counts.left_out or counts.unlisted or job.left_alone
        has_news = has_changed or is_bad or tasks or (job.error and job.state is RunState.FINISHED)
        return cls(identity + kind, digest, is_quiet=is_done and not has_news)


@dataclasses.dataclass(frozen=True, slots=True)
class RunReport:
    """The report of a run.

    Attributes:
        state: FINISHED; FAILED if a job failed or a source raised FatalError; ABORTED if it was stopped.
        jobs: In the order of the plans, and of the selectors of each.
        error: The exception that stopped it, or that the discovery of the first failed job raised; None.
        dry_run: Whether it was a dry run; then the counts are what a run would do.
        totals: Over all jobs, with the requests that planning made.
        duration_seconds: From the call to the end.
        not_begun: The jobs that had not begun when the run was stopped: `statsbomb: competition_id=11`.
        not_listed: A sentence that names the filters that no source lists; empty: there are none, or that is unknown.
        created_lake: Where the run created the lake; empty: the lake existed.
    """

    run_id: str
    state: RunState
    jobs: Sequence[JobSummary]
    totals: Counters
    duration_seconds: float
    dry_run: bool = False
    error: BaseException | None = None
    not_begun: Sequence[str] = ()
    not_listed: str = ""
    created_lake: str = ""

    def __repr__(self) -> str:
        # A notebook shows it after `engine.load()`: one line, and not each job with all its counters.
        return f"RunReport({self._done}{self._problems()})"

    @property
    def _done(self) -> str:
        dry_run = ", dry_run" if self.dry_run else ""
        error = ""
        if self.error is not None:
            message = mask_text(str(self.error))
            error = f"; {type(self.error).__name__}{f': {message}' if message else ''}"
        created = f"; created the lake in {self.created_lake}" if self.created_lake else ""
        return f"{self.state.value}{dry_run}: {self.totals.text}; {self.duration_seconds:.1f} s{created}{error}"

    def _problems(self) -> str:
        """The first problem of each kind, with its reason."""
        said = ""
        for kind, tasks in (
            ("failed", self.failed_tasks),
            ("in quarantine", self.quarantined_tasks),
            ("broken file", self.left_out_tasks),
            ("with warnings", self.warned_tasks),
        ):
            if tasks:
                why = tasks[0].error or "; ".join(tasks[0].warnings)
                reason = textwrap.shorten(mask_text(why), _MOST_OF_A_REASON, placeholder=" …")
                more = f" (and {len(tasks) - 1:,} more)" if len(tasks) > 1 else ""
                said += f"; {kind}: {in_short(tasks[0].name or tasks[0].identifier)}: {reason}{more}"
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in said)

    def _repr_html_(self) -> str:
        counted = [name for name in COUNTER_NAMES if getattr(self.totals, name)]
        # Jobs with problems come first.
        jobs = sorted(self.jobs, key=lambda job: (not job.error, not any(task.error for task in job.tasks)))
        table = html_table(
            f"RunReport({self._done})",
            ("source", "dataset type", "selector", "state", *counted, "what went wrong"),
            (
                (
                    job.source,
                    job.dataset_type,
                    job.selector_name,
                    job.state.value,
                    *(f"{getattr(job.counters, name):,}" for name in counted),
                    job.error,
                )
                for job in jobs
            ),
            len(jobs),
        )
        table += self._warnings_table()
        if self.jobs:
            from ingestify.pictures.picture import shown_in_notebook

            table = shown_in_notebook(self.plot) + table
        tasks = [task for job in jobs for task in job.tasks if task.error]
        if not tasks:
            return table
        rows = ((task.identifier, task.name, task.outcome.value, task.error) for task in tasks)
        return table + html_table("What went wrong", ("dataset", "name", "outcome", "why"), rows, len(tasks))

    def plot(self) -> Picture:
        """Return a picture of the run: a bar for each of its jobs, as wide as it was long."""
        from ingestify.pictures.run_history import run_history  # only who looks at it needs it

        return run_history([job.bar for job in self.jobs])

    def _warnings_table(self) -> str:
        tasks = self.warned_tasks
        if not tasks:
            return ""
        rows = ((task.identifier, task.name, "; ".join(task.warnings)) for task in tasks)
        return html_table("Published with warnings", ("dataset", "name", "warnings"), rows, len(tasks))

    @property
    def has_failures(self) -> bool:
        """Whether a dataset failed, is in quarantine, lacks a broken file, or was not looked at for its host's sake."""
        totals = self.totals
        return bool(totals.failed or totals.quarantined or totals.left_out or self.left_alone)

    @property
    def has_problems(self) -> bool:
        """Whether a dataset failed, is in quarantine, lacks a broken file, is suddenly unlisted, or was not asked for.

        The run as a whole may have failed without that: see `state` and `error`.
        """
        return self.has_failures or bool(self.totals.unlisted)

    @property
    def exit_code(self) -> int:
        """The exit code of `ingestify run`, by the most serious problem.

        An error that stopped the run comes first, then a selector that failed as a whole, then single datasets. A
        dataset has a problem if it failed, is in quarantine, lacks a broken file, is suddenly not listed any more, or
        was not looked at as its host is left alone.
        """
        if isinstance(self.error, KeyboardInterrupt):
            return EXIT_INTERRUPTED
        if self.state is RunState.FAILED:
            return FatalError.exit_code
        if isinstance(self.error, DeadlineReached):
            any_failed = any(job.state is RunState.FAILED for job in self.jobs)
            return FatalError.exit_code if any_failed else DeadlineReached.exit_code
        if isinstance(self.error, StopProcessing):
            return StopProcessing.exit_code
        if self.error is not None:
            return FatalError.exit_code
        return EXIT_SOME_FAILED if self.has_problems else EXIT_OK

    @property
    def failed_tasks(self) -> list[TaskSummary]:
        """The failed tasks of all jobs."""
        return self._tasks_that(TaskOutcome.FAILED)

    @property
    def quarantined_tasks(self) -> list[TaskSummary]:
        """The datasets of all jobs whose bundle is in quarantine."""
        return self._tasks_that(TaskOutcome.QUARANTINED)

    @property
    def left_out_tasks(self) -> list[TaskSummary]:
        """The datasets of all jobs of which a broken optional file is left out."""
        return [task for job in self.jobs for task in job.tasks if task.is_left_out]

    @property
    def warned_tasks(self) -> list[TaskSummary]:
        """The datasets of all jobs that were published with warnings; see `TaskSummary.warnings`."""
        return [task for job in self.jobs for task in job.tasks if task.warnings]

    @property
    def jobs_left_to_others(self) -> list[JobSummary]:
        """The jobs that were SKIPPED because another run holds them."""
        return [job for job in self.jobs if job.left_to_another]

    @property
    def jobs_without_success(self) -> list[JobSummary]:
        """The jobs that are FAILED as all of their datasets failed."""
        return [job for job in self.jobs if job.state is RunState.FAILED and job.counters.only_failed]

    @property
    def jobs_not_discovered(self) -> list[JobSummary]:
        """The jobs that are FAILED as their discovery raised an error."""
        return [
            job
            for job in self.jobs
            if job.state is RunState.FAILED and not job.left_alone and "discovery" not in job.timings
        ]

    @property
    def left_alone(self) -> dict[str, tuple[int, int]]:
        """The reason why a host is left alone, to how many datasets and selectors were skipped for it."""
        found: dict[str, tuple[int, int]] = {}
        for job in self.jobs:
            if job.left_alone:
                datasets, selectors = found.get(job.left_alone, (0, 0))
                is_cut = "discovery" not in job.timings
                found[job.left_alone] = (datasets + job.not_asked, selectors + is_cut)
        return found

    @property
    def goes_on_at(self) -> dict[str, dt.datetime]:
        """The sources whose budget of requests was used up, to the moment from when on they have some again, in UTC."""
        return {job.source: job.goes_on_at for job in self.jobs if job.goes_on_at is not None}

    def _tasks_that(self, outcome: TaskOutcome) -> list[TaskSummary]:
        return [task for job in self.jobs for task in job.tasks if task.outcome is outcome]
