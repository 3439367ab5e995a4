"""From a discovered dataset to its end: decided about in batches, ingested if that was decided, and done with."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence

from ingestify.domain.dataset import Dataset
from ingestify.domain.run import TaskOutcome
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.decision.change_detection import Action, Decision, decide
from ingestify.engine.decision.decision_queue import Undecided
from ingestify.engine.decision.quarantine_view import QuarantineView
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import as_exception
from ingestify.engine.discovery.source_context import SourceLanes
from ingestify.engine.ingest.ingest import DatasetIngest
from ingestify.engine.ingest.outcome import NOTHING_DONE, Outcome, summarize
from ingestify.engine.ingest.relisting import Relistings
from ingestify.engine.report.report import JobProgress, one_line
from ingestify.engine.run.committer import Committer
from ingestify.engine.run.completion import OpenWork
from ingestify.engine.run.jobs import JobBook
from ingestify.engine.run.notifier import Notifier
from ingestify.engine.workers import RunThread, StopToken, WorkerPool
from ingestify.errors import SaveError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Decider"]

DECIDED_AT_ONCE = 100
"""From how many datasets on a discovery thread decides about what it found itself: to hand a lot over from thread to
thread takes a fifth of a run in which nothing changed."""
MOST_TRIES = 5
"""How often a dataset is decided about anew because another writer was faster."""

_AS_TOLD_BEFORE = frozenset({Action.FETCH, Action.UNCHANGED, Action.SKIP})
"""What a dry run need not say once more of what is listed twice."""


class Decider:
    """Decides about a run's datasets, and lets be done what was decided. Safe to use from any thread.

    A thread of its own takes whatever is waiting as one batch. Each dataset is told of by `begin` when it has come
    through its source's gate, and ends once in `finish`, in whichever thread it is then.

    Args:
        rules: What is asked of bundles.
        pool: Fetches files.
        jobs: Keeps what became of datasets that changed or failed.
        work: What of the run is open.
        notifier: Tells of what is current.
        relistings: Reads indexes once more.
        dry_run: Only decide, and tell what would be done.
        refetch: What the lake has is fetched in full.
    """

    def __init__(
        self,
        store: DatasetStore,
        *,
        rules: BundleRules,
        lanes: SourceLanes,
        pool: WorkerPool,
        committer: Committer,
        jobs: JobBook,
        work: OpenWork,
        notifier: Notifier,
        relistings: Relistings,
        stop: StopToken,
        dry_run: bool,
        refetch: bool = False,
    ) -> None:
        self._store = store
        self._rules = rules
        self._quarantine = QuarantineView(store)
        self._lanes = lanes
        self._pool = pool
        self._committer = committer
        self._jobs = jobs
        self._work = work
        self._notifier = notifier
        self._relistings = relistings
        self._stop = stop
        self._dry_run = dry_run
        self._refetch = refetch
        self._undecided = Undecided()
        self._deciding = threading.Lock()
        self._thread = RunThread(self._decide_all, "ingestify-decide")
        self._thread.start()

    def close(self) -> None:
        """End its thread. Nothing is waiting any more."""
        self._undecided.close()
        self._thread.join()

    # ---- discovery threads -----------------------------------------------------------------------------

    def begin(self, progress: JobProgress, number: int) -> None:
        """So many more datasets of a job have come through the gate."""
        progress.begin_datasets(number)
        self._work.begin(number)

    def take(self, batch: list[Discovered]) -> None:
        """Decide about datasets that have begun: now, if they are many, or else in the deciding thread."""
        if len(batch) >= DECIDED_AT_ONCE:
            self._decide(batch)
        else:
            self._undecided.put(batch)

    def look_at(self, batch: Sequence[Discovered]) -> list[tuple[Decision, Dataset | None]]:
        """Decide about datasets, and do nothing yet; with each comes what `act` is to be called with."""
        with self._deciding:
            decisions = decide(self._store, batch, self._rules, self._quarantine, refetch=self._refetch)
        unchanged = self._load_unchanged(decisions)
        return [(decision, unchanged.get(decision.dataset_id or "")) for decision in decisions]

    def is_to_be_fetched(self, decision: Decision) -> bool:
        """Whether anything of a dataset is asked of its provider."""
        is_fetch = decision.action in (Action.FETCH, Action.REFETCH) and decision.error is None
        return is_fetch and not self._dry_run

    # ---- deciding --------------------------------------------------------------------------------------

    def _decide_all(self) -> None:
        """The deciding thread: in batches of whatever is waiting."""
        for batch in self._undecided.iter_batches():
            self._decide(batch)

    def _decide(self, batch: Sequence[Discovered]) -> None:
        """Decide about a batch and do it. The deciding thread, or a discovery thread that found many; one at a time."""
        with self._deciding:
            self._decide_these(self._undecided.begin(batch))

    def _decide_these(self, batch: Sequence[Discovered]) -> None:
        decisions: list[Decision] = []
        if not self._stop.is_set:
            try:
                decisions = decide(self._store, batch, self._rules, self._quarantine, refetch=self._refetch)
            except Exception as error:  # noqa: BLE001 - without the catalogue nothing can go on
                self._stop.stop(error)
        if not decisions:
            for discovered in batch:
                self.finish(discovered, NOTHING_DONE)
            return
        if self._notifier.tells_unchanged:
            unchanged = self._load_unchanged(decisions)
            for decision in decisions:
                self.act(decision, unchanged.get(decision.dataset_id or ""))
            return
        # Nobody waits for those that are as they were, so they are done with together.
        as_they_were: dict[JobProgress, list[Discovered]] = {decision.discovered.progress: [] for decision in decisions}
        others = set()
        for decision in decisions:
            progress = decision.discovered.progress
            is_unchanged = decision.action is Action.UNCHANGED and decision.error is None and not self._dry_run
            if is_unchanged and not decision.reasons:
                as_they_were[progress].append(decision.discovered)
            else:
                others.add(progress)
                self.act(decision)
        for progress, several in as_they_were.items():
            self._lanes.of(progress.job.plan.source).gate.widen(progress not in others)
            if several:
                progress.listing.found(*[discovered.number for discovered in several])
                progress.count("unchanged", len([one for one in several if not one.is_duplicate]))
                self._release(progress, several)

    def _load_unchanged(self, decisions: Sequence[Decision]) -> dict[str, Dataset]:
        """Return those unchanged datasets that somebody wants to be told of, read at once."""
        if self._dry_run or not self._notifier.tells_unchanged:
            return {}
        ids = [
            decision.dataset_id
            for decision in decisions
            if decision.action in (Action.UNCHANGED, Action.QUARANTINED) and decision.dataset_id is not None
        ]
        return {dataset.dataset_id: dataset for dataset in self._store.catalogue.datasets.get(ids)} if ids else {}

    # ---- doing it: the deciding thread, or a discovery thread ------------------------------------------

    def act(self, decision: Decision, unchanged: Dataset | None = None) -> None:
        """Do what was decided about one dataset.

        Args:
            unchanged: The dataset, if it is as it was and somebody is to be told.
        """
        discovered = decision.discovered
        if decision.dataset_id is not None:
            discovered.progress.listing.found(discovered.number)
        if self._dry_run:
            # Of one that is listed twice, the first has been told of; that it is not in the lake is no news then.
            if not (discovered.is_duplicate and decision.error is None and decision.action in _AS_TOLD_BEFORE):
                self._jobs.tell_planned(discovered.progress, decision.as_planned())
            self.finish(discovered, NOTHING_DONE)
        elif decision.action is Action.UNCHANGED and decision.error is None:
            task = None
            if decision.reasons:
                lacks = "; ".join(decision.reasons)
                task = summarize(discovered, TaskOutcome.UNCHANGED, lacks, dataset_id=decision.dataset_id)
            self.finish(discovered, Outcome(decision.existing or unchanged, task, current=True))
        elif decision.action is Action.SKIP and decision.error is None:
            discovered.progress.count("skipped")
            self.finish(discovered, NOTHING_DONE)
        elif decision.action is Action.QUARANTINED and decision.error is None:
            # Nothing is asked of the provider that could change that.
            why = "; ".join(decision.reasons)
            task = summarize(discovered, TaskOutcome.QUARANTINED, why, dataset_id=decision.dataset_id)
            self.finish(discovered, Outcome(decision.existing or unchanged, task, current=True))
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
                stop=self._stop,
                relistings=self._relistings,
                run_id=self._jobs.run_id,
                done=self._ingested,
                put_commit=self._committer.put,
            )
        except BaseException as error:  # noqa: BLE001 - the edge to user code: its checks are asked what they are for
            why = one_line(as_exception(error))
            task = summarize(discovered, TaskOutcome.FAILED, why, dataset_id=decision.dataset_id)
            self.finish(discovered, Outcome(None, task, current=False))
            return
        if decision.action is Action.METADATA and decision.error is None:
            ingest.start_description()
        else:
            ingest.start()

    # ---- ends: any thread of the run -------------------------------------------------------------------

    def _ingested(self, ingest: DatasetIngest, outcome: Outcome) -> None:
        """A dataset's ingest has ended, or it must be decided about anew."""
        discovered = ingest.hand.begun
        again = outcome.again
        if again is not None and not self._stop.is_set:
            self._quarantine.changed()  # perhaps by whoever came first
            if again.tries < MOST_TRIES:
                self._undecided.put_again(discovered, again)
                return
            lost = SaveError(f"another writer changed {discovered.identifier} {MOST_TRIES} times meanwhile; run again")
            outcome = dataclasses.replace(outcome, task=summarize(discovered, TaskOutcome.FAILED, one_line(lost)))
        self.finish(discovered, outcome)

    def finish(self, discovered: Discovered, outcome: Outcome) -> None:
        """One dataset is done with, in whatever way."""
        progress, dataset = discovered.progress, outcome.dataset
        if outcome.task is not None:
            self._jobs.add_task(progress, outcome.task)
            if outcome.task.outcome is TaskOutcome.NEW:
                progress.listing.came(discovered.number)
            elif outcome.task.outcome is TaskOutcome.QUARANTINED:
                self._quarantine.changed()
            elif outcome.task.outcome is TaskOutcome.UNCHANGED and dataset is not None and self._notifier.tells_skipped:
                self._notifier.skipped(dataset)
        elif outcome.current:
            progress.count("unchanged", 0 if discovered.is_duplicate else 1)
            if dataset is not None and self._notifier.tells_skipped:
                self._notifier.skipped(dataset)
        elif self._stop.is_set:
            progress.dropped = True
        if outcome.current and dataset is not None and self._notifier.tells_current:
            self._notifier.current(dataset)
        self._release(progress, [discovered])

    def _release(self, progress: JobProgress, several: Sequence[Discovered]) -> None:
        """Datasets of a job are done with: others may come through the gate, and whoever waited for them goes on."""
        self._lanes.of(progress.job.plan.source).gate.leave(len(several))
        self._undecided.end(several)
        self._work.end_job_parts(progress, len(several))
        self._relistings.look_at(progress)
        self._work.end(len(several))
