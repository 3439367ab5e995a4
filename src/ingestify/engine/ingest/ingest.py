"""One dataset, from the decision to its end: its files are loaded, compared, validated, published and committed.

`DatasetIngest.run` is the whole way. No thread waits for a step; see `pipeline`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection

import msgspec

from ingestify.clock import now
from ingestify.domain.adopted import confirmed_feeds
from ingestify.domain.change import AppliedChange, DatasetChange, Settlement
from ingestify.domain.dataset import Dataset
from ingestify.domain.fetch_policy import is_any_announced_anew
from ingestify.domain.file import NewFile
from ingestify.domain.ports import HeadMoved
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.resource import FileResource, PostLoadFiles
from ingestify.domain.revision import RevisionState
from ingestify.domain.run import TaskOutcome
from ingestify.engine.bundle.broken_files import describe_left_out, leave_out_broken_files, refuse_web_pages
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.bundle.bundle_rules import asks_for_each
from ingestify.engine.bundle.loaded_file import NOTHING_FOUND, LoadedResource
from ingestify.engine.decision.change_detection import Action, Decision
from ingestify.engine.ingest.bundle_objects import find_lost, publish, restore_in_quarantine
from ingestify.engine.ingest.bundle_validation import CheckedBundle, Findings, check_bundle, shapes_of
from ingestify.engine.ingest.consistency import ConsistencyCheck
from ingestify.engine.ingest.fetched_dataset import FetchedDataset
from ingestify.engine.ingest.file_loading import FileLoading
from ingestify.engine.ingest.missing_feeds import warn_of_missing_feeds
from ingestify.engine.ingest.outcome import Outcome, outcome_of, summarize
from ingestify.engine.ingest.pipeline import Commit, LoadFiles, RunContext
from ingestify.engine.report.left_alone import find_left_alone
from ingestify.engine.report.report import one_line
from ingestify.errors import FatalError, LakeUnwritable, SourceError, StopProcessing

__all__ = ["DatasetIngest"]

logger = logging.getLogger(__name__)

_NOTHING_FOUND = Findings()


class DatasetIngest:
    """Brings one dataset into the lake.

    Args:
        decision: Why it is ingested, and what the lake and the quarantine have of it.
        run: The run that it belongs to.

    Raises:
        Exception: A check cannot say for which datasets it is.
    """

    def __init__(self, decision: Decision, run: RunContext) -> None:
        discovered, existing, entry = decision.discovered, decision.existing, decision.entry
        source, dataset_type, rules = discovered.job.plan.source, discovered.resource.dataset_type, run.rules
        self._decision = decision
        self._run = run
        self._store = run.store
        self._source_context = run.source_contexts.of(source)
        self._fetched = FetchedDataset(decision, rules, reads_index_again=self._source_context.reads_index_again)
        self._was_invalidated = _was_invalidated_since(existing, entry)
        is_retried = entry is not None and rules.wants_unconditional(entry)
        self._unconditional = self._was_invalidated or decision.unconditional or is_retried
        self._checks = rules.checks_of(source, discovered.provider, dataset_type)
        self._loader = rules.loader_of(discovered.provider, dataset_type, [source])
        self._loading = FileLoading(
            existing,
            entry,
            store=run.store,
            fetcher=self._source_context.fetcher,
            unconditional=self._unconditional,
            stages_unchanged=self._was_invalidated,
            shapes=shapes_of(self._checks),
            checked=self._fetched.bundle_type.file_checks,
            index_date=discovered.progress.index.first_date,
        )
        self._consistency = ConsistencyCheck(self._fetched, self._loading, self._source_context)
        self._started_at = now()
        self._removals_seen = run.store.commits.removals_seen

    async def run(self) -> Outcome:
        """Ingest the dataset, and return what became of it. An error fails this dataset only."""
        progress = self._decision.discovered.progress
        outcome = Outcome(self._decision.existing, None, current=False)
        try:
            outcome = await self._ingest()
        except (StopProcessing, FatalError) as error:
            progress.error = progress.error or error
            self._run.stop.stop(error)
        except BaseException as error:  # noqa: BLE001 - the task's boundary: it fails this dataset only
            raised = self._run.stop.caught(error)
            if not self._run.stop.is_set:
                outcome = self._failed(raised)
        finally:
            for loaded in self._fetched.loaded.values():
                if loaded.staged is None:
                    continue
                if outcome.current:
                    loaded.staged.discard()
                else:
                    loaded.staged.keep_partial()  # so that the next run need not fetch it again
        return outcome

    async def _ingest(self) -> Outcome:
        if self._decision.error is not None:
            raise self._decision.error
        if self._decision.action in (Action.METADATA, Action.CONFIRM):
            return await self._ingest_description()
        fetched, consistency, entry = self._fetched, self._consistency, self._decision.entry
        # 1. Fetch all files, side by side.
        may_skip = entry is not None and not asks_for_each(entry, fetched.resource)
        await self._load(fetched.resource.files.values(), lambda file: self._load_first(file, may_skip=may_skip))
        # Each `continue` means: more files came, or the provider changed something. Then the bundle is another one.
        while True:
            bundle = fetched.bundle
            leave_out_broken_files(bundle)
            refuse_web_pages(bundle)
            equals_quarantined = bundle.equals_quarantined and not self._unconditional
            # 2. Make sure that the files are all there, and belong together.
            if equals_quarantined and not consistency.found_change:
                return await self._stays_in_quarantine()
            if await self._load_rest(bundle) or await self._has_changed(bundle):
                continue
            if equals_quarantined:
                return await self._stays_in_quarantine()
            # 3. Validate the bundle. Files that do not agree may have changed meanwhile after all.
            found = self._validate(bundle)
            rejected = found.reasons
            if rejected and await consistency.has_changed(is_suspicious=True):
                continue
            has_same_reasons = entry is not None and entry.is_open and rejected == entry.reasons
            if entry is not None and rejected and has_same_reasons and bundle.equals_quarantined:
                restore_in_quarantine(self._store, entry, bundle, self._started_at)
                return await self._stays_in_quarantine()
            # 4. Publish the objects, also those of a rejected bundle, and commit.
            for one in bundle.new.values():
                one.findings = NOTHING_FOUND  # decoded for the checks; a hundred datasets may wait for their commit
            published = publish(self._store, fetched.discovered, bundle)
            return await self._commit(bundle, published, found)

    async def _ingest_description(self) -> Outcome:
        """Commit a changed name, state or metadata. No file is asked for, and the quarantine stays as it is.

        If the index announces new versions of files that do not come now, the name and metadata that go with these
        files do not come either. After a discard they do.
        """
        existing, entry = self._decision.existing, self._decision.entry
        has_content_ids = any(file.content_id is not None for file in self._fetched.resource.files.values())
        if existing is not None and existing.is_adopted and has_content_ids:
            self._fetched.discovered.progress.is_in_doubt = True  # the next run compares them
        keeps_description = (
            existing is not None
            and (entry is None or entry.is_open)
            and is_any_announced_anew(existing.feeds, self._fetched.resource)
        )
        return await self._commit(self._fetched.bundle, keeps_entry=True, keeps_description=keeps_description)

    # ---- loading ---------------------------------------------------------------------------------------

    async def _load(self, files: Collection[FileResource], load: Callable[[FileResource], LoadedResource]) -> None:
        await LoadFiles(files, lambda file: self._fetched.put(file.file_id, load(file)))

    def _load_first(self, file: FileResource, *, may_skip: bool) -> LoadedResource:
        first = self._decision.first
        if first and file.file_id not in first:
            return self._loading.skip(file)
        return self._loading.load(file, may_skip=may_skip)

    async def _load_rest(self, bundle: LoadedBundle) -> bool:
        """Load the files that turn out to be needed too. Returns whether there were any."""
        fetched = self._fetched
        skipped = [file_id for file_id, loaded in fetched.loaded.items() if loaded.skipped]
        if skipped and not (self._decision.first and not bundle.new and not bundle.removed):
            await self._load(fetched.files(skipped), self._loading.load)  # another file of the bundle changed
        elif lost := find_lost(self._store, bundle, self._started_at):
            await self._load(fetched.files(lost), self._loading.load_unconditionally)
        elif (
            fetched.unplanned and not fetched.asked_for_unplanned and (_is_other(bundle) or fetched.may_lack_unplanned)
        ):
            await self._consistency.load_unplanned()
        else:
            return False
        return True

    async def _has_changed(self, bundle: LoadedBundle) -> bool:
        """Whether the provider changed the dataset while it was fetched. Without news, it is not asked."""
        is_new = bundle.new or bundle.removed or self._consistency.found_change
        if is_new or (self._fetched.asked_for_unplanned and _is_other(bundle)):
            return await self._consistency.has_changed()
        return False

    # ---- validation ------------------------------------------------------------------------------------

    def _validate(self, bundle: LoadedBundle) -> Findings:
        """Call `post_load_files`, once, and return what the checks find."""
        post_load = None if self._fetched.is_post_loaded else bundle.resource.post_load_files
        if post_load is None and not bundle.new:
            return _NOTHING_FOUND
        seen = self._see(bundle)
        if post_load is not None:
            self._fetched.is_post_loaded = True
            try:
                _call_post_load(post_load, bundle, seen)
            finally:
                seen.close()
            bundle.compare()
            seen.state = bundle.state
        if not bundle.new:
            return _NOTHING_FOUND
        rules, stop = self._run.rules, self._run.stop.event
        return check_bundle(
            bundle, seen, lambda: self._see(bundle), self._checks, rules.shrunk, rules.check_calls, stop
        )

    def _see(self, bundle: LoadedBundle) -> CheckedBundle:
        return CheckedBundle(bundle, self._store, self._fetched.discovered, self._loader)

    # ---- ends ------------------------------------------------------------------------------------------

    async def _commit(
        self,
        bundle: LoadedBundle,
        published: dict[str, NewFile] | None = None,
        found: Findings = _NOTHING_FOUND,
        *,
        keeps_entry: bool = False,
        keeps_description: bool = False,
    ) -> Outcome:
        """Commit what differs from the lake, if anything does.

        Args:
            bundle: The files together.
            published: The new files, by file id.
            found: Why the bundle goes into quarantine, or what is published with it.
            keeps_entry: Whether the dataset's entry in the quarantine stays as it is.
            keeps_description: Whether the lake keeps the name and metadata that it has.
        """
        discovered, existing = self._fetched.discovered, self._decision.existing
        entry = None if keeps_entry else self._decision.entry
        kept = existing if keeps_description or bundle.keeps_description else None
        change = self._make_change(bundle, published or {}, found, entry, kept)
        warn_of_missing_feeds(bundle, discovered, self._source_context)
        if bundle.is_in_doubt:
            discovered.progress.is_in_doubt = True
        if not change.is_news:
            return self._ended(TaskOutcome.UNCHANGED, existing)
        try:
            applied = await Commit(change)
        except HeadMoved:
            return self._overtaken(change)
        except Exception as error:  # noqa: BLE001 - it is reported even if the run is stopping
            return self._failed(error)
        if applied.entry is not None:
            return self._ended(TaskOutcome.QUARANTINED, existing, "; ".join(applied.entry.reasons))
        if applied.revision is not None and applied.revision.removed_file_ids:
            discovered.progress.took_out = True
        return self._ended(outcome_of(applied, is_new=existing is None), applied.dataset, applied=applied)

    def _make_change(
        self,
        bundle: LoadedBundle,
        published: dict[str, NewFile],
        found: Findings,
        entry: QuarantineEntry | None,
        kept: Dataset | None,
    ) -> DatasetChange:
        """Return the change of the lake.

        Args:
            bundle: The files together.
            published: The new files, by file id.
            found: Why the bundle goes into quarantine, or what is published with it.
            entry: The entry in the quarantine that this change settles.
            kept: The dataset in the lake whose name and metadata stay; None: they come from the announcement.
        """
        fetched, discovered, existing = self._fetched, self._fetched.discovered, self._decision.existing
        resource, rejected = discovered.resource, found.reasons
        return DatasetChange(
            bucket=self._store.bucket,
            provider=discovered.provider,
            dataset_type=resource.dataset_type,
            identifier=discovered.identifier,
            name=discovered.name if kept is None else kept.name,
            state=bundle.state,
            metadata=resource.metadata if kept is None else kept.metadata,
            existing=existing,
            files=[published[file_id] for file_id in resource.files if file_id in published],
            feeds=confirmed_feeds(existing, resource)
            + [loaded.feed for loaded in fetched.loaded.values() if not loaded.skipped]
            + bundle.feeds_of_withdrawn(rejected=bool(rejected)),
            description="" if existing is None else "; ".join(self._decision.reasons)[:500],
            source={
                "source": discovered.job.source_name,
                "run_id": self._run.run_id,
                "job_id": discovered.progress.job_id,
                **discovered.job.plan.source.terms,
                # So that a reader of the lake without its configuration loads it all the same.
                **({"loader": self._loader} if self._loader else {}),
                **({"snapshot": resource.snapshot} if resource.snapshot else {}),
            },
            missing_feeds=bundle.missing_feeds,
            removed_file_ids=bundle.removed,
            forgotten_file_ids=() if rejected else tuple(one for one in bundle.removed if one not in resource.files),
            dataset_id=None if entry is None else entry.dataset_id,
            rejected=rejected,
            warnings=() if rejected else found.warnings,
            profiles=() if rejected else found.profiles,
            peers=found.peers,
            settlement=None
            if entry is None
            else Settlement(entry.entry_id, seen=entry.state, state=_settled(rejected)),
            removals_seen=self._removals_seen,
            revalidates=self._was_invalidated and not rejected and bundle.equals_lake,
        )

    def _overtaken(self, change: DatasetChange) -> Outcome:
        """End a dataset of which another writer committed first.

        If the lake has what was fetched here, there is nothing to do. Otherwise the run decides about the dataset anew:
        nothing shows which of two responses of the provider is the later one, and files of both are never mixed.
        """
        discovered, before = self._fetched.discovered, self._decision.existing
        there = self._store.catalogue.datasets.find(
            change.bucket, change.provider, change.dataset_type, change.identifier
        )
        wanted = {} if before is None else {file_id: file.tag for file_id, file in before.files.items()}
        wanted.update({new.file_id: new.tag for new in change.files})
        for file_id in change.removed_file_ids:
            wanted.pop(file_id, None)
        is_same = (
            there is not None
            and not change.rejected
            and bool(self._fetched.loaded)
            and wanted == {file_id: file.tag for file_id, file in there.files.items()}
        )
        again = None if is_same else msgspec.structs.replace(discovered, tries=discovered.tries + 1)
        return Outcome(there, None, current=is_same, again=again)

    async def _stays_in_quarantine(self) -> Outcome:
        """End a dataset if the provider still serves the bundle that is in quarantine, or that was discarded."""
        entry, existing = self._decision.entry, self._decision.existing
        assert entry is not None, "there is something in quarantine"
        feeds = {loaded.feed.file_id: loaded.feed for loaded in self._fetched.loaded.values()}
        is_news = entry.is_open and any(feed.is_news_after(entry.feeds.get(file_id)) for file_id, feed in feeds.items())
        if self._unconditional or is_news:
            self._store.catalogue.quarantine.save_check(dataclasses.replace(entry, feeds={**entry.feeds, **feeds}))
        if entry.is_open:
            return self._ended(TaskOutcome.QUARANTINED, existing, "; ".join(entry.reasons))
        self._fetched.clear()
        if existing is None:
            return Outcome(None, None, current=True)
        # The files of the bundle were discarded, but a new description of the dataset is committed.
        return await self._commit(self._fetched.bundle, keeps_entry=True)

    def _failed(self, error: Exception) -> Outcome:
        """End a dataset that failed. What the lake has of it stays."""
        progress, existing = self._fetched.discovered.progress, self._decision.existing
        if isinstance(error, LakeUnwritable):
            self._run.stop.stop(error)
        elif (alone := find_left_alone(error)) is not None:
            progress.leave_alone(alone, datasets=1)
        else:
            logger.debug("%s failed", self._fetched.title, exc_info=error)
            progress.note_unreached(error)
            return self._ended(TaskOutcome.FAILED, existing, one_line(error))
        return Outcome(existing, None, current=False)

    def _ended(
        self, outcome: TaskOutcome, dataset: Dataset | None, error: str = "", applied: AppliedChange | None = None
    ) -> Outcome:
        """Return what became of the dataset. Each run reports a broken file that is left out of it."""
        if outcome not in (TaskOutcome.FAILED, TaskOutcome.QUARANTINED):
            error = "" if dataset is None else describe_left_out(dataset.feeds, self._fetched.resource.files)
        if outcome is TaskOutcome.UNCHANGED and not error:
            return Outcome(dataset, None, current=True)
        task = summarize(
            self._fetched.discovered,
            outcome,
            error,
            dataset_id=None if dataset is None else dataset.dataset_id,
            revision=None if applied is None else applied.revision,
            started_at=self._started_at,
        )
        return Outcome(dataset, task, current=outcome is not TaskOutcome.FAILED)


def _call_post_load(post_load: PostLoadFiles, bundle: LoadedBundle, seen: CheckedBundle) -> None:
    try:
        post_load(bundle.resource, seen.as_loaded_files(), bundle.existing)
    except StopIteration as error:  # out of a coroutine it would come as a RuntimeError that does not say what it was
        raise SourceError("post_load_files raised StopIteration") from error


def _is_other(bundle: LoadedBundle) -> bool:
    """Whether the provider has other files, or another description, than the lake."""
    return bool(bundle.new or bundle.removed) or bundle.is_described_anew


def _was_invalidated_since(existing: Dataset | None, entry: QuarantineEntry | None) -> bool:
    """Whether the current revision is VALIDATION_FAILED, and what the provider serves instead is not known.

    What was rejected since then is known: it waits in quarantine, under the rules for that.
    """
    if existing is None or not existing.revisions:
        return False
    is_marked = existing.revisions[-1].state is RevisionState.VALIDATION_FAILED
    # Times of two clocks cannot be compared. With the mark, what waits has to be fetched anew.
    return is_marked and (entry is None or entry.retry_requested_at is not None)


def _settled(rejected: tuple[str, ...]) -> QuarantineState:
    return QuarantineState.SUPERSEDED if rejected else QuarantineState.RESOLVED
