"""One dataset, start to end: load its files side by side, make sure of them, publish, commit. All or nothing."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable

from ingestify.clock import now
from ingestify.domain.change import AppliedChange, DatasetChange, NewFile, Settlement
from ingestify.domain.dataset import Dataset
from ingestify.domain.ports import FetchContext
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.resource import FileResource
from ingestify.domain.revision import RevisionState
from ingestify.domain.run import TaskOutcome, TaskSummary
from ingestify.domain.source import collecting
from ingestify.engine.bad_parts import describe_left_out, leave_out_bad_parts, leaving_with_a_change
from ingestify.engine.bundle import LoadedBundle
from ingestify.engine.bundle_objects import find_lost, publish, restore_in_quarantine
from ingestify.engine.bundle_rules import BundleRules, announces_more
from ingestify.engine.decision import Decision
from ingestify.engine.discovery import Discovered, discover_again
from ingestify.engine.file_loading import FileLoading
from ingestify.engine.gaps import warn_of_gaps
from ingestify.engine.lanes import SourceLane
from ingestify.engine.loaded_file import LoadedResource, Moved
from ingestify.engine.outcome import Outcome, outcome_of, summarize
from ingestify.engine.report import one_line
from ingestify.engine.second_look import files_to_ask_again
from ingestify.engine.steps import Steps
from ingestify.engine.verdict import CheckedBundle, reasons_against, shapes_of
from ingestify.engine.workers import StopToken, WorkerPool
from ingestify.errors import (
    FatalError,
    FetchError,
    LakeUnwritable,
    SourceError,
    StopProcessing,
    StoreError,
)
from ingestify.store.dataset_store import DatasetStore

__all__ = ["DatasetIngest"]

logger = logging.getLogger(__name__)

MOST_MOVES = 3
"""How often a dataset is fetched that moved each time; what still moves then answers anew each time it is asked."""


class DatasetIngest:
    """Brings one dataset into the lake; implements `engine.committer.Commit`.

    `start` is called by the thread that decided about it. Then worker threads go through its steps: the last one to
    finish a file of a step goes on to the next: files are loaded; those that may have moved meanwhile are asked for
    again; the bundle is judged. The committer calls the rest.

    Args:
        lane: That of its source.
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
        run_id: str,
        done: Callable[[DatasetIngest, Outcome], None],
        put_commit: Callable[[DatasetIngest], None],
    ) -> None:
        discovered = decision.discovered
        resource, source = discovered.resource, discovered.job.plan.source
        self.discovered: Discovered = discovered
        self.existing = decision.existing
        self._entry = decision.entry
        self._is_invalidated = _was_invalidated_since(decision.existing, decision.entry)
        self._in_full = self._is_invalidated or (decision.entry is not None and rules.wants_in_full(decision.entry))
        self._reasons = decision.reasons
        self._store = store
        self._lane = lane
        context = FetchContext(discovered.progress.usage, stop.event)
        self._steps = Steps(pool, lane, stop, context, self._stop_run, self._stopped_or_failed)
        self._stop = stop
        self._run_id = run_id
        self._done = done
        self._put_commit = put_commit
        feeds = {file.data_feed_key for file in resource.files.values()}
        if decision.existing is not None:
            feeds |= {file.data_feed_key for file in decision.existing.files.values()}
        self._bundle_type = rules.type_of(source, discovered.provider, resource.dataset_type, feeds)
        self._checks = rules.checks_of(source, discovered.provider, resource.dataset_type)
        self._loading = FileLoading(
            decision.existing,
            decision.entry,
            store=store,
            fetcher=lane.fetcher,
            in_full=self._in_full,
            asks_all=decision.entry is None or announces_more(decision.entry, resource),
            restores=self._is_invalidated,
            shapes=shapes_of(self._checks),
            checked=self._bundle_type.file_checks,
        )
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedResource] = {}
        self._moved: dict[str, Moved] = {}
        self._confirmed: set[str] = set()
        self._is_post_loaded = False
        self._error = decision.error
        self._published: dict[str, NewFile] = {}
        self._started_at = now()
        self.change: DatasetChange

    @property
    def _title(self) -> str:
        discovered = self.discovered
        return f"{discovered.provider}/{discovered.resource.dataset_type}/{discovered.identifier}"

    @property
    def _bundle(self) -> LoadedBundle:
        source_name = self.discovered.job.source_name
        return LoadedBundle(
            self.discovered.resource, self._bundle_type, self.existing, self._entry, self._loaded, source_name
        )

    # ---- the steps -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Queue its files; they are loaded side by side."""
        if self._error is not None:
            self._load([], self._loading.load, self._fail)
        else:
            self._load(self.discovered.resource.files.values(), self._loading.load, self._files_loaded)

    def _fail(self) -> None:
        assert self._error is not None, "it failed before it began"
        raise self._error

    def _files(self, file_ids: Iterable[str]) -> list[FileResource]:
        return [self.discovered.resource.files[file_id] for file_id in file_ids]

    def start_description(self) -> None:
        """Commit a changed name, state or metadata; no file is looked at, and nothing in quarantine is settled."""
        self._commit_if_news(keeps_entry=True)

    def _load(
        self, files: Iterable[FileResource], load: Callable[[FileResource], LoadedResource], then: Callable[[], None]
    ) -> None:
        """Load files side by side in one of the ways there are, keep what came of them, and go on with `then`."""

        def keep(file: FileResource) -> None:
            loaded = load(file)
            with self._lock:
                self._loaded[file.file_id] = loaded

        self._steps.side_by_side(files, keep, then)

    def _ask_again(self, file: FileResource) -> None:
        moved = self._loading.look_again(file, self._loaded[file.file_id])
        with self._lock:
            if moved is Moved.NO:
                self._confirmed.add(file.file_id)
            else:
                self._moved[file.file_id] = moved

    def _files_loaded(self) -> None:
        bundle = self._bundle
        leave_out_bad_parts(bundle)
        if bundle.is_as_in_quarantine and not self._in_full:
            self._end_in_quarantine()
        elif skipped := [file_id for file_id, loaded in self._loaded.items() if loaded.skipped]:
            # Another file of the bundle changed, so each is asked for.
            self._load(self._files(skipped), self._loading.load_asking, self._files_loaded)
        elif lost := find_lost(self._store, bundle, self._started_at):
            self._load(self._files(lost), self._loading.load_in_full, self._files_loaded)
        elif bundle.new:
            self._look_again(bundle, suspicious=False)
        else:
            self._judge()

    def _look_again(self, bundle: LoadedBundle, *, suspicious: bool) -> bool:
        """Ask once more for what may have moved, and then go on to the verdict. False: nothing is left to ask for."""
        asked = files_to_ask_again(
            bundle.resource.files,
            bundle.loaded,
            is_change=self.existing is not None,
            suspicious=suspicious,
        )
        left = [file_id for file_id in asked if file_id not in self._confirmed]
        if left:
            self._steps.side_by_side(self._files(left), self._ask_again, self._looked_again)
        elif not suspicious:
            self._judge()
        return bool(left)

    def _looked_again(self) -> None:
        if not self._moved:
            self._judge()
            return
        discovered = self.discovered
        logger.debug("%s: %s moved while it was being fetched", self._title, ", ".join(sorted(self._moved)))
        if discovered.moves + 1 < MOST_MOVES and collecting(discovered.job.plan.source) is None:
            self._start_over()
        elif set(self._moved.values()) == {Moved.BYTES}:
            feeds = {file.data_feed_key for file in self._files(self._moved)}
            logger.warning(
                "%s: %s: %s answered with other bytes each time, and names no versions, so that its files are of one "
                "moment cannot be shown; the last answer is taken.",
                discovered.job.source_name,
                discovered.name,
                ", ".join(sorted(feeds)),
            )
            self._confirmed |= self._moved.keys()
            self._moved = {}
            self._judge()
        else:
            raise FetchError("the provider changed it while it was being fetched; the next run fetches it")

    def _start_over(self) -> None:
        """The provider changed the dataset meanwhile: look at it anew, with what its index says by now."""
        again = discover_again(self.discovered, self._store)
        if again is None:
            raise SourceError("the provider changed it while it was being fetched, and lists it no more")
        self._end(Outcome(self.existing, None, current=False, again=dataclasses.replace(again, moves=again.moves + 1)))

    def _judge(self) -> None:
        """All files are there, and of one moment as far as can be told: may the bundle be seen?"""
        bundle = self._bundle
        rejected = self._find_reasons(bundle)
        # What does not agree may be a mix of two moments after all.
        if rejected and self._look_again(bundle, suspicious=True):
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
        discovered, resource = self.discovered, self.discovered.resource
        post_loads = resource.post_load_files is not None and not self._is_post_loaded
        if not post_loads and not bundle.new:
            return ()
        seen = CheckedBundle(
            bundle, self._store, provider=discovered.provider, identifier=discovered.identifier, name=discovered.name
        )
        try:
            if post_loads and resource.post_load_files is not None:
                self._is_post_loaded = True
                resource.post_load_files(resource, seen.as_loaded_files(), self.existing)
                seen.state = bundle.state
            if not bundle.new:
                return ()
            return tuple(reasons_against(bundle, seen, self._checks, with_files=self._bundle_type.file_checks))
        finally:
            seen.close()

    # ---- the change ------------------------------------------------------------------------------------

    def _commit_if_news(self, rejected: tuple[str, ...] = (), *, keeps_entry: bool = False) -> None:
        """Set `change` to what is to be committed, and queue it; or end, if the lake is as it should be."""
        discovered, existing = self.discovered, self.existing
        entry = None if keeps_entry else self._entry
        bundle = self._bundle
        resource = discovered.resource
        self.change = DatasetChange(
            bucket=self._store.bucket,
            provider=discovered.provider,
            dataset_type=resource.dataset_type,
            identifier=discovered.identifier,
            name=discovered.name,
            state=bundle.state_if_accepted if rejected else bundle.state,
            metadata=resource.metadata,
            existing=existing,
            files=[self._published[file_id] for file_id in resource.files if file_id in self._published],
            feeds=[loaded.feed for loaded in self._loaded.values()] + (bundle.looks_at_withdrawn() if rejected else []),
            description="" if existing is None else "; ".join(self._reasons)[:500],
            source={
                "source": discovered.job.source_name,
                "run_id": self._run_id,
                "job_id": discovered.progress.job_id,
                **discovered.job.plan.source.terms,
            },
            missing_feeds=bundle.missing_feeds_if_accepted if rejected else bundle.missing_feeds,
            removed_file_ids=bundle.no_more if rejected else leaving_with_a_change(bundle),
            dataset_id=None if entry is None else entry.dataset_id,
            rejected=rejected,
            settles=None if entry is None else Settlement(entry.entry_id, seen=entry.state, state=_settled(rejected)),
        )
        warn_of_gaps(bundle, discovered, self._lane)
        if self._is_invalidated or self.change.is_news:
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
            there = self._store.catalogue.find_dataset(
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
        return bool(self._loaded) and wanted == {file_id: file.tag for file_id, file in there.files.items()}

    def committed(self, applied: AppliedChange) -> None:
        """It is in the lake, or in quarantine."""
        if applied.entry is not None:
            task = self._summarize(TaskOutcome.QUARANTINED, "; ".join(applied.entry.reasons))
            self._end(Outcome(self.existing, task, current=True))
            return
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
        logger.debug("%s failed", self._title, exc_info=error)
        task = self._summarize(TaskOutcome.FAILED, one_line(error))
        self._end(Outcome(self.existing, task, current=False))

    def _end_in_quarantine(self) -> None:
        """The provider still serves the bundle that is in quarantine; or that was discarded, which is no news."""
        entry = self._entry
        assert entry is not None, "there is something in quarantine"
        looks = [loaded.feed for loaded in self._loaded.values()]
        feeds = {**entry.feeds, **{feed.file_id: feed for feed in looks}}
        if not entry.is_open:
            # That very bundle was discarded; what is said of the dataset besides its files goes on.
            self._loaded = {}
            if self._in_full:
                self._store.catalogue.save_quarantine_look(dataclasses.replace(entry, feeds=feeds))
            if self.existing is None:
                self._end(Outcome(None, None, current=True))
            else:
                self._commit_if_news(keeps_entry=True)
            return
        if self._in_full or any(feed.is_news_after(entry.feeds.get(feed.file_id)) for feed in looks):
            self._store.catalogue.save_quarantine_look(dataclasses.replace(entry, feeds=feeds))
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
        for loaded in self._loaded.values():
            if loaded.staged is None:
                continue
            if outcome.current:
                loaded.staged.discard()
            else:
                loaded.staged.set_aside()  # another file failed, or the run stops: the next one need not fetch this one
        self._loaded = {}
        self._done(self, outcome)


def _was_invalidated_since(existing: Dataset | None, entry: QuarantineEntry | None) -> bool:
    """Whether the current revision was marked VALIDATION_FAILED, and the provider was not asked since then."""
    if existing is None or not existing.revisions or existing.revisions[-1].state is RevisionState.VALID:
        return False
    looks = [feed.checked_at for feed in existing.feeds.values()] + ([] if entry is None else [entry.checked_at])
    return all(look <= existing.updated_at for look in looks)


def _settled(rejected: tuple[str, ...]) -> QuarantineState:
    return QuarantineState.SUPERSEDED if rejected else QuarantineState.RESOLVED
