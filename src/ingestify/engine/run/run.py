"""One run: it discovers jobs side by side, fetches files with a bounded pool, and commits changes in groups."""

from __future__ import annotations

import dataclasses
import functools
import random
import threading
from collections.abc import Callable, Sequence
from typing import cast

from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.plan import IngestionPlan, Job
from ingestify.domain.ports import FetchContext, IndexReading
from ingestify.domain.resource import UnreadableEntry
from ingestify.domain.run import FINDING_SELECTORS, RunReport, RunState
from ingestify.domain.selector import Filters, Selector
from ingestify.domain.source import collecting
from ingestify.domain.told_once import forget_warnings
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.discovery.discovery import iter_discovered, lake_metadata
from ingestify.engine.discovery.not_listed import describe_not_listed
from ingestify.engine.discovery.planner import Expansion, expand_plan
from ingestify.engine.discovery.source_context import SourceContext, SourceContexts
from ingestify.engine.ingest.missing_feeds import warn_of_further_missing_feeds
from ingestify.engine.ingest.pipeline import RunContext
from ingestify.engine.ingest.relisting import Relistings
from ingestify.engine.report.report import GuardedListener, JobProgress
from ingestify.engine.run.by_worth import ByWorth, pass_on
from ingestify.engine.run.collecting import submit_and_collect
from ingestify.engine.run.committer import Committer
from ingestify.engine.run.completion import Completion
from ingestify.engine.run.decider import Decider
from ingestify.engine.run.departed import find_departed
from ingestify.engine.run.jobs import RunJobs
from ingestify.engine.run.missing_detection import warn_if_nothing_is_listed
from ingestify.engine.run.notices import RunNotices, with_error
from ingestify.engine.run.notifier import Notifier
from ingestify.engine.run.options import RunOptions
from ingestify.engine.run.selector_memory import find_unchanged
from ingestify.engine.workers import RunThread, StopToken, TaskQueue, WorkerPool
from ingestify.errors import DeadlineReached
from ingestify.logging_context import bound
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["IngestionRun"]

logger = PrintableLogger(__name__)

DISCOVERY_THREADS = 32


class IngestionRun:
    """One call of `engine.load`.

    Args:
        store: The lake.
        plans: What to ingest.
        filters: What the caller narrows the plans to.
        options: How the run works.
    """

    def __init__(
        self, store: DatasetStore, plans: Sequence[IngestionPlan], filters: Filters, options: RunOptions
    ) -> None:
        self.stop = StopToken()
        self._store = store
        self._plans = plans
        self._filters = filters
        self._options = options
        self._source_contexts = SourceContexts(options.fetcher_of, options.concurrency, self.stop)
        self._listener = GuardedListener(options.listener)
        self._jobs = RunJobs(store, self.stop, self._listener, options)
        self._completion = Completion(self._jobs)
        self._notices = RunNotices(store, plans, options, self._jobs.run_id)
        self._is_left = False
        self._expansions: list[Expansion] = []
        self._by_worth: dict[int, ByWorth] = {}
        self._not_listed = ""

    # ---- the caller's thread ---------------------------------------------------------------------------

    def execute(self) -> RunReport:
        """Run to the end, in the caller's thread, and return what was done.

        Ctrl-C stops the run cleanly: it commits what is complete, breaks off requests, waits for file loaders, and the
        report says ABORTED. A second Ctrl-C leaves at once with KeyboardInterrupt. Another error that the handler of a
        signal raises here, as the time-outs of orchestrators do, stops it in the same way, and is raised at the end.

        Subscribers are told of the beginning and the end, also if the run raises an error.
        """
        with bound(run=self._jobs.run_id):
            return self._execute_and_tell()

    def _execute_and_tell(self) -> RunReport:
        self._jobs.observed = observed = self._options.observer.begin_run(self._jobs.run_id)
        try:
            report = self._begin()
        except BaseException as error:
            failed = with_error(self.report(), error)
            try:
                if not self._is_left:
                    self._notices.finished(failed)
            finally:
                observed.end(failed)
            raise
        try:
            self._notices.finished(report)
        finally:  # Ctrl-C may come while a subscriber works
            observed.end(report)
        return report

    def _begin(self) -> RunReport:
        if not self._options.dry_run and self._store.create():
            self._jobs.created_lake = self._store.where
        self._store.identity.check()
        if self._options.host_waits is not None:
            self._options.host_waits.begin_run(ignored=self._options.ignores_waits, writes=not self._options.dry_run)
        if self._options.budgets is not None:
            self._options.budgets.begin_run()
        forget_warnings()
        try:
            return self._execute()
        finally:
            self._store.catalogue.restore_lock_waits()

    def _execute(self) -> RunReport:
        self._jobs.open()
        self.stop.when_stopped(self._store.catalogue.limit_lock_waits)
        self._listener.tell("run_started", self.report)
        self._notices.started(self.stop)
        self._discovery = WorkerPool(DISCOVERY_THREADS, "ingestify-discover")
        pool = WorkerPool(self._options.concurrency, "ingestify-fetch")
        committer = Committer(self._store)
        self._notifier = Notifier(self._store, committer, self._options.on_current, self.stop)
        self._relistings = Relistings(
            self._store,
            self._source_contexts,
            self.stop,
            self._discovery,
            has_reader=self._options.on_current is not None,
            deadline=None if self._options.deadline is None else self._options.deadline.total_seconds(),
        )
        context = RunContext(
            self._store,
            self._options.rules or BundleRules(),
            self._source_contexts,
            pool,
            self._relistings,
            committer.commit,
            self.stop,
            self._jobs.run_id,
        )
        self._decider = Decider(context, self._jobs, self._completion, self._notifier, self._options)
        timer = self._start_deadline()
        self._completion.begin()
        self._hold_back()
        for number, plan in enumerate(self._plans):
            self._completion.begin()
            source_context = self._source_contexts.of(plan.source)
            self._discovery.submit(
                source_context.discovery, functools.partial(self._plan, plan, number, source_context)
            )
        self._completion.end()
        end = functools.partial(self._end, pool, committer, timer)
        raised: BaseException | None = None
        try:
            try:
                self._completion.wait()
            except BaseException as error:  # noqa: BLE001 - whatever the handler of a signal raises
                logger.debug("Interrupted: complete datasets are kept. Interrupt again to leave at once.")
                self.stop.stop(error)
                raised = error
                self._completion.wait()
        except BaseException:
            # The process may go on, as in a notebook: the run releases what it holds once its work has ended.
            self._is_left = True
            RunThread(functools.partial(_quietly, lambda: self._leave(end)), "ingestify-leaving").start()
            raise
        end()
        if raised is not None and not isinstance(raised, KeyboardInterrupt):
            raise raised
        return self.report()

    def _hold_back(self) -> None:
        """Let the datasets of sources with a budget wait for each other, so that the most worthwhile come first."""
        if self._options.budgets is None or self._options.dry_run:
            return
        for plan in self._plans:
            budget = self._options.budgets.find(plan.source.name)
            if budget is None or collecting(plan.source) is not None:
                continue
            context = self._source_contexts.of(plan.source)
            by_worth = self._by_worth.setdefault(
                id(plan.source),
                ByWorth(self._store, budget, context, self._decider, self.stop, self._submit_passing),
            )
            by_worth.begin()

    def _submit_passing(self, pass_on_held: Callable[[], None]) -> None:
        """Pass datasets on in a thread of its own: the lists may have to be read once more meanwhile."""

        def work() -> None:
            try:
                pass_on_held()
            finally:
                self._completion.end()

        self._completion.begin()
        self._discovery.submit(TaskQueue("passing on"), work)

    def _leave(self, end: Callable[[], None]) -> None:
        end()
        self._notices.finished(self.report())

    def _end(self, pool: WorkerPool, committer: Committer, timer: threading.Timer | None) -> None:
        """Wait for what goes on, and release all that the run holds."""
        self._completion.wait()
        if timer is not None:
            timer.cancel()
        self._discovery.close()
        self._decider.close()
        self._relistings.close()
        pool.close()
        committer.close()
        if not self._options.dry_run:
            self._store.identity.settle()
        for source_context in self._source_contexts.all():
            warn_of_further_missing_feeds(source_context)
        if self._options.budgets is not None:
            self._options.budgets.end_run()
        self._jobs.close()
        if len(self._expansions) == len(self._plans) and not self.stop.is_set:
            providers = [plan.source.provider for plan in self._plans]
            self._not_listed = describe_not_listed(self._filters, providers, self._expansions, self._jobs.progresses)

    def _start_deadline(self) -> threading.Timer | None:
        """Return a timer that stops the run at its deadline; it has begun. None: there is no deadline."""
        if self._options.deadline is None:
            return None
        reached = DeadlineReached(f"the deadline of {self._options.deadline} (hours:minutes:seconds) has passed")
        timer = threading.Timer(self._options.deadline.total_seconds(), self.stop.stop, [reached])
        timer.name, timer.daemon = "ingestify-deadline", True
        timer.start()
        return timer

    def report(self) -> RunReport:
        """Return the report of the run, as far as the run is. Any thread may call it."""
        return dataclasses.replace(self._jobs.report(done=self._completion.is_done), not_listed=self._not_listed)

    def tell_failures(self, raised: BaseException | None) -> None:
        """Log, once, which discoveries failed, except for the error that will be raised. The caller's thread."""
        self._jobs.tell_failures(raised)

    @property
    def unreached(self) -> dict[str, tuple[str, str]]:
        """Source name to a host that could not be reached, and why; see `unreachable_hosts`."""
        return self._jobs.unreached

    def release_job_locks(self) -> None:
        """Release the locks of its jobs, as a reader holds the run up. Any thread may call it."""
        self._jobs.release_job_locks()

    # ---- discovery threads -----------------------------------------------------------------------------

    def _plan(self, plan: IngestionPlan, number: int, source_context: SourceContext) -> None:
        """Expand a plan into jobs, and queue them."""
        try:
            if self.stop.is_set:
                self._jobs.leave_out(plan.source.name, f"{plan.dataset_type} (its selectors were not looked for)")
                return
            unreadable: list[UnreadableEntry] = []
            try:
                index = IndexReading()
                metadata = lake_metadata(self._store, plan)
                context = FetchContext(
                    self._jobs.planning_usage,
                    self.stop.event,
                    index,
                    self._options.unreachable_hosts,
                    is_run=True,
                    observed=self._jobs.observed,
                )
                about = {"source": plan.source.name, "dataset_type": plan.dataset_type}
                with source_context.fetcher.activated(context), bound(**about):
                    expansion = expand_plan(
                        plan,
                        self._filters,
                        self._options.parse_expression,
                        unreadable.append,
                        cast(CollectionMetadata, metadata),
                    )
                if metadata.was_read:
                    index.add_gap("the source asked what the lake has")
                for entry in unreadable:
                    index.add_gap(f"{entry.where} cannot be read")
                departed = find_departed(
                    self._store, self._plans, plan, self._filters, expansion, index, self._options.parse_expression
                )
            except BaseException as error:  # noqa: BLE001 - the job's boundary
                self._report_planning(plan, number, unreadable, self.stop.caught(error))
                return
            jobs = [*expansion.jobs, *departed]
            if unreadable:
                self._report_planning(plan, number, unreadable)
            else:
                self._expansions.append(expansion)
                if not jobs and not self._filters:
                    logger.warning("%s: no selector for %s matches the plan.", plan.source.name, plan.dataset_type)
            by_worth = self._by_worth.get(id(plan.source))
            numbered = list(enumerate(jobs, 1))
            if by_worth is not None:
                # If the budget is not enough for all lists, others come first the next time.
                random.shuffle(numbered)
                by_worth.begin(len(numbered))
            for place, job in numbered:
                self._completion.begin()
                discover = functools.partial(self._discover, job, (number, place), source_context, index.first_date)
                self._discovery.submit(source_context.discovery, discover)
        finally:
            self._listed(plan)
            self._completion.end()

    def _listed(self, plan: IngestionPlan) -> None:
        """Let what is held back go on, if nothing more of its source is to be listed."""
        if (by_worth := self._by_worth.get(id(plan.source))) is not None:
            by_worth.end()

    def _report_planning(
        self, plan: IngestionPlan, number: int, unreadable: Sequence[UnreadableEntry], error: Exception | None = None
    ) -> None:
        """Keep the errors of finding selectors, as a job of their own, before those of the plan."""
        selector = Selector({"_name": FINDING_SELECTORS})
        progress = self._jobs.begin(Job(plan, plan.source.name, plan.source.provider, selector), (number, 0))
        for entry in unreadable:
            self._jobs.fail_entry(progress, entry.where, entry.error)
        if error is not None:
            self._jobs.fail(progress, error)
        progress.is_discovered = error is None or not self.stop.is_set
        self._jobs.end(progress)

    def _discover(self, job: Job, place: tuple[int, int], source_context: SourceContext, hint_date: str | None) -> None:
        """Discover the datasets of one job, and pass them on to the decider."""
        try:
            if self.stop.is_set:
                self._jobs.leave_out(job.source_name, job.selector.name)
                return
            progress = self._jobs.begin(job, place)
            progress.hint_date = hint_date
            self._completion.begin()  # ended with the job, when its last dataset is
            with bound(**progress.log_fields):
                self._discover_job(progress, source_context)
        finally:
            self._listed(job.plan)
            self._completion.end()

    def _discover_job(self, progress: JobProgress, source_context: SourceContext) -> None:
        try:
            context = FetchContext(
                progress.usage,
                self.stop.event,
                progress.index,
                self._options.unreachable_hosts,
                is_run=True,
                observed=progress.observed,
            )
            with source_context.fetcher.activated(context):
                if self._jobs.enter(progress) and not self._is_known(progress):
                    fail_entry = functools.partial(self._jobs.fail_entry, progress)
                    batches = iter_discovered(progress, self._store, fail_entry)
                    collector = collecting(progress.job.plan.source)
                    by_worth = self._by_worth.get(id(progress.job.plan.source))
                    if collector is None:
                        for batch in batches:
                            if by_worth is not None and batch:
                                by_worth.hold(batch)
                            elif not pass_on(batch, source_context, self._decider, self.stop):
                                break
                    else:
                        submit_and_collect(collector, batches, progress, source_context, self._decider, self.stop)
                    warn_if_nothing_is_listed(progress, self._store)
            if not self.stop.is_set:
                progress.is_discovered = True
                progress.mark_phase("discovery")
        except BaseException as error:  # noqa: BLE001 - the job's boundary: it fails this job only
            self._jobs.fail(progress, self.stop.caught(error))
        finally:
            self._completion.end_job_parts(progress)
            self._relistings.read_if_due(progress)

    def _is_known(self, progress: JobProgress) -> bool:
        """Whether it is known what a job's selector has, without asking the provider."""
        if progress.job.has_departed:
            progress.listing.is_whole = progress.listing.is_of_everything = True
            return True
        return not self._options.refetch and self._skip_selector(progress)

    def _skip_selector(self, progress: JobProgress) -> bool:
        """Skip a selector of which the lake has all, if its hint has not changed. Returns whether it is skipped."""
        job = progress.job
        why = find_unchanged(progress)
        if why is None:
            return False
        wanted = job.dataset_filter(self._store.bucket)
        held = self._store.catalogue.datasets.read_metadata(wanted)
        if held.row_count == 0:
            return False
        progress.note = why
        progress.count("discovered", held.row_count)
        progress.count("unchanged", held.row_count)
        progress.state = RunState.SKIPPED
        if not self._options.dry_run:
            self._notifier.selector_skipped(job, wanted)
        return True


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:  # nobody waits for it, and the lake may be closed by now
        logger.debug("A run that was ended at once could not release all that it held", exc_info=error)
