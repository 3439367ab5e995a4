"""The jobs of a run: their summaries, and the rows in the catalogue that show them."""

from __future__ import annotations

import bisect
import contextlib
import functools
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from operator import attrgetter

from ingestify.clock import now
from ingestify.domain.plan import Job
from ingestify.domain.ports import NOT_OBSERVED, ObservedRun, Usage
from ingestify.domain.run import Counters, JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.engine.report.left_alone import describe_left_alone, find_left_alone, find_unreached
from ingestify.engine.report.report import GuardedListener, JobProgress, PlannedDataset, one_line
from ingestify.engine.run.job_locks import JobLocks
from ingestify.engine.run.missing_detection import MissingLimits
from ingestify.engine.run.options import RunOptions
from ingestify.engine.run.selector_memory import SelectorMemory
from ingestify.engine.workers import ReaderLeft, StopToken
from ingestify.errors import DeadlineReached, FatalError, LakeUnwritable, SourceError, StopProcessing, StoreError
from ingestify.failpoints import failpoint
from ingestify.masking import mask_text
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.leases import may_go_on
from ingestify.store.process import this_process

__all__ = ["RunJobs"]

logger = PrintableLogger(__name__)

_FAILED = "%s: %s: %s"
"""Source, selector and error: the command line tells what several selectors share by these."""

HEARTBEAT_SECONDS = 2.0


class RunJobs:
    """Keeps the summaries of one run's jobs. Safe to use from any thread.

    Args:
        store: The lake.
        stop: Stops the run.
        listener: Is told when jobs begin and end.
        options: How the run works.

    Attributes:
        created_lake: Where the lake was created for this run; empty: it existed.
        observed: The run, for who observes it.
    """

    def __init__(self, store: DatasetStore, stop: StopToken, listener: GuardedListener, options: RunOptions) -> None:
        self._options = options
        self._failures: list[tuple[BaseException, tuple[str, str, str]]] = []
        self.run_id = str(uuid.uuid4())
        self.planning_usage = Usage()
        self.created_lake = ""
        self.observed: ObservedRun = NOT_OBSERVED
        self._store = store
        self._stop = stop
        self._said = ""
        self._listener = listener
        self._process = this_process()
        self._locks = JobLocks(store, self._process, stop)
        self._lease = contextlib.ExitStack()
        self._memory = SelectorMemory(
            store,
            self._locks,
            limits_of=options.limits_of or (lambda _: MissingLimits()),
            accepts_missing=options.accepts_missing,
            level_of=self._level,
        )
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._progresses: list[JobProgress] = []
        self._not_begun: list[str] = []
        self._end_of_beats = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="ingestify-summaries", daemon=True)

    def open(self) -> None:
        """Mark the jobs of dead runs ABORTED, and begin to save the jobs of this run every few seconds.

        Raises:
            StoreError: The catalogue cannot be written, so that the run cannot begin.
        """
        if not self._options.dry_run:
            catalogue = self._store.catalogue
            dead = catalogue.jobs.abort_dead(functools.partial(may_go_on, catalogue.leases))
            if dead:
                what = "1 job of a run that died was" if dead == 1 else f"{dead} jobs of runs that died were"
                logger.warning("%s marked ABORTED; see %s.", what, remedy("status"))
            self._maintain()
            self._lease.enter_context(self._store.commits.writer_lease("run", self.run_id))
        self._beats.start()

    def close(self) -> None:
        """End the run: mark what is missing, remember the selectors, and leave no job RUNNING.

        If that could not be remembered, the rows of jobs that changed something go on saying RUNNING. So the next run
        finds them as those of a dead run, and forgets what contradicts the lake before it begins.
        """
        if self._options.dry_run:
            self._memory.preview(self._progresses)
        elif self._memory.conclude(self._progresses):
            for progress in self._progresses:
                if not progress.is_final and progress.state is not RunState.RUNNING:
                    progress.is_final = True
                    self._save(progress)
            failpoint("run.remembered")
        self._end_of_beats.set()
        self._beats.join()
        for progress in self._running():
            progress.note = _stop_text(self._stop.reason)
            progress.end(RunState.ABORTED)
            progress.is_final = True
            self._save(progress)
            progress.observed.end(progress.summary())
        self._locks.release_all()
        for progress in self._progresses:
            if not self._options.dry_run and not progress.is_written:
                self._save(progress)  # once more: the catalogue may be there again
        if not self._options.dry_run and not isinstance(self._stop.reason, LakeUnwritable):
            self._maintain()
        self._lease.close()

    def _maintain(self) -> None:
        """Let the database renew its statistics: with those of an empty table a query would take minutes."""
        try:
            self._store.catalogue.maintain()
        except StoreError as error:
            logger.debug("The database was not maintained: %s", one_line(error))

    def begin(self, job: Job, place: tuple[int, int]) -> JobProgress:
        """Begin the discovery of a job, and write its row.

        `place`: the number of its plan, and its own number among the jobs of that plan. The report shows jobs in this
        order, whichever thread was first.
        """
        progress = JobProgress(job, self.run_id, self._process, self._options.unreachable_hosts, place)
        with self._lock:
            bisect.insort(self._progresses, progress, key=attrgetter("place"))
        self._save(progress, stops=True)
        failpoint("job.begun")
        begun = progress.summary(with_tasks=False)
        progress.observed = self.observed.begin_job(begun)
        self._listener.tell("job_started", begun)
        return progress

    @property
    def progresses(self) -> list[JobProgress]:
        """The jobs that have begun, in the order of the plans."""
        with self._lock:
            return list(self._progresses)

    def leave_out(self, source: str, what: str) -> None:
        """Keep that the run was stopped before a job, or before the jobs of a plan were found."""
        with self._lock:
            self._not_begun.append(f"{source}: {what}")

    def enter(self, progress: JobProgress) -> bool:
        """Take the lock of a job. False: another run works on it, so that it is skipped, or this run has to stop.

        A discovery thread calls it. The provider is asked for nothing before this.
        """
        if not self._options.dry_run and not self._locks.take(progress):
            why = self._locks.describe_holder(progress)
            job = progress.job
            if not self._options.waits:
                logger.info("%s: %s is skipped: %s", job.source_name, job.selector.name, why)
                progress.note = why
                progress.left_to_another = True
                progress.state = RunState.SKIPPED
                return False
            logger.info("%s: %s waits for its turn: %s", job.source_name, job.selector.name, why)
            progress.note = f"waits for its turn: {why}"
            is_taken = self._locks.wait_and_take(progress)
            progress.note = ""
            if not is_taken:
                return False
        progress.began_after = self._store.catalogue.event_log.get_last_position()
        if not self._options.dry_run:
            progress.sync_before = self._memory.begin(progress.job)
            return True
        with contextlib.suppress(StoreError):  # an archive of an older version that may only be read does not know
            progress.sync_before = self._memory.find(progress.job)
        return True

    def release_job_locks(self) -> None:
        """Release the locks of all jobs: a reader holds this run up, and may be waiting for one of them."""
        self._locks.release_all()

    def fail(self, progress: JobProgress, error: Exception) -> None:
        """Keep the error that a job's discovery raised.

        StopProcessing and FatalError stop the run, and so does a lake that cannot be written any more. Any other error
        fails this job only.
        """
        if isinstance(error, (StopProcessing, FatalError)):
            progress.error = error
            self._stop.stop(error)
        elif (alone := find_left_alone(error)) is not None:
            progress.leave_alone(alone)
        elif isinstance(error, LakeUnwritable):
            self._stop.stop(error)
        elif not self._stop.is_set:  # a stop ends waits and requests, which then raise
            progress.error = error
            told = (progress.job.source_name, progress.job.selector.name, one_line(error))
            is_told_by_caller = progress.note_unreached(error)
            if self._options.is_told and not is_told_by_caller:
                with self._lock:
                    self._failures.append((error, told))
            level = logging.DEBUG if self._options.is_told or is_told_by_caller else logging.ERROR
            logger.log(level, _FAILED, *told)
            logger.debug("discovery failed", exc_info=error)

    def tell_failures(self, raised: BaseException | None) -> None:
        """Log, once, which discoveries failed, except for the error that will be raised. The caller's thread."""
        with self._lock:
            failures, self._failures = self._failures, []
        for error, told in failures:
            if error is not raised:
                logger.error(_FAILED, *told)

    def end(self, progress: JobProgress) -> None:
        """End a job of which all is done."""
        state = self._final_state(progress)
        if state is RunState.ABORTED and not progress.note and progress.error is None:
            progress.note = _stop_text(self._stop.reason)
        if state is RunState.FAILED and progress.error is None and not progress.note:
            progress.note = f"all of its datasets failed; the first: {progress.first_failure}"
        if progress.left_alone is not None:
            progress.note = describe_left_alone(mask_text(progress.left_alone.reason), progress.not_asked)
        progress.end(state)
        progress.is_final = not (progress.has_changes or self._memory.may_find_missing(progress))
        self._save(progress)
        self._locks.release(progress)
        ended = progress.summary()
        progress.observed.end(ended)
        self._listener.tell("job_ended", ended)

    def add_task(self, progress: JobProgress, task: TaskSummary) -> None:
        """Keep what became of a dataset that changed, failed, or is in quarantine."""
        progress.add_task(task)
        if task.outcome is TaskOutcome.FAILED:
            logger.info("%s failed: %s", task.name, task.error)
        elif task.outcome is TaskOutcome.QUARANTINED:
            logger.info("%s is in quarantine: %s", task.name, task.error)
        elif task.is_left_out:
            logger.info("%s: %s", task.name, task.error)
        if task.warnings:
            logger.info("%s has warnings: %s", task.name, "; ".join(task.warnings))
        if self._listener.is_there:
            self._listener.tell("task_ended", progress.summary(with_tasks=False), task)

    def fail_entry(self, progress: JobProgress, where: str, why: BaseException | str) -> None:
        """Fail one entry of a job's listing that cannot be read, also in a dry run."""
        moment = now()
        error = one_line(why if isinstance(why, BaseException) else SourceError(why))
        progress.count("discovered")
        self.add_task(
            progress,
            TaskSummary(where, TaskOutcome.FAILED, RunState.FAILED, moment, moment, name=where, error=error),
        )

    def tell_planned(self, progress: JobProgress, planned: PlannedDataset) -> None:
        """Count what would be done with a dataset, and tell why. A dry run calls it."""
        progress.count(planned.counter)
        self._listener.tell("planned", planned)

    @property
    def unreached(self) -> dict[str, tuple[str, str]]:
        """The sources of which a host could not be reached, which one that is, and why."""
        with self._lock:
            progresses = list(self._progresses)
        return {one.job.source_name: one.unreached for one in progresses if one.unreached is not None}

    def report(self, *, done: bool) -> RunReport:
        """Return the report of the run, as far as the run is. `done`: nothing of it goes on."""
        with self._lock:
            progresses, not_begun = list(self._progresses), tuple(self._not_begun)
        jobs = [progress.summary() for progress in progresses]
        usage = self.planning_usage
        totals = Counters(requests=usage.requests, received_bytes=usage.received_bytes)
        failed = [progress for progress in progresses if progress.state is RunState.FAILED]
        errors = [progress.error for progress in failed if progress.error]
        errors.sort(key=lambda error: bool(find_unreached(error)))  # an unreachable network needs no explanation
        reason = self._stop.reason
        if (
            isinstance(reason, DeadlineReached)
            and not not_begun
            and all(job.state is not RunState.ABORTED for job in jobs)
        ):
            reason = None  # it came when all was done
        return RunReport(
            run_id=self.run_id,
            state=self._run_state(reason, jobs, any_failed=bool(failed)) if done else RunState.RUNNING,
            jobs=jobs,
            totals=sum((job.counters for job in jobs), totals),
            duration_seconds=time.monotonic() - self._started,
            dry_run=self._options.dry_run,
            error=reason or (errors[0] if errors else None),
            not_begun=not_begun,
            created_lake=self.created_lake,
        )

    def _final_state(self, progress: JobProgress) -> RunState:
        if progress.state is RunState.SKIPPED:
            return RunState.SKIPPED
        if isinstance(progress.error, StopProcessing):
            return RunState.ABORTED
        if progress.error is not None:
            return RunState.FAILED
        if (alone := progress.left_alone) is not None:
            # All that was asked for failed, and that is why nothing more is.
            return RunState.FAILED if progress.only_failed and not alone.is_wait else RunState.ABORTED
        if self._stop.is_set and (progress.dropped or not progress.is_discovered):
            return RunState.ABORTED
        return RunState.FAILED if progress.only_failed else RunState.FINISHED

    @staticmethod
    def _run_state(reason: BaseException | None, jobs: Sequence[JobSummary], *, any_failed: bool) -> RunState:
        if reason is not None:
            asked_for = isinstance(reason, (KeyboardInterrupt, StopProcessing, ReaderLeft))
            return RunState.ABORTED if asked_for else RunState.FAILED
        if any_failed:
            return RunState.FAILED
        return RunState.ABORTED if any(job.left_alone for job in jobs) else RunState.FINISHED

    def _level(self, level: int) -> int:
        """Return the log level of a database error. If the lake cannot be written any more, the run tells it once."""
        return logging.DEBUG if isinstance(self._stop.reason, LakeUnwritable) else level

    def _running(self) -> list[JobProgress]:
        with self._lock:
            return [progress for progress in self._progresses if progress.state is RunState.RUNNING]

    def _beat(self) -> None:
        while not self._end_of_beats.wait(HEARTBEAT_SECONDS):
            if self._options.host_waits is not None:
                self._options.host_waits.look_up()
            for progress in self._running():
                self._save(progress, level=logging.DEBUG)  # the next beat writes it again

    def _save(self, progress: JobProgress, level: int = logging.ERROR, *, stops: bool = False) -> None:
        """Write a job's row. `stops`: the run has to stop if the lake cannot be written any more."""
        if self._options.dry_run:
            return
        try:
            progress.write(self._store.catalogue.jobs.save, self._store.bucket)
            failpoint("job.saved")
        except Exception as error:  # noqa: BLE001 - whatever it is, a caller that waits for the end must not hang
            if stops and isinstance(error, LakeUnwritable):
                self._stop.stop(error)
            said = one_line(error)
            # If the database is gone, each job fails in the same way.
            level = logging.DEBUG if said == self._said else self._level(level)
            self._said = said if level > logging.DEBUG else self._said
            logger.log(level, "The summary of %s could not be written: %s", progress.job.selector.name, said)


def _stop_text(reason: BaseException | None) -> str:
    if isinstance(reason, ReaderLeft):
        return "its reader left the loop"
    if reason is None or isinstance(reason, KeyboardInterrupt):
        return f"interrupted: {one_line(SourceError(reason))}" if reason is not None and str(reason) else "interrupted"
    return f"stopped: {one_line(reason)}"
