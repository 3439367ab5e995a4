"""One dataset, start to end: load its files side by side, make sure of them, publish, commit. All or nothing."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable

from ingestify.clock import now
from ingestify.domain.change import AppliedChange, DatasetChange, NewFile, Settlement
from ingestify.domain.dataset import Dataset
from ingestify.domain.fetch_policy import is_any_announced_anew
from ingestify.domain.ports import FetchContext
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.resource import FileResource
from ingestify.domain.revision import RevisionState
from ingestify.domain.run import TaskOutcome, TaskSummary
from ingestify.engine.bundle.bad_parts import describe_left_out, leave_out_bad_parts, refuse_web_pages
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.bundle.bundle_rules import BundleRules, asks_for_each
from ingestify.engine.bundle.loaded_file import LoadedResource
from ingestify.engine.decision.change_detection import Decision
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.source_context import SourceLane
from ingestify.engine.ingest.bundle_objects import find_lost, publish, restore_in_quarantine
from ingestify.engine.ingest.bundle_validation import CheckedBundle, reasons_against, shapes_of
from ingestify.engine.ingest.consistency import MomentProof
from ingestify.engine.ingest.file_loading import FileLoading
from ingestify.engine.ingest.file_pipeline import Steps
from ingestify.engine.ingest.in_hand import DatasetInHand
from ingestify.engine.ingest.missing_feeds import warn_of_gaps
from ingestify.engine.ingest.outcome import Outcome, outcome_of, summarize
from ingestify.engine.ingest.relisting import Relistings
from ingestify.engine.report.left_alone import find_left_alone
from ingestify.engine.report.report import one_line
from ingestify.engine.workers import StopToken, WorkerPool
from ingestify.errors import (
    FatalError,
    LakeUnwritable,
    StopProcessing,
    StoreError,
)
from ingestify.store.dataset_store import DatasetStore

__all__ = ["DatasetIngest"]

logger = logging.getLogger(__name__)


class DatasetIngest:
    """Brings one dataset into the lake; implements `engine.committer.Commit`.

    `start` is called by the thread that decided about it. Then worker threads go through its steps: the last one to
    finish a file of a step goes on to the next: files are loaded; those that may have moved meanwhile are asked for
    again; the bundle is judged. The committer calls the rest.

    Args:
        lane: That of its source.
        relistings: Reads the index once more.
        done: Called once, with what became of it.
        put_commit: Takes it when it is ready to be committed.
    """

    def __init__(
        self,
        decision: Decision,
        *,
        store: DatasetStore,
        lane: SourceLane,
        pool: WorkerPool,
        rules: BundleRules,
        stop: StopToken,
        relistings: Relistings,
        run_id: str,
        done: Callable[[DatasetIngest, Outcome], None],
        put_commit: Callable[[DatasetIngest], None],
    ) -> None:
        discovered = decision.discovered
        self.hand = DatasetInHand(decision, rules)
        self._entry = decision.entry
        self._is_invalidated = _was_invalidated_since(decision.existing, decision.entry)
        is_retried = decision.entry is not None and rules.wants_in_full(decision.entry)
        self._in_full = self._is_invalidated or decision.in_full or is_retried
        self._rules = rules
        self._reasons = decision.reasons
        self._store = store
        self._lane = lane
        progress = discovered.progress
        context = FetchContext(progress.usage, stop.event, unreachable_hosts=progress.unreachable_hosts)
        self._steps = Steps(pool, lane, stop, context, self._stop_run, self._stopped_or_failed)
        self._stop = stop
        self._run_id = run_id
        self._done = done
        self._put_commit = put_commit
        source, dataset_type = discovered.job.plan.source, discovered.resource.dataset_type
        self._checks = rules.checks_of(source, discovered.provider, dataset_type)
        self._loader = rules.loader_of(discovered.provider, dataset_type, [source])
        self._loading = FileLoading(
            decision.existing,
            decision.entry,
            store=store,
            fetcher=lane.fetcher,
            in_full=self._in_full,
            asks_all=decision.entry is None or asks_for_each(decision.entry, discovered.resource),
            restores=self._is_invalidated,
            shapes=shapes_of(self._checks),
            checked=self.hand.bundle_type.file_checks,
            index_date=discovered.progress.index.first_date,
        )
        self._proof = MomentProof(
            self.hand,
            loading=self._loading,
            steps=self._steps,
            relistings=relistings,
            lane=lane,
            reconsider=self._files_loaded,
            judge=self._judge,
        )
        self._error = decision.error
        self._published: dict[str, NewFile] = {}
        self._started_at = now()
        self._removals_seen = store.commits.removals_seen
        self.change: DatasetChange

    @property
    def existing(self) -> Dataset | None:
        """The dataset as the lake has it, or None."""
        return self.hand.existing

    @property
    def discovered(self) -> Discovered:
        """The dataset as it is listed by now."""
        return self.hand.discovered

    # ---- the steps -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Queue its files; they are loaded side by side."""
        if self._error is not None:
            self._load([], self._loading.load, self._fail)
        else:
            self._load(self.hand.resource.files.values(), self._loading.load, self._files_loaded)

    def _fail(self) -> None:
        assert self._error is not None, "it failed before it began"
        raise self._error

    def start_description(self) -> None:
        """Commit a changed name, state or metadata; no file is looked at, and nothing in quarantine is settled.

        Name and metadata of files that are announced anew, and do not come now, do not come either. After a discard,
        what is said of the dataset besides its files goes on.
        """
        existing, entry = self.existing, self._entry
        may_wait = existing is not None and (entry is None or entry.is_open)
        waits = may_wait and existing is not None and is_any_announced_anew(existing.feeds, self.hand.resource)
        self._commit_if_news(keeps_entry=True, keeps_description=waits)

    def _load(
        self, files: Iterable[FileResource], load: Callable[[FileResource], LoadedResource], then: Callable[[], None]
    ) -> None:
        """Load files side by side in one of the ways there are, keep what came of them, and go on with `then`."""
        self._steps.side_by_side(files, lambda file: self.hand.put(file.file_id, load(file)), then)

    def _files_loaded(self) -> None:
        hand, bundle = self.hand, self.hand.bundle
        leave_out_bad_parts(bundle)
        refuse_web_pages(bundle)
        is_other = bool(bundle.new or bundle.removed) or bundle.is_described_anew
        if bundle.is_as_in_quarantine and not self._in_full and not self._proof.has_moved:
            self._end_in_quarantine()
        elif skipped := [file_id for file_id, loaded in hand.loaded.items() if loaded.skipped]:
            # Another file of the bundle changed, so each is asked for.
            self._load(hand.files(skipped), self._loading.load_asking, self._files_loaded)
        elif lost := find_lost(self._store, bundle, self._started_at):
            self._load(hand.files(lost), self._loading.load_in_full, self._files_loaded)
        elif hand.extra and not hand.is_widened and (is_other or hand.may_lack_extra):
            self._proof.widen()
        elif bundle.new or bundle.removed or self._proof.has_moved or (hand.is_widened and is_other):
            self._proof.go_on()
        else:
            self._judge()

    # ---- the verdict -----------------------------------------------------------------------------------

    def _judge(self) -> None:
        """All files are there, and of one moment as far as can be told: may the bundle be seen?"""
        bundle = self.hand.bundle
        if bundle.is_as_in_quarantine and not self._in_full:
            self._end_in_quarantine()  # it was, or it is again after it moved
            return
        rejected = self._find_reasons(bundle)
        # What does not agree may be a mix of two moments after all.
        if rejected and self._proof.go_on(suspicious=True):
            return
        entry = self._entry
        is_same = entry is not None and entry.is_open and rejected == entry.reasons and bundle.is_as_in_quarantine
        if entry is not None and rejected and is_same:
            restore_in_quarantine(self._store, entry, bundle, self._started_at)
            self._end_in_quarantine()
            return
        self._published = publish(self._store, self.discovered, bundle)
        self._commit_if_news(rejected)

    def _find_reasons(self, bundle: LoadedBundle) -> tuple[str, ...]:
        """Call `post_load_files`, once, and return what speaks against the bundle."""
        discovered, resource = self.discovered, self.hand.resource
        post_loads = resource.post_load_files is not None and not self.hand.is_post_loaded
        if not post_loads and not bundle.new:
            return ()
        seen = CheckedBundle(
            bundle,
            self._store,
            provider=discovered.provider,
            loader=self._loader,
            identifier=discovered.identifier,
            name=discovered.name,
        )
        try:
            if post_loads and resource.post_load_files is not None:
                self.hand.is_post_loaded = True
                resource.post_load_files(resource, seen.as_loaded_files(), self.existing)
                seen.state = bundle.state
            if not bundle.new:
                return ()
            with_files = self.hand.bundle_type.file_checks
            return tuple(reasons_against(bundle, seen, self._checks, with_files=with_files, shrunk=self._rules.shrunk))
        finally:
            seen.close()

    # ---- the change ------------------------------------------------------------------------------------

    def _commit_if_news(
        self, rejected: tuple[str, ...] = (), *, keeps_entry: bool = False, keeps_description: bool = False
    ) -> None:
        """Set `change` to what is to be committed, and queue it; or end, if the lake is as it should be."""
        discovered, existing = self.discovered, self.existing
        entry = None if keeps_entry else self._entry
        bundle = self.hand.bundle
        resource = discovered.resource
        kept = existing if keeps_description or bundle.keeps_description else None
        self.change = DatasetChange(
            bucket=self._store.bucket,
            provider=discovered.provider,
            dataset_type=resource.dataset_type,
            identifier=discovered.identifier,
            name=discovered.name if kept is None else kept.name,
            state=bundle.state,
            metadata=resource.metadata if kept is None else kept.metadata,
            existing=existing,
            files=[self._published[file_id] for file_id in resource.files if file_id in self._published],
            feeds=[loaded.feed for loaded in self.hand.loaded.values()]
            + bundle.looks_at_withdrawn(rejected=bool(rejected)),
            description="" if existing is None else "; ".join(self._reasons)[:500],
            source={
                "source": discovered.job.source_name,
                "run_id": self._run_id,
                "job_id": discovered.progress.job_id,
                **discovered.job.plan.source.terms,
                # So that whoever reads the lake without its configuration loads it all the same.
                **({"loader": self._loader} if self._loader else {}),
            },
            missing_feeds=bundle.missing_feeds,
            removed_file_ids=bundle.removed,
            forgotten_file_ids=() if rejected else tuple(one for one in bundle.removed if one not in resource.files),
            dataset_id=None if entry is None else entry.dataset_id,
            rejected=rejected,
            settles=None if entry is None else Settlement(entry.entry_id, seen=entry.state, state=_settled(rejected)),
            removals_seen=self._removals_seen,
            confirms=self._is_invalidated and not rejected and bundle.is_as_in_lake,
        )
        warn_of_gaps(bundle, discovered, self._lane)
        if bundle.is_in_doubt:
            discovered.progress.is_in_doubt = True
        if self.change.is_news:
            self._put_commit(self)
        else:
            self._end_unchanged(self.existing)

    # ---- ends ------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """Another writer changed the dataset meanwhile.

        If it has what was fetched here, there is nothing to do. Otherwise it is looked at anew: which of two
        answers of the provider is the later one cannot be told from here, and mixing them is what must not be.
        """
        discovered = self.discovered
        try:
            there = self._store.catalogue.datasets.find(
                self._store.bucket, discovered.provider, discovered.resource.dataset_type, discovered.identifier
            )
        except StoreError as error:
            self.failed(error)
            return
        same = there is not None and not self.change.rejected and self._agrees_with(there)
        again = None if same else dataclasses.replace(discovered, tries=discovered.tries + 1)
        self._end(Outcome(there, None, current=same, again=again))

    def _agrees_with(self, there: Dataset) -> bool:
        before = {} if self.existing is None else self.existing.files
        wanted = {file_id: file.tag for file_id, file in before.items()}
        wanted.update({file_id: new.tag for file_id, new in self._published.items()})
        for file_id in self.change.removed_file_ids:
            wanted.pop(file_id, None)
        return bool(self.hand.loaded) and wanted == {file_id: file.tag for file_id, file in there.files.items()}

    def committed(self, applied: AppliedChange) -> None:
        """It is in the lake, or in quarantine."""
        if applied.entry is not None:
            task = self._summarize(TaskOutcome.QUARANTINED, "; ".join(applied.entry.reasons))
            self._end(Outcome(self.existing, task, current=True))
            return
        if applied.revision is not None and applied.revision.removed_file_ids:
            self.discovered.progress.took_out = True
        outcome = outcome_of(applied, is_new=self.existing is None)
        if outcome is TaskOutcome.UNCHANGED:
            self._end_unchanged(applied.dataset)
        else:
            task = self._summarize(outcome, self._lacks(applied.dataset), applied)
            self._end(Outcome(applied.dataset, task, current=True))

    def _end_unchanged(self, dataset: Dataset | None) -> None:
        """No file changed; if one is left out as it is broken, that is told in each run."""
        lacks = self._lacks(dataset)
        task = self._summarize(TaskOutcome.UNCHANGED, lacks) if lacks else None
        self._end(Outcome(dataset, task, current=True))

    def _lacks(self, dataset: Dataset | None) -> str:
        return "" if dataset is None else describe_left_out(dataset.feeds, self.discovered.resource.files)

    def _stop_run(self, error: StopProcessing | FatalError) -> None:
        progress = self.discovered.progress
        if progress.error is None:
            progress.error = error
        self._stop.stop(error)

    def _stopped_or_failed(self, error: Exception | None) -> None:
        if error is None:
            self._end(Outcome(self.existing, None, current=False))
        else:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """It is not in the lake, and what was there before stays."""
        if isinstance(error, LakeUnwritable):
            self._stop.stop(error)
            self._end(Outcome(self.existing, None, current=False))
            return
        if (alone := find_left_alone(error)) is not None:
            self.discovered.progress.leave_alone(alone, datasets=1)
            self._end(Outcome(self.existing, None, current=False))
            return
        logger.debug("%s failed", self.hand.title, exc_info=error)
        self.discovered.progress.note_unreached(error)
        task = self._summarize(TaskOutcome.FAILED, one_line(error))
        self._end(Outcome(self.existing, task, current=False))

    def _end_in_quarantine(self) -> None:
        """The provider still serves the bundle that is in quarantine; or that was discarded, which is no news."""
        entry = self._entry
        assert entry is not None, "there is something in quarantine"
        looks = [loaded.feed for loaded in self.hand.loaded.values()]
        feeds = {**entry.feeds, **{feed.file_id: feed for feed in looks}}
        if not entry.is_open:
            # That very bundle was discarded; what is said of the dataset besides its files goes on.
            self.hand.loaded = {}
            if self._in_full:
                self._store.catalogue.quarantine.save_check(dataclasses.replace(entry, feeds=feeds))
            if self.existing is None:
                self._end(Outcome(None, None, current=True))
            else:
                self._commit_if_news(keeps_entry=True)
            return
        if self._in_full or any(feed.is_news_after(entry.feeds.get(feed.file_id)) for feed in looks):
            self._store.catalogue.quarantine.save_check(dataclasses.replace(entry, feeds=feeds))
        task = self._summarize(TaskOutcome.QUARANTINED, "; ".join(entry.reasons))
        self._end(Outcome(self.existing, task, current=True))

    def _summarize(self, outcome: TaskOutcome, error: str = "", applied: AppliedChange | None = None) -> TaskSummary:
        dataset = self.existing if applied is None else applied.dataset
        return summarize(
            self.discovered,
            outcome,
            error,
            dataset_id=None if dataset is None else dataset.dataset_id,
            revision_id=None if applied is None or applied.revision is None else applied.revision.revision_id,
            started_at=self._started_at,
        )

    def _end(self, outcome: Outcome) -> None:
        for loaded in self.hand.loaded.values():
            if loaded.staged is None:
                continue
            if outcome.current:
                loaded.staged.discard()
            else:
                loaded.staged.set_aside()  # another file failed, or the run stops: the next one need not fetch this one
        self.hand.loaded = {}
        self._done(self, outcome)


def _was_invalidated_since(existing: Dataset | None, entry: QuarantineEntry | None) -> bool:
    """Whether the current revision is VALIDATION_FAILED, and what is served instead is not known.

    What was rejected since then is: it waits in quarantine, under the rules for that.
    """
    if existing is None or not existing.revisions:
        return False
    is_marked = existing.revisions[-1].state is RevisionState.VALIDATION_FAILED
    # Not by times, which are of two clocks: with the mark, what waits is to be fetched anew.
    return is_marked and (entry is None or entry.retry_requested_at is not None)


def _settled(rejected: tuple[str, ...]) -> QuarantineState:
    return QuarantineState.SUPERSEDED if rejected else QuarantineState.RESOLVED
