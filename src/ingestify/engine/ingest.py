"""One dataset, start to end: load its files side by side, make sure of them, publish, commit. All or nothing."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Collection, Iterable

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.change import AppliedChange, DatasetChange, NewFile, Settlement
from ingestify.domain.dataset import Dataset
from ingestify.domain.ports import FetchContext, IndexLook
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.domain.revision import RevisionState
from ingestify.domain.run import TaskOutcome, TaskSummary
from ingestify.domain.source import collecting
from ingestify.engine.bundle import LoadedBundle, find_unannounced
from ingestify.engine.bundle_objects import find_lost, publish, restore_in_quarantine
from ingestify.engine.bundle_rules import BundleRules, announces_more
from ingestify.engine.decision import Decision, wanted_by
from ingestify.engine.file_loading import FileLoading
from ingestify.engine.gaps import warn_of_gaps
from ingestify.engine.lanes import SourceLane
from ingestify.engine.loaded_file import LoadedResource
from ingestify.engine.moment import doubts_about, is_announced_alike, is_file_announced_alike, is_vouched_for
from ingestify.engine.outcome import Outcome, outcome_of, summarize
from ingestify.engine.relisting import Relisted, Relistings
from ingestify.engine.report import one_line
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

MOST_LOOKS = 6
"""How often files are asked for once more that moved each time."""
MOST_LISTINGS = 3
"""How often the index is read once more for a dataset whose entry moved each time."""


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
        resource, source = discovered.resource, discovered.job.plan.source
        self.begun = discovered
        self.discovered = discovered  # as it is listed by now
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
        self._relistings = relistings
        self._run_id = run_id
        self._done = done
        self._put_commit = put_commit
        self._rules = rules
        self._bundle_type = self._find_type()
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
            index_date=discovered.progress.index.first_date,
        )
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedResource] = {}
        # What is known of its moment; see `engine.moment`.
        self._index: IndexLook | None = None if collecting(source) else discovered.progress.index
        self._moved: dict[str, LoadedResource] = {}
        self._looks = self._listings = 0
        self._has_moved = False
        self._is_bracketed = False  # every file was asked for once more, and none was another one
        self._is_entry_sure = False  # the entry was read between two such looks, or after them, and is as it was
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
        wants = wanted_by(self.discovered)
        return LoadedBundle(
            self.discovered.resource,
            self._bundle_type,
            self.existing,
            self._entry,
            self._loaded,
            source_name,
            unasked=[file_id for file_id in self._current if not wants(file_id)],
        )

    @property
    def _current(self) -> Collection[str]:
        return () if self.existing is None else self.existing.files

    def _find_type(self) -> BundleType:
        """Return what a complete one holds, by the feeds that are announced, and that the lake has."""
        discovered = self.discovered
        feeds = {file.data_feed_key for file in discovered.resource.files.values()}
        if self.existing is not None:
            feeds |= {file.data_feed_key for file in self.existing.files.values()}
        source = discovered.job.plan.source
        return self._rules.type_of(source, discovered.provider, discovered.resource.dataset_type, feeds)

    # ---- the steps -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Queue its files; they are loaded side by side."""
        if self._error is not None:
            self._load([], self._loading.load, self._fail)
        elif extra := self._find_unasked():
            # What the plan does not ask for is asked for along with the rest, if there is any of it.
            pairs = frozenset((feed, version) for feed, _, version in (one.rpartition("__") for one in extra))
            self._relistings.ask(self.discovered, lambda found: self._go_on_with(found, self._widened), pairs)
        else:
            self._load(self.discovered.resource.files.values(), self._loading.load, self._files_loaded)

    def _find_unasked(self) -> list[str]:
        """Return the files of the current set that its source brought, and that the plan does not ask for."""
        if self._index is None:
            return []
        wants = wanted_by(self.discovered)
        lost = find_unannounced(self.existing, self.discovered.resource, self.discovered.job.source_name)
        return [file_id for file_id in lost if not wants(file_id)]

    def _widened(self, found: Relisted) -> None:
        """The index was read for more than the plan asks for; of that, what the lake has is taken along."""
        if found.discovered is not None:
            self._take_up(found)
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
                self._put(file.file_id, loaded)

        self._steps.side_by_side(files, keep, then)

    def _files_loaded(self) -> None:
        bundle = self._bundle
        if bundle.is_as_in_quarantine and not self._in_full:
            self._end_in_quarantine()
        elif skipped := [file_id for file_id, loaded in self._loaded.items() if loaded.skipped]:
            # Another file of the bundle changed, so each is asked for.
            self._load(self._files(skipped), self._loading.load_asking, self._files_loaded)
        elif lost := find_lost(self._store, bundle, self._started_at):
            self._load(self._files(lost), self._loading.load_in_full, self._files_loaded)
        elif bundle.new or bundle.removed:
            self._make_sure()
        else:
            self._judge()

    # ---- of one moment? --------------------------------------------------------------------------------

    def _make_sure(self, *, suspicious: bool = False) -> bool:
        """Ask for what does not show yet that all is of one moment, and then go on to the verdict.

        Returns:
            Whether anything was left to be asked for.
        """
        doubts = doubts_about(
            self.discovered.resource.files,
            self._loaded,
            self._index,
            is_change=self.existing is not None or self._has_moved,
            suspicious=suspicious,
        )
        if doubts.files and not self._is_bracketed:
            self._look_again(doubts.files)
        elif doubts.entry and not self._is_entry_sure:
            self._read_entry_again()
        elif not suspicious:
            self._judge()
            return False
        else:
            return False
        return True

    def _look_again(self, file_ids: Iterable[str]) -> None:
        self._moved = {}
        self._steps.side_by_side(self._files(file_ids), self._ask_again, self._looked_again)

    def _ask_again(self, file: FileResource) -> None:
        again = self._loading.look_again(file, self._loaded[file.file_id])
        if again is not None:
            with self._lock:
                self._moved[file.file_id] = again

    def _looked_again(self) -> None:
        if not self._moved:
            self._is_bracketed = True
            self._make_sure()
            return
        self._looks += 1
        self._has_moved = True
        self._is_entry_sure = self._is_post_loaded = False
        moved = self._moved
        for file_id, again in moved.items():
            self._put(file_id, again)
        logger.debug("%s: %s moved while it was being fetched", self._title, ", ".join(sorted(moved)))
        if all(again.is_alike for again in moved.values()):
            # What differs is made anew for each answer. If it moved as well, its entry shows that.
            self._warn_of_answers(moved)
            self._is_bracketed = True
        elif self._looks >= MOST_LOOKS:
            raise FetchError("the provider changed it each time it was asked for; the next run fetches it")
        self._make_sure()

    def _warn_of_answers(self, file_ids: Iterable[str]) -> None:
        discovered = self.discovered
        feeds = sorted({file.data_feed_key for file in self._files(file_ids)})
        if self._lane.tells_first("answers anew", discovered.resource.dataset_type, *feeds):
            logger.warning(
                "%s: %s: %s answered with other bytes each of three times, in the same places; the last answer is "
                "taken, and so it is of others like it.",
                discovered.job.source_name,
                discovered.name,
                ", ".join(feeds),
            )

    def _read_entry_again(self) -> None:
        self._listings += 1
        self._relistings.ask(self.discovered, lambda found: self._go_on_with(found, self._entry_read_again))

    def _go_on_with(self, found: Relisted, then: Callable[[Relisted], None]) -> None:
        """The index was read once more; a worker goes on."""

        def go_on() -> None:
            if self._stop.is_set:
                self._stopped_or_failed(None)
                return
            if found.error is not None:
                raise found.error
            if found.discovered is None and found.is_whole:
                raise SourceError("the provider changed it while it was being fetched, and lists it no more")
            then(found)

        self._steps.go_on(go_on)

    def _entry_read_again(self, found: Relisted) -> None:
        before = self.discovered.resource
        if found.discovered is None or is_announced_alike(before, found.discovered.resource):
            self._is_entry_sure = True
            self._make_sure()
            return
        logger.debug("%s: its entry in the index moved while it was being fetched", self._title)
        if self._listings >= MOST_LISTINGS:
            self._end_of_listings(before, found.discovered.resource)
            return
        self._take_up(found)
        files = self.discovered.resource.files
        alike = {
            file_id
            for file_id, file in files.items()
            if file_id in self._loaded and is_file_announced_alike(before.files[file_id], file)
        }
        self._has_moved = True
        # If no file is another one after this, the entry was read between two looks that found the same.
        self._is_bracketed = all(
            file.url is None or (file_id in alike and is_vouched_for(file, self._loaded[file_id]))
            for file_id, file in files.items()
        )
        self._is_entry_sure = True
        self._load(self._files(files.keys() - alike), self._load_as_listed, self._files_loaded)

    def _end_of_listings(self, before: DatasetResource, after: DatasetResource) -> None:
        """The entry was another one each time: it moves, or it holds something that is made anew for each answer."""
        same = before.files.keys() == after.files.keys() and all(
            (file.announced, file.asked_for) == (after.files[file_id].announced, after.files[file_id].asked_for)
            for file_id, file in before.files.items()
        )
        if not same or (before.name, before.state) != (after.name, after.state):
            raise FetchError("the provider changed its entry each time the index was read; the next run fetches it")
        if self._lane.tells_first("lists anew", after.dataset_type):
            logger.warning(
                "%s: %s: its entry in the index was another one each of %d times, with the same name and the same "
                "times; the last one is taken, and so it is of others like it.",
                self.discovered.job.source_name,
                self.discovered.name,
                MOST_LISTINGS,
            )
        self._is_entry_sure = True
        self._make_sure()

    def _take_up(self, found: Relisted) -> None:
        """Go on with what the index says by now, of what the plan asks for and the lake has."""
        assert found.discovered is not None, "it is listed"
        before, again = self.discovered.resource, found.discovered.resource
        wants = wanted_by(self.discovered)
        for file_id in [*again.files]:
            if not (file_id in before.files or file_id in self._current or wants(file_id)):
                del again.files[file_id]
        if again.error is not None:
            raise again.error
        if again.postponed is not None:
            raise SourceError(f"the provider changed it while it was being fetched: {again.postponed}")
        self.discovered = found.discovered
        self._is_post_loaded = False
        if self._index is not None:
            self._index = found.index
        self._bundle_type = self._find_type()
        for file_id in self._loaded.keys() - again.files.keys():
            self._put(file_id, None)

    def _load_as_listed(self, file: FileResource) -> LoadedResource:
        """Load a file of an entry that moved; one that came already is asked for again later."""
        loaded = self._loaded.get(file.file_id)
        if loaded is None or file.url is None or loaded.feed.asked_for != file.asked_for:
            return self._loading.load(file)
        return self._loading.as_announced(file, loaded)

    def _put(self, file_id: str, loaded: LoadedResource | None) -> None:
        """Keep what became of a file in place of what was kept before; None: it is no part of the dataset any more."""
        before = self._loaded.pop(file_id, None)
        if before is not None and before.staged is not None and (loaded is None or loaded.staged is not before.staged):
            before.staged.discard()
        if loaded is not None:
            self._loaded[file_id] = loaded

    # ---- the verdict -----------------------------------------------------------------------------------

    def _judge(self) -> None:
        """All files are there, and of one moment as far as can be told: may the bundle be seen?"""
        bundle = self._bundle
        rejected = self._find_reasons(bundle)
        # What does not agree may be a mix of two moments after all.
        if rejected and self._make_sure(suspicious=True):
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
            state=bundle.state,
            metadata=resource.metadata,
            existing=existing,
            files=[self._published[file_id] for file_id in resource.files if file_id in self._published],
            feeds=[loaded.feed for loaded in self._loaded.values()]
            + bundle.looks_at_withdrawn(rejected=bool(rejected)),
            description="" if existing is None else "; ".join(self._reasons)[:500],
            source={
                "source": discovered.job.source_name,
                "run_id": self._run_id,
                "job_id": discovered.progress.job_id,
                **discovered.job.plan.source.terms,
            },
            missing_feeds=bundle.missing_feeds,
            removed_file_ids=bundle.removed,
            forgotten_file_ids=() if rejected else tuple(one for one in bundle.removed if one not in resource.files),
            dataset_id=None if entry is None else entry.dataset_id,
            rejected=rejected,
            settles=None if entry is None else Settlement(entry.entry_id, seen=entry.state, state=_settled(rejected)),
        )
        warn_of_gaps(bundle, discovered, self._lane)
        if self._is_invalidated or self.change.is_news:
            self._put_commit(self)
        else:
            self._end(Outcome(self.existing, None, current=True))

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
        done = None if outcome is TaskOutcome.UNCHANGED else self._summarize(outcome, applied=applied)
        self._end(Outcome(applied.dataset, done, current=True))

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
