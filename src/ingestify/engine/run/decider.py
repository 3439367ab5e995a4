"""What a run does with the discovered datasets: decides about them in batches, ingests them, and ends each of them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

import msgspec

from ingestify.domain.dataset import Dataset
from ingestify.domain.run import TaskOutcome
from ingestify.engine.decision.change_detection import Action, Decision, decide
from ingestify.engine.decision.decision_queue import DecisionQueue
from ingestify.engine.decision.quarantine_view import QuarantineView
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.ingest.ingest import DatasetIngest
from ingestify.engine.ingest.known_files import as_compared
from ingestify.engine.ingest.outcome import NOTHING_DONE, Outcome, summarize
from ingestify.engine.ingest.pipeline import DatasetPipeline, RunContext
from ingestify.engine.report.report import JobProgress, one_line
from ingestify.engine.run.completion import Completion
from ingestify.engine.run.jobs import RunJobs
from ingestify.engine.run.notifier import Notifier
from ingestify.engine.run.options import RunOptions
from ingestify.engine.workers import RunThread
from ingestify.errors import SaveError

__all__ = ["Decider"]

DECIDED_AT_ONCE = 100
"""A discovery thread that found so many datasets decides about them itself: to hand them over to another thread takes a
fifth of a run in which nothing changed."""
MOST_TRIES = 5
"""How often a dataset is decided about anew because another writer was faster."""

_TOLD_ALREADY = frozenset({Action.FETCH, Action.UNCHANGED, Action.SKIP})
"""The actions that a dry run does not tell of a duplicate: it told them of the first one."""
_OUTCOMES = {
    Action.UNCHANGED: TaskOutcome.UNCHANGED,
    Action.QUARANTINED: TaskOutcome.QUARANTINED,
    Action.SKIP: None,
}
"""The actions that ask nothing of the provider, and what becomes of the dataset."""


class Decider:
    """Decides about the datasets of a run, and carries the decisions out. Safe to use from any thread.

    A thread of its own takes all that waits as one batch. Each dataset is counted by `begin` when it has come through
    the gate of its source, and ends once in `finish`, in whichever thread its work ends.

    Args:
        run: What the datasets share.
        jobs: Keeps what became of datasets that changed or failed.
        completion: What the run has not finished.
        notifier: Tells of datasets that are current.
        options: How the run works. In a dry run, decisions are only told.
    """

    def __init__(
        self, run: RunContext, jobs: RunJobs, completion: Completion, notifier: Notifier, options: RunOptions
    ) -> None:
        self._run = run
        self._store = run.store
        self._stop = run.stop
        self._quarantine = QuarantineView(run.store)
        self._jobs = jobs
        self._completion = completion
        self._notifier = notifier
        self._dry_run = options.dry_run
        self._refetch = options.refetch
        self._queue = DecisionQueue()
        self._deciding = threading.Lock()
        self._thread = RunThread(self._decide_all, "ingestify-decide")
        self._thread.start()

    def close(self) -> None:
        """End its thread. Nothing is waiting any more."""
        self._queue.close()
        self._thread.join()

    # ---- discovery threads -----------------------------------------------------------------------------

    def begin(self, progress: JobProgress, number: int) -> None:
        """Count datasets of a job that have come through the gate."""
        progress.begin_datasets(number)
        self._completion.begin(number)

    def submit(self, batch: list[Discovered]) -> None:
        """Decide about datasets that have begun. Few of them are left to the deciding thread."""
        if len(batch) >= DECIDED_AT_ONCE:
            self._take_batch(batch)
        else:
            self._queue.put(batch)

    def decide(self, batch: Sequence[Discovered]) -> list[tuple[Decision, Dataset | None]]:
        """Decide about datasets, and do nothing yet. Each decision comes with the second argument of `carry_out`."""
        with self._deciding:
            decisions = self._decide(batch)
        unchanged = self._load_unchanged(decisions)
        return [(decision, unchanged.get(decision.dataset_id or "")) for decision in decisions]

    def needs_fetch(self, decision: Decision) -> bool:
        """Whether the provider is asked for files."""
        is_fetch = decision.action in (Action.FETCH, Action.REFETCH) and decision.error is None
        return is_fetch and not self._dry_run

    # ---- deciding --------------------------------------------------------------------------------------

    def _decide_all(self) -> None:
        """Decide about whatever waits, as one batch each time. The deciding thread."""
        for batch in self._queue.iter_batches():
            self._take_batch(batch)

    def _take_batch(self, batch: Sequence[Discovered]) -> None:
        """Decide about a batch and carry the decisions out. One thread at a time."""
        with self._deciding:
            batch = self._queue.begin(batch)
            decisions: list[Decision] = []
            if not self._stop.is_set:
                try:
                    decisions = self._decide(batch)
                except Exception as error:  # noqa: BLE001 - without the catalogue nothing can go on
                    self._stop.stop(error)
            if not decisions:
                for discovered in batch:
                    self.finish(discovered, NOTHING_DONE)
            elif self._notifier.tells_unchanged:
                unchanged = self._load_unchanged(decisions)
                for decision in decisions:
                    self.carry_out(decision, unchanged.get(decision.dataset_id or ""))
            else:
                self._carry_out_together(decisions)

    def _decide(self, batch: Sequence[Discovered]) -> list[Decision]:
        # A run compares when it ingests, and keeps what it finds.
        compare = functools.partial(as_compared, store=self._store) if self._dry_run else None
        return decide(self._store, batch, self._run.rules, self._quarantine, refetch=self._refetch, compare=compare)

    def _load_unchanged(self, decisions: Sequence[Decision]) -> dict[str, Dataset]:
        """Return the unchanged datasets that somebody wants to be told of, read at once."""
        if self._dry_run or not self._notifier.tells_unchanged:
            return {}
        ids = [
            decision.dataset_id
            for decision in decisions
            if decision.action in (Action.UNCHANGED, Action.QUARANTINED) and decision.dataset_id is not None
        ]
        return {dataset.dataset_id: dataset for dataset in self._store.catalogue.datasets.get(ids)} if ids else {}

    # ---- carrying it out: the deciding thread, or a discovery thread -----------------------------------

    def _carry_out_together(self, decisions: Sequence[Decision]) -> None:
        """Carry out decisions of which nobody is told, and end all unchanged datasets of a job at once."""
        unchanged: dict[JobProgress, list[Discovered]] = {decision.discovered.progress: [] for decision in decisions}
        others = set()
        for decision in decisions:
            progress = decision.discovered.progress
            is_unchanged = decision.action is Action.UNCHANGED and decision.error is None and not self._dry_run
            if is_unchanged and not decision.reasons:
                unchanged[progress].append(decision.discovered)
            else:
                others.add(progress)
                self.carry_out(decision)
        for progress, several in unchanged.items():
            self._run.source_contexts.of(progress.job.plan.source).gate.widen(progress not in others)
            if several:
                progress.listing.found(*[discovered.number for discovered in several])
                progress.count("unchanged", len([one for one in several if not one.is_duplicate]))
                self._release(progress, several)

    def carry_out(self, decision: Decision, unchanged: Dataset | None = None) -> None:
        """Carry out the decision about one dataset.

        Args:
            decision: The decision.
            unchanged: The dataset, if it is unchanged and somebody is told of it.
        """
        discovered = decision.discovered
        if decision.dataset_id is not None:
            discovered.progress.listing.found(discovered.number)
        if self._dry_run:
            if not (discovered.is_duplicate and decision.error is None and decision.action in _TOLD_ALREADY):
                self._jobs.tell_planned(discovered.progress, decision.as_planned())
            self.finish(discovered, NOTHING_DONE)
        elif decision.error is not None or decision.action not in _OUTCOMES:
            self._ingest(decision)
        elif (kind := _OUTCOMES[decision.action]) is None:
            discovered.progress.count("skipped")
            self.finish(discovered, NOTHING_DONE)
        else:
            task = None
            if decision.reasons or kind is TaskOutcome.QUARANTINED:
                task = summarize(discovered, kind, "; ".join(decision.reasons), dataset_id=decision.dataset_id)
            self.finish(discovered, Outcome(decision.existing or unchanged, task, current=True))

    def _ingest(self, decision: Decision) -> None:
        discovered = decision.discovered
        try:
            ingest = DatasetIngest(decision, self._run)
        except BaseException as error:  # noqa: BLE001 - the edge to user code: its checks say which datasets they are for
            why = one_line(self._stop.caught(error))
            task = summarize(discovered, TaskOutcome.FAILED, why, dataset_id=decision.dataset_id)
            self.finish(discovered, Outcome(None, task, current=False))
            return
        DatasetPipeline(ingest.run(), discovered, self._run, functools.partial(self._ingested, discovered)).resume()

    # ---- ends: any thread of the run -------------------------------------------------------------------

    def _ingested(self, discovered: Discovered, outcome: Outcome) -> None:
        """End a dataset whose ingest has ended, or decide about it anew."""
        again = outcome.again
        if again is not None and not self._stop.is_set:
            self._quarantine.changed()  # perhaps by the writer that came first
            if again.tries < MOST_TRIES:
                self._queue.put_again(discovered, again)
                return
            lost = SaveError(f"another writer changed {discovered.identifier} {MOST_TRIES} times meanwhile; run again")
            outcome = msgspec.structs.replace(outcome, task=summarize(discovered, TaskOutcome.FAILED, one_line(lost)))
        self.finish(discovered, outcome)

    def finish(self, discovered: Discovered, outcome: Outcome) -> None:
        """End one dataset: count it, and tell of it."""
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
        """Let other datasets through the gate in place of those that have ended, and their duplicates go on."""
        self._run.source_contexts.of(progress.job.plan.source).gate.leave(len(several))
        self._queue.end(several)
        self._completion.end_job_parts(progress, len(several))
        self._run.relistings.read_if_due(progress)
        self._completion.end(len(several))
