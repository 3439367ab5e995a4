"""The jobs of a run: their rows in the catalogue, kept current, and what is remembered of their selectors."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
import time
import uuid

from ingestify.clock import now
from ingestify.domain.plan import Job
from ingestify.domain.ports import SelectorSync, Usage
from ingestify.domain.run import Counters, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.engine.liveness import begin_run, end_run, is_alive, this_process
from ingestify.engine.report import GuardedListener, JobProgress, PlannedDataset, one_line
from ingestify.engine.run_locks import RunLocks
from ingestify.engine.workers import ReaderLeft, StopToken
from ingestify.errors import FatalError, LakeUnwritable, SourceError, StopProcessing, StoreError
from ingestify.failpoints import failpoint
from ingestify.store.dataset_store import DatasetStore

__all__ = ["JobBook"]

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0


class JobBook:
    """Keeps the summaries of one run's jobs. Safe to use from any thread.

    Args:
        dry_run: Nothing is written, and no lock is taken.
        waits: Whether a job that another run is at is waited for; otherwise it is skipped.
        listener: Hears when jobs begin and end.
    """

    def __init__(
        self,
        store: DatasetStore,
        stop: StopToken,
        *,
        dry_run: bool,
        waits: bool = False,
        listener: GuardedListener | None = None,
    ) -> None:
        self.run_id = str(uuid.uuid4())
        self.planning_usage = Usage()
        self._store = store
        self._stop = stop
        self._dry_run = dry_run
        self._said = ""
        self._waits = waits
        self._listener = listener or GuardedListener(None)
        self._process = this_process()
        self._locks = RunLocks(store, self._process, stop)
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._progresses: list[JobProgress] = []
        self._end_of_beats = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="ingestify-summaries", daemon=True)

    def open(self) -> None:
        """Mark the jobs of dead runs ABORTED, and begin to keep this run's current.

        Raises:
            StoreError: The catalogue refuses, so that the run cannot begin.
        """
        if not self._dry_run:
            dead = self._store.catalogue.abort_dead_jobs(is_alive)
            if dead:
                what = "1 job of a run that died was" if dead == 1 else f"{dead} jobs of runs that died were"
                logger.warning("%s marked ABORTED; see 'ingestify status'.", what)
        begin_run(self.run_id)
        self._beats.start()

    def close(self) -> None:
        """The run has ended: what is missing is marked, what was ingested whole is remembered, no job is RUNNING."""
        if not self._dry_run:
            self._remember()
            failpoint("run.remembered")
        self._end_of_beats.set()
        self._beats.join()
        for progress in self._running():
            progress.note = _stop_text(self._stop.reason)
            progress.end(RunState.ABORTED)
            self._save(progress)
        self._locks.release_all()
        for progress in self._progresses:
            if not self._dry_run and not progress.is_written:
                self._save(progress)  # once more: the catalogue may be there again
        end_run(self.run_id)

    def begin(self, job: Job) -> JobProgress:
        """A job's discovery begins; its row is written."""
        progress = JobProgress(job, self.run_id, self._process)
        with self._lock:
            self._progresses.append(progress)
        self._save(progress)
        failpoint("job.begun")
        self._listener.tell("job_started", progress.summary(with_tasks=False))
        return progress

    def enter(self, progress: JobProgress) -> bool:
        """Have a job to this run alone. False: another run is at it, so that it is skipped, or this run is to stop.

        A discovery thread. Nothing is asked of the provider before this.
        """
        if not self._dry_run and not self._locks.take(progress):
            why = self._locks.describe_holder(progress)
            job = progress.job
            if not self._waits:
                logger.info("%s: %s is skipped: %s", job.source_name, job.selector.name, why)
                progress.note = f"{why}; see 'ingestify status'"
                progress.left_to_another = True
                progress.state = RunState.SKIPPED
                return False
            logger.info("%s: %s waits for its turn: %s", job.source_name, job.selector.name, why)
            progress.note = f"waits for its turn: {why}"
            is_taken = self._locks.wait_and_take(progress)
            progress.note = ""
            if not is_taken:
                return False
        if not self._dry_run:
            progress.began_after = self._store.catalogue.get_last_event_position()
            progress.sync_before = self._find_sync(progress.job)
        else:
            with contextlib.suppress(StoreError):  # of a lake that is only read, in the form of an older version
                progress.sync_before = self._find_sync(progress.job)
        return True

    def let_others_in(self) -> None:
        """Let go of the locks of all jobs: this run is held up, by a reader who may be waiting for one of them."""
        self._locks.release_all()

    def fail(self, progress: JobProgress, error: Exception) -> None:
        """A job's discovery raised. StopProcessing and FatalError stop the run; anything else, this job only."""
        if isinstance(error, (StopProcessing, FatalError)):
            progress.error = error
            self._stop.stop(error)
        elif not self._stop.is_set:  # a stop ends waits and requests, which then raise
            progress.error = error
            logger.error("%s: %s: %s", progress.job.source_name, progress.job.selector.name, one_line(error))
            logger.debug("discovery failed", exc_info=error)

    def end(self, progress: JobProgress) -> None:
        """All of a job is done."""
        state = self._final_state(progress)
        if state is RunState.ABORTED and not progress.note and progress.error is None:
            progress.note = _stop_text(self._stop.reason)
        progress.end(state)
        self._save(progress)
        self._locks.release(progress)
        self._listener.tell("job_ended", progress.summary())

    def add_task(self, progress: JobProgress, task: TaskSummary) -> None:
        """Keep what became of a dataset that changed or failed."""
        progress.add_task(task)
        if task.outcome is TaskOutcome.FAILED:
            logger.info("%s failed: %s", task.name, task.error)
        elif task.outcome is TaskOutcome.QUARANTINED:
            logger.info("%s is in quarantine: %s", task.name, task.error)
        if self._listener.is_there:
            self._listener.tell("task_ended", progress.summary(with_tasks=False), task)

    def fail_entry(self, progress: JobProgress, where: str, why: BaseException | str) -> None:
        """An entry of a job's listing cannot be read; it fails by itself, also in a dry run."""
        moment = now()
        error = one_line(why if isinstance(why, BaseException) else SourceError(why))
        progress.count("discovered")
        self.add_task(
            progress,
            TaskSummary(where, TaskOutcome.FAILED, RunState.FAILED, moment, moment, name=where, error=error),
        )

    def tell_planned(self, progress: JobProgress, planned: PlannedDataset) -> None:
        """Count what would be done with a dataset, and tell why: a dry run."""
        progress.count(planned.counter)
        self._listener.tell("planned", planned)

    def report(self, *, done: bool) -> RunReport:
        """Return how far the run is."""
        with self._lock:
            progresses = list(self._progresses)
        jobs = [progress.summary() for progress in progresses]
        usage = self.planning_usage
        totals = Counters(requests=usage.requests, received_bytes=usage.received_bytes)
        errors = [progress.error for progress in progresses if progress.state is RunState.FAILED and progress.error]
        return RunReport(
            run_id=self.run_id,
            state=self._run_state(any_failed=bool(errors)) if done else RunState.RUNNING,
            jobs=jobs,
            totals=sum((job.counters for job in jobs), totals),
            duration_seconds=time.monotonic() - self._started,
            dry_run=self._dry_run,
            error=self._stop.reason or (errors[0] if errors else None),
        )

    def find_newest(self, progress: JobProgress) -> SelectorSync | None:
        """Return what is remembered of a selector that was ingested whole, without a failure; else None."""
        sync = progress.sync_before
        return sync if sync is not None and sync.complete else None

    def _find_sync(self, job: Job) -> SelectorSync | None:
        return self._store.catalogue.find_selector_sync(job.identity(self._store.bucket))

    def _remember(self) -> None:
        """Settle what only all jobs together tell: a dataset that one lists no more, another one may list."""
        whole = [
            one
            for one in self._progresses
            # One that never began to list only told of selectors that cannot be read.
            if one.state is RunState.FINISHED and one.job.is_whole_selector and one.began_after is not None
        ]
        with self._locks.taken_again(whole) as ours:
            # Where another run is at the same by now, or was, its listing is newer than ours: it settles that.
            settled = [one for one in ours if not self._was_overtaken(one)]
            others = [one for one in self._progresses if one not in settled and one.state is not RunState.SKIPPED]
            if any(one.came for one in others):
                # They brought datasets that no whole listing has seen, so the next one is to search for what it lacks.
                try:
                    self._store.catalogue.forget_listings()
                except StoreError as error:
                    logger.log(self._level(logging.ERROR), "Cannot forget listings: %s", error)
            for progress in settled:
                self._remember_sync(progress, self._mark_missing(progress))
                if progress.missing:
                    self._save(progress)

    def _was_overtaken(self, progress: JobProgress) -> bool:
        """Whether another run of a job has ended since it began: where locks are not kept, or were let go of."""
        try:
            sync = self._find_sync(progress.job)
        except StoreError as error:
            logger.error("Cannot see when %s was ingested: %s", progress.job.selector.name, error)
            return False
        return sync != progress.sync_before  # clocks may jump

    def _mark_missing(self, progress: JobProgress) -> str | None:
        """Mark what the source stopped listing. Returns the digest of the listing; None if it was not a whole one."""
        if not progress.listing.is_whole or progress.began_after is None:
            return None
        try:
            before = self._find_sync(progress.job)
            if before is not None and progress.listing.holds_all_of(before.listing):
                return progress.listing.digest
            same = [one for one in self._progresses if one is not progress and _may_share(one.job, progress.job)]
            if not all(one.listing.is_whole and one.state is RunState.FINISHED for one in same):
                return None  # what this one lists no more, those may
            missing = progress.listing.mark_missing(
                self._store, progress.job, progress.began_after, [one.listing for one in same]
            )
        except StoreError as error:
            logger.error("Cannot look for what %s lists no more: %s", progress.job.selector.name, error)
            return None
        if missing:
            progress.count("missing", missing)
        return None if progress.listing.has_left else progress.listing.digest

    def _remember_sync(self, progress: JobProgress, listing: str | None) -> None:
        job = progress.job
        # A bundle that is in quarantine, or failed, is to be looked at again: such a selector is never skipped whole.
        complete = progress.failed == 0 and progress.quarantined == 0
        times = [moment for moment in (job.selector.last_modified, progress.listing.newest) if moment is not None]
        try:
            if job.plan.source.follows_changes:
                times = _times_followed(progress)
            sync = SelectorSync(max(times, default=None), complete, now(), listing, progress.listing.doubles)
            self._store.catalogue.save_selector_sync(job.identity(self._store.bucket), sync)
        except StoreError as error:
            logger.error("Cannot remember that %s is ingested: %s", job.selector.name, error)

    def _final_state(self, progress: JobProgress) -> RunState:
        if progress.state is RunState.SKIPPED:
            return RunState.SKIPPED
        if isinstance(progress.error, StopProcessing):
            return RunState.ABORTED
        if progress.error is not None:
            return RunState.FAILED
        if self._stop.is_set and (progress.dropped or not progress.is_discovered):
            return RunState.ABORTED
        return RunState.FINISHED

    def _run_state(self, *, any_failed: bool) -> RunState:
        if self._stop.is_set:
            asked_for = isinstance(self._stop.reason, (KeyboardInterrupt, StopProcessing, ReaderLeft))
            return RunState.ABORTED if asked_for else RunState.FAILED
        return RunState.FAILED if any_failed else RunState.FINISHED

    def _level(self, level: int) -> int:
        """Return how loudly a refusal is told: of a lake that takes nothing any more, the run says so once."""
        return logging.DEBUG if isinstance(self._stop.reason, LakeUnwritable) else level

    def _running(self) -> list[JobProgress]:
        with self._lock:
            return [progress for progress in self._progresses if progress.state is RunState.RUNNING]

    def _beat(self) -> None:
        while not self._end_of_beats.wait(HEARTBEAT_SECONDS):
            for progress in self._running():
                self._save(progress, level=logging.DEBUG)  # the next beat writes it again

    def _save(self, progress: JobProgress, level: int = logging.ERROR) -> None:
        if self._dry_run:
            return
        try:
            progress.write(self._store.catalogue.save_job)
            failpoint("job.saved")
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the end of the job must not hang
            said = one_line(error)
            # Of a database that is gone, each job would say the same.
            level = logging.DEBUG if said == self._said else self._level(level)
            self._said = said if level > logging.DEBUG else self._said
            logger.log(level, "The summary of %s could not be written: %s", progress.job.selector.name, said)


def _may_share(one: Job, other: Job) -> bool:
    """Whether two jobs of a run may list the same datasets."""
    kinds = [(job.source_name, job.provider, job.plan.dataset_type) for job in (one, other)]
    mine, theirs = one.selector.attributes, other.selector
    return kinds[0] == kinds[1] and theirs.matches(mine)


def _times_followed(progress: JobProgress) -> list[dt.datetime]:
    """Return until when all changes are in the lake, of a source that follows them: at most one time.

    That is when the discovery began. Of a selector of which something failed it is what it was, so that what failed is
    among the changes that the next run asks for.
    """
    if progress.failed == 0:
        return [progress.started_at]
    before = progress.sync_before
    return [] if before is None or before.last_modified is None else [before.last_modified]


def _stop_text(reason: BaseException | None) -> str:
    if isinstance(reason, ReaderLeft):
        return "its reader left the loop"
    if reason is None or isinstance(reason, KeyboardInterrupt):
        return "interrupted"
    return f"stopped: {one_line(reason)}"
