"""One run: jobs are discovered side by side, files fetched by a bounded pool, changes committed in groups."""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetSkipped, SelectorSkipped
from ingestify.domain.plan import IngestionPlan, Job, ParseExpression
from ingestify.domain.ports import FetchContext, Fetcher
from ingestify.domain.resource import DatasetResource
from ingestify.domain.run import RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.domain.selector import Filters, Selector
from ingestify.domain.source import CollectingSource, Source, collecting
from ingestify.engine.bundle_rules import BundleRules
from ingestify.engine.collecting import iter_collected
from ingestify.engine.committer import Committer
from ingestify.engine.decision import Action, Decision, QuarantineView, decide
from ingestify.engine.discovery import LOOK_UP_SIZE, Discovered, as_exception, iter_discovered
from ingestify.engine.ingest import DatasetIngest, Outcome
from ingestify.engine.jobs import JobBook
from ingestify.engine.lanes import SourceLane, SourceLanes
from ingestify.engine.planner import expand_plan
from ingestify.engine.report import GuardedListener, JobProgress, RunListener, one_line
from ingestify.engine.workers import StopToken, WorkerPool
from ingestify.errors import SaveError, SourceError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["IngestionRun"]

logger = logging.getLogger(__name__)

DISCOVERY_THREADS = 32
DECIDED_AT_ONCE = 100
"""From how many datasets on a discovery thread decides about what it found itself: to hand a lot over from thread to
thread takes a fifth of a run in which nothing changed."""
MOST_TRIES = 5
"""How often a dataset is decided about anew because another writer was faster."""

_PLANNED = {
    "fetch": "new",
    "refetch": "revised",
    "metadata": "metadata",
    "unchanged": "unchanged",
    "skip": "skipped",
    "quarantined": "quarantined",
    "failed": "failed",
}
"""What a dry run counts for each planned action."""

_Key = tuple[str, str, str]
_NOBODY: tuple[Discovered, ...] = ()


class IngestionRun:
    """One call of `engine.load`.

    Args:
        plans: What to ingest.
        filters: What the caller narrows it to.
        concurrency: How many files are fetched at once.
        fetcher_of: The HTTP client of a source.
        dry_run: Only look: nothing is fetched but indexes, and nothing is written.
        waits: Whether to wait for another run that is at the same job, instead of skipping the job.
        on_current: Called by the committing thread with each dataset the moment it is known to be current, once.
        listener: Hears of progress.
        rules: What is asked of bundles; None: what is built in.
    """

    def __init__(
        self,
        store: DatasetStore,
        plans: Sequence[IngestionPlan],
        filters: Filters,
        *,
        concurrency: int,
        fetcher_of: Callable[[Source], Fetcher],
        parse_expression: ParseExpression | None = None,
        dry_run: bool = False,
        waits: bool = False,
        on_current: Callable[[Dataset], None] | None = None,
        listener: RunListener | None = None,
        rules: BundleRules | None = None,
    ) -> None:
        self._rules = rules or BundleRules()
        self._quarantine = QuarantineView(store)
        self.stop = StopToken()
        self._store = store
        self._plans = plans
        self._filters = filters
        self._concurrency = concurrency
        self._lanes = SourceLanes(fetcher_of, concurrency, self.stop)
        self._parse_expression = parse_expression
        self._dry_run = dry_run
        self._on_current = on_current
        self._listener = GuardedListener(listener)
        self._jobs = JobBook(store, self.stop, dry_run=dry_run, waits=waits, listener=self._listener)
        self._lock = threading.Lock()
        self._open_work = 0
        self._all_done = threading.Event()
        self._decisions: queue.SimpleQueue[list[Discovered] | None] = queue.SimpleQueue()
        self._in_flight: dict[_Key, tuple[Discovered, ...]] = {}
        self._told: set[_Key] = set()
        self._deciding = threading.Lock()
        self._tells_skipped = store.publisher.wants(DatasetSkipped)
        self._tells_unchanged = self._tells_skipped or on_current is not None

    # ---- the caller's thread ---------------------------------------------------------------------------

    def execute(self) -> RunReport:
        """Run to the end, in the caller's thread, and return what was done.

        Ctrl-C stops it cleanly: what is complete is committed, requests in flight are broken off, loaders that run are
        waited for, and the report says ABORTED. A second Ctrl-C leaves at once with KeyboardInterrupt.
        """
        self._jobs.open()
        self._listener.tell("run_started", self.report)
        self._pool = WorkerPool(self._concurrency, "ingestify-fetch")
        self._discovery = WorkerPool(DISCOVERY_THREADS, "ingestify-discover")
        self._committer = Committer(self._store)
        decider = threading.Thread(target=self._decide_all, name="ingestify-decide", daemon=True)
        decider.start()
        self._begin_work()
        for plan in self._plans:
            self._begin_work()
            lane = self._lanes.of(plan.source)
            self._discovery.submit(lane.discovery, _call(self._plan, plan, lane))
        self._end_work()
        try:
            self._wait()
        except KeyboardInterrupt as interrupt:
            logger.debug("Interrupted: keeping what is complete. Interrupt again to leave at once.")
            self.stop.stop(interrupt)
            self._wait()
        self._discovery.close()
        self._decisions.put(None)
        decider.join()
        self._pool.close()
        self._committer.close()
        self._jobs.close()
        return self.report()

    def report(self) -> RunReport:
        """Return how far the run is; may be called from any thread."""
        return self._jobs.report(done=self._all_done.is_set())

    def let_others_in(self) -> None:
        """Let other runs at its jobs while it is held up; may be called from any thread."""
        self._jobs.let_others_in()

    def _wait(self) -> None:
        # A wait without a timeout cannot be interrupted by Ctrl-C on Windows.
        while not self._all_done.wait(0.5):
            pass

    def _begin_work(self, number: int = 1) -> None:
        """Something is open: a plan, a job, so many datasets. The run ends when nothing is."""
        with self._lock:
            self._open_work += number

    def _end_work(self, number: int = 1) -> None:
        with self._lock:
            self._open_work -= number
            done = self._open_work == 0
        if done:
            self._all_done.set()

    # ---- discovery threads -----------------------------------------------------------------------------

    def _plan(self, plan: IngestionPlan, lane: SourceLane) -> None:
        """Expand a plan into jobs, and queue them."""
        try:
            if self.stop.is_set:
                return
            try:
                with lane.fetcher.activated(FetchContext(self._jobs.planning_usage, self.stop.event)):
                    jobs = expand_plan(plan, self._filters, self._parse_expression)
            except BaseException as error:  # noqa: BLE001 - the job's boundary
                selector = Selector({"_name": "(finding selectors)"})
                progress = self._jobs.begin(Job(plan, plan.source.name, plan.source.provider, selector))
                self._jobs.fail(progress, as_exception(error))
                self._jobs.end(progress)
                return
            if not jobs:
                logger.warning(
                    "%s: no selector for %s matches %s.",
                    plan.source.name,
                    plan.dataset_type,
                    ", ".join(f"{key}={value}" for key, value in self._filters.items()) or "the plan",
                )
            for job in jobs:
                self._begin_work()
                self._discovery.submit(lane.discovery, _call(self._discover, job, lane))
        finally:
            self._end_work()

    def _discover(self, job: Job, lane: SourceLane) -> None:
        """Discover one job's datasets and pass them on to be decided about."""
        try:
            if self.stop.is_set:
                return
            progress = self._jobs.begin(job)
            self._begin_work()  # ended with the job, when its last dataset is
            try:
                with lane.fetcher.activated(FetchContext(progress.usage, self.stop.event)):
                    if self._jobs.enter(progress) and not self._skip_selector(progress):
                        collector = collecting(job.plan.source)
                        if collector is None:
                            self._pass_on(progress, lane)
                        else:
                            self._submit_and_collect(progress, lane, collector)
                if not self.stop.is_set:
                    progress.is_discovered = True
                    progress.mark_phase("discovery")
            except BaseException as error:  # noqa: BLE001 - the job's boundary: it fails this job only
                self._jobs.fail(progress, as_exception(error))
            finally:
                self._end_of_job_part(progress)
        finally:
            self._end_work()

    def _skip_selector(self, progress: JobProgress) -> bool:
        """Whether the lake already holds something as new as the selector's hint, and all of it.

        What counts is the last time that the selector was ingested whole: what the lake holds of it since then may
        have come with a run that broke off, and be all that came.
        """
        job = progress.job
        hint = job.selector.last_modified
        if hint is None or not job.is_whole_selector or self._dry_run:
            return False
        sync = self._jobs.find_newest(progress)
        if sync is None or sync.last_modified is None or sync.last_modified < hint:
            return False
        wanted = job.dataset_filter(self._store.bucket)
        held = self._store.catalogue.read_metadata(wanted)
        if held.row_count == 0:
            return False
        progress.note = f"nothing changed since {sync.last_modified:%Y-%m-%d %H:%M:%S}"
        progress.count("discovered", held.row_count)
        progress.count("unchanged", held.row_count)
        progress.state = RunState.SKIPPED
        event = SelectorSkipped(
            source=job.source_name, provider=job.provider, dataset_type=job.plan.dataset_type, selector=job.selector
        )
        self._committer.put(_call(self._store.publisher.publish, event))
        if self._on_current is not None:
            for batch in self._store.catalogue.iter_batches(wanted, LOOK_UP_SIZE):
                for dataset in batch:
                    if self.stop.is_set:
                        return True
                    self._committer.put(_call(self._tell_current, dataset))
        return True

    def _pass_on(self, progress: JobProgress, lane: SourceLane) -> None:
        """Let what a source announces through the gate, and on to the deciding thread."""
        for batch in iter_discovered(progress, self._store):
            first = 0
            while first < len(batch):
                admitted = lane.gate.enter(self.stop, len(batch) - first)
                if not admitted:  # the run is to stop
                    return
                self._begin_datasets(progress, admitted)
                several = batch[first : first + admitted]
                if admitted >= DECIDED_AT_ONCE:
                    self._decide(several)
                else:
                    self._decisions.put(several)
                first += admitted

    def _begin_datasets(self, progress: JobProgress, number: int) -> None:
        progress.begin_datasets(number)
        self._begin_work(number)

    def _submit_and_collect(self, progress: JobProgress, lane: SourceLane, collector: CollectingSource) -> None:
        """Alternate a source's `submit` and `collect`, with those datasets that need fetching."""
        accepted: dict[int, Decision] = {}

        def to_fetch() -> Iterator[DatasetResource]:
            for batch in iter_discovered(progress, self._store):
                with self._deciding:
                    decisions = decide(self._store, batch, self._rules, self._quarantine)
                unchanged = self._load_unchanged(decisions)
                for decision in decisions:
                    if self.stop.is_set:
                        return
                    # No waiting here, inside the source's own submit: it says itself when it is full.
                    lane.gate.enter_at_once()
                    self._begin_datasets(progress, 1)
                    needs_fetching = decision.action in (Action.FETCH, Action.REFETCH) and decision.error is None
                    if needs_fetching and not self._dry_run:
                        accepted[id(decision.discovered.resource)] = decision
                        yield decision.discovered.resource
                    else:
                        self._act(decision, unchanged.get(decision.dataset_id or ""))

        try:
            for resource in iter_collected(collector, to_fetch(), self.stop):
                decision = accepted.pop(id(resource), None)
                if decision is None:
                    logger.warning("%s collected %s, which was not submitted.", progress.job.source_name, resource)
                    continue
                if resource.error is not None:
                    decision = dataclasses.replace(decision, error=as_exception(resource.error))
                self._act(decision)
        except BaseException:
            for decision in accepted.values():
                self._finish(decision.discovered, Outcome(None, None, current=False))
            raise
        for decision in accepted.values():
            # Submitted and never collected: failed, unless the run was stopped.
            if self.stop.is_set:
                self._finish(decision.discovered, Outcome(None, None, current=False))
            else:
                lost = SourceError(f"{progress.job.source_name} submitted it, and never collected it")
                self._act(dataclasses.replace(decision, error=lost))

    # ---- deciding ---------------------------------------------------------------------------

    def _decide_all(self) -> None:
        """Decide about what was discovered, in batches of whatever is waiting."""
        while True:
            batch = self._decisions.get()
            if batch is None:
                return
            waiting = list(batch)
            while len(waiting) < LOOK_UP_SIZE and not self._decisions.empty():
                more = self._decisions.get()
                if more is None:
                    self._decisions.put(None)
                    break
                waiting += more
            self._decide(waiting)

    def _decide(self, batch: Sequence[Discovered]) -> None:
        """Decide about a batch and do it. The deciding thread, or a discovery thread that found many; one at a time."""
        with self._deciding:
            self._decide_these(self._without_twins(batch))

    def _decide_these(self, batch: Sequence[Discovered]) -> None:
        decisions: list[Decision] = []
        if not self.stop.is_set:
            try:
                decisions = decide(self._store, batch, self._rules, self._quarantine)
            except Exception as error:  # noqa: BLE001 - without the catalogue nothing can go on
                self.stop.stop(error)
        if not decisions:
            for discovered in batch:
                self._finish(discovered, Outcome(None, None, current=False))
            return
        if self._tells_unchanged:
            unchanged = self._load_unchanged(decisions)
            for decision in decisions:
                self._act(decision, unchanged.get(decision.dataset_id or ""))
            return
        # Nobody waits for those that are as they were, so they are done with together.
        as_they_were: dict[JobProgress, list[Discovered]] = {decision.discovered.progress: [] for decision in decisions}
        others = set()
        for decision in decisions:
            progress = decision.discovered.progress
            if decision.action is Action.UNCHANGED and decision.error is None and not self._dry_run:
                as_they_were[progress].append(decision.discovered)
            else:
                others.add(progress)
                self._act(decision)
        for progress, several in as_they_were.items():
            self._lanes.of(progress.job.plan.source).gate.widen(progress not in others)
            if several:
                progress.listing.found(*[discovered.number for discovered in several])
                progress.count("unchanged", len(several))
                self._release(progress, several)

    def _load_unchanged(self, decisions: Sequence[Decision]) -> dict[str, Dataset]:
        """Return those unchanged datasets that somebody wants to be told of, read at once."""
        if self._dry_run or not self._tells_unchanged:
            return {}
        ids = [
            decision.dataset_id
            for decision in decisions
            if decision.action in (Action.UNCHANGED, Action.QUARANTINED) and decision.dataset_id is not None
        ]
        return {dataset.dataset_id: dataset for dataset in self._store.catalogue.get_datasets(ids)} if ids else {}

    def _without_twins(self, batch: Sequence[Discovered]) -> list[Discovered]:
        """Two jobs may find the same dataset: the second waits until the first is done, then is decided about."""
        firsts = []
        with self._lock:
            for discovered in batch:
                twins = self._in_flight.get(discovered.key)
                if twins is None:
                    self._in_flight[discovered.key] = _NOBODY
                    firsts.append(discovered)
                else:
                    self._in_flight[discovered.key] = (*twins, discovered)
        return firsts

    def _act(self, decision: Decision, unchanged: Dataset | None = None) -> None:
        """Do what was decided about one dataset. The deciding thread, or a discovery thread."""
        discovered = decision.discovered
        if decision.dataset_id is not None:
            discovered.progress.listing.found(discovered.number)
        if self._dry_run:
            self._tell_planned(decision)
            self._finish(discovered, Outcome(None, None, current=False))
        elif decision.action is Action.UNCHANGED and decision.error is None:
            self._finish(discovered, Outcome(decision.existing or unchanged, None, current=True))
        elif decision.action is Action.SKIP and decision.error is None:
            discovered.progress.count("skipped")
            self._finish(discovered, Outcome(None, None, current=False))
        elif decision.action is Action.QUARANTINED and decision.error is None:
            # Nothing is asked of the provider that could change that.
            why = "; ".join(decision.reasons)
            task = _not_in_the_lake(discovered, TaskOutcome.QUARANTINED, why, decision.dataset_id)
            self._finish(discovered, Outcome(decision.existing or unchanged, task, current=True))
        else:
            self._ingest(decision)

    def _ingest(self, decision: Decision) -> None:
        discovered = decision.discovered
        try:
            ingest = DatasetIngest(
                decision,
                store=self._store,
                lane=self._lanes.of(discovered.job.plan.source),
                pool=self._pool,
                rules=self._rules,
                stop=self.stop,
                run_id=self._jobs.run_id,
                done=self._ingested,
                put_commit=self._committer.put,
            )
        except BaseException as error:  # noqa: BLE001 - the edge to user code: its checks are asked what they are for
            why = one_line(as_exception(error))
            task = _not_in_the_lake(discovered, TaskOutcome.FAILED, why, decision.dataset_id)
            self._finish(discovered, Outcome(None, task, current=False))
            return
        if decision.action is Action.METADATA and decision.error is None:
            ingest.start_description()
        else:
            ingest.start()

    def _tell_planned(self, decision: Decision) -> None:
        """A dry run counts what would be done, and tells why."""
        planned = decision.as_planned()
        decision.discovered.progress.count(_PLANNED[planned.action])
        self._listener.tell("planned", planned)

    # ---- ends: any thread of the run -------------------------------------------------------------------

    def _ingested(self, ingest: DatasetIngest, outcome: Outcome) -> None:
        """A dataset's ingest has ended, or it must be decided about anew."""
        discovered = ingest.discovered
        again = outcome.again
        if again is not None and not self.stop.is_set:
            self._quarantine.changed()  # perhaps by whoever came first
            if again.tries < MOST_TRIES:
                with self._lock:
                    twins = self._in_flight.pop(discovered.key, _NOBODY)
                self._decisions.put([again, *twins])
                return
            lost = SaveError(f"another writer changed {discovered.identifier} {MOST_TRIES} times meanwhile; run again")
            outcome = dataclasses.replace(
                outcome, task=_not_in_the_lake(discovered, TaskOutcome.FAILED, one_line(lost))
            )
        self._finish(discovered, outcome)

    def _finish(self, discovered: Discovered, outcome: Outcome) -> None:
        """One dataset is done with, in whatever way."""
        progress, dataset = discovered.progress, outcome.dataset
        if outcome.task is not None:
            self._jobs.add_task(progress, outcome.task)
            if outcome.task.outcome is TaskOutcome.NEW:
                progress.listing.came(discovered.number)
            elif outcome.task.outcome is TaskOutcome.QUARANTINED:
                self._quarantine.changed()
        elif outcome.current:
            progress.count("unchanged")
            if dataset is not None and self._tells_skipped:
                self._in_turn(_call(self._store.publisher.publish, DatasetSkipped(dataset=dataset)))
        elif self.stop.is_set:
            progress.dropped = True
        if outcome.current and dataset is not None and self._on_current is not None:
            self._in_turn(_call(self._tell_current, dataset))
        self._release(progress, [discovered])

    def _release(self, progress: JobProgress, several: Sequence[Discovered]) -> None:
        """Datasets of a job are done with: others may come through the gate, and whoever waited for them goes on."""
        self._lanes.of(progress.job.plan.source).gate.leave(len(several))
        with self._lock:
            twins = [twin for one in several for twin in self._in_flight.pop(one.key, _NOBODY)]
        if twins:
            self._decisions.put(twins)
        self._end_of_job_part(progress, len(several))
        self._end_work(len(several))

    def _in_turn(self, call: Callable[[], None]) -> None:
        """Tell subscribers and readers in the committing thread, in the order of its work."""
        if threading.current_thread() is self._committer.thread:
            call()
        else:
            self._committer.put(call)

    def _tell_current(self, dataset: Dataset) -> None:
        """Tell the reader of a stream, once for each dataset. The committing thread."""
        key = (dataset.provider, dataset.dataset_type, dataset.identifier.canonical)
        if self._on_current is not None and key not in self._told:
            self._told.add(key)
            self._on_current(dataset.read_from(self._store))

    def _end_of_job_part(self, progress: JobProgress, number: int = 1) -> None:
        if progress.end_parts(number):
            self._jobs.end(progress)
            self._end_work()


def _call(function: Callable[..., object], *arguments: object) -> Callable[[], None]:
    """Return a task that calls `function` with arguments that are fixed now."""

    def call() -> None:
        function(*arguments)

    return call


def _not_in_the_lake(
    discovered: Discovered, outcome: TaskOutcome, error: str, dataset_id: str | None = None
) -> TaskSummary:
    """Return the task of a dataset that nothing was done with."""
    moment = now()
    return TaskSummary(
        identifier=str(discovered.identifier),
        outcome=outcome,
        state=RunState.FAILED,
        started_at=moment,
        ended_at=moment,
        dataset_id=dataset_id,
        name=discovered.name,
        error=error,
    )
