"""One dataset, start to end: load its files side by side, verify, publish, commit. All or nothing."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable

from ingestify.clock import now
from ingestify.domain.change import AppliedChange, DatasetChange, NewFile, metadata_text
from ingestify.domain.dataset import Dataset
from ingestify.domain.file import FeedState, File
from ingestify.domain.ports import FetchContext, Fetcher
from ingestify.domain.resource import FileResource
from ingestify.domain.run import RunState, TaskOutcome, TaskSummary
from ingestify.engine.discovery import Decision, Discovered, as_exception
from ingestify.engine.file_loading import FileLoading, LoadedResource, located
from ingestify.engine.report import one_line
from ingestify.engine.workers import Lane, StopToken, WorkerPool
from ingestify.errors import FatalError, StopProcessing, StoreError
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.file_collection import LoadedFile

__all__ = ["DatasetIngest", "Outcome"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one dataset.

    Attributes:
        dataset: As it is in the lake now; None if it failed without ever having been there, or was dropped.
        task: What is kept of it in the job's summary; None for one that is unchanged or was dropped by a stop.
        current: Whether it is known to be current: fetched now, or found unchanged.
        again: Whether another writer came first, so that it must be decided about anew.
    """

    dataset: Dataset | None
    task: TaskSummary | None
    current: bool
    again: bool = False


class DatasetIngest:
    """Brings one dataset into the lake; implements `engine.committer.Commit`.

    `start` is called by the deciding thread, files are loaded by worker threads, the last of which finishes
    the dataset; the committer calls the rest.

    Args:
        done: Called once, with what became of it.
        put_commit: Takes it when it is ready to be committed.
    """

    def __init__(
        self,
        decision: Decision,
        *,
        store: DatasetStore,
        fetcher: Fetcher,
        stop: StopToken,
        run_id: str,
        done: Callable[[DatasetIngest, Outcome], None],
        put_commit: Callable[[DatasetIngest], None],
    ) -> None:
        self.discovered: Discovered = decision.discovered
        self.existing = decision.existing
        self._reasons = decision.reasons
        self._store = store
        self._fetcher = fetcher
        self._loading = FileLoading(decision.existing, store=store, fetcher=fetcher)
        self._stop = stop
        self._run_id = run_id
        self._done = done
        self._put_commit = put_commit
        self._lock = threading.Lock()
        self._waiting = 0
        self._loaded: dict[str, LoadedResource] = {}
        self._error: Exception | None = decision.error
        self._dropped = False
        self._published: dict[str, NewFile] = {}
        self._started_at = now()
        self.change: DatasetChange

    # ---- loading ---------------------------------------------------------------------------------------

    def start(self, pool: WorkerPool, lane: Lane) -> None:
        """Queue its files; they are loaded side by side."""
        files = list(self.discovered.resource.files.values())
        if not files or self._error is not None:
            pool.submit(lane, self._finish)
            return
        self._waiting = len(files)
        for file in files:
            pool.submit(lane, self._task_for(file))

    def start_description(self) -> None:
        """Commit a changed name, state or metadata; no file is looked at."""
        if self._work_out_change():
            self._put_commit(self)
        else:
            self._end(Outcome(self.existing, None, current=True))

    def _task_for(self, file: FileResource) -> Callable[[], None]:
        return lambda: self._load_one(file)

    def _load_one(self, file: FileResource) -> None:
        try:
            if self._stop.is_set:
                self._dropped = True
            elif self._error is None:
                context = FetchContext(self.discovered.progress.usage, self._stop.event)
                with self._fetcher.activated(context):
                    loaded = self._loading.load(file)
                with self._lock:
                    self._loaded[file.file_id] = loaded
        except (StopProcessing, FatalError) as error:
            self._stop_run(error)
        except BaseException as error:  # noqa: BLE001 - the task's boundary, also to a loader that calls sys.exit
            if self._stop.is_set:
                self._dropped = True
            else:
                self._error = self._error or located(as_exception(error), file)
        finally:
            with self._lock:
                self._waiting -= 1
                last = self._waiting == 0
            if last:
                self._finish()

    def _stop_run(self, error: StopProcessing | FatalError) -> None:
        self._dropped = True
        progress = self.discovered.progress
        if progress.error is None:
            progress.error = error
        self._stop.stop(error)

    # ---- finishing -------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """All files are loaded, or one failed. Called by the worker that loaded the last."""
        try:
            if self._dropped or (self._stop.is_set and not self._is_loaded):
                self._end(Outcome(self.existing, None, current=False))
                return
            if self._error is not None:
                raise self._error
            assert self._is_loaded, "a file neither arrived nor failed"
            resource = self.discovered.resource
            if resource.post_load_files is not None:
                resource.post_load_files(resource, self._files_to_look_at(), self.existing)
            self._publish()
            if self._work_out_change():
                self._put_commit(self)
            else:
                self._end(Outcome(self.existing, None, current=True))
        except (StopProcessing, FatalError) as error:
            self._stop_run(error)
            self._end(Outcome(self.existing, None, current=False))
        except BaseException as error:  # noqa: BLE001 - the task's boundary: it fails this dataset only
            self.failed(as_exception(error))

    @property
    def _is_loaded(self) -> bool:
        return len(self._loaded) == len(self.discovered.resource.files)

    @property
    def _title(self) -> str:
        discovered = self.discovered
        return f"{discovered.provider}/{discovered.resource.dataset_type}/{discovered.identifier}"

    def _files_to_look_at(self) -> dict[str, LoadedFile]:
        """What `post_load_files` sees: the new files, and of the others those that the lake has."""
        seen: dict[str, LoadedFile] = {}
        if self.existing is not None:
            seen = {loaded.file_id: loaded for loaded in self._store.load_files(self.existing, lazy=True)}
        number = 0 if self.existing is None else len(self.existing.revisions)
        for file_id, loaded in self._loaded.items():
            if loaded.staged is not None and loaded.draft is not None:
                attributes = {
                    field.name: getattr(loaded.draft, field.name) for field in dataclasses.fields(loaded.draft)
                }
                file = File(**attributes, created_at=now(), revision_id=number)
                seen[file_id] = LoadedFile(file, loaded.staged.open)
        return seen

    def _publish(self) -> None:
        in_order = [self._loaded[file_id] for file_id in self.discovered.resource.files if file_id in self._loaded]
        drafts = [
            (loaded.staged, loaded.draft)
            for loaded in in_order
            if loaded.staged is not None and loaded.draft is not None
        ]
        if drafts:
            discovered = self.discovered
            published = self._store.publish(
                discovered.provider, discovered.resource.dataset_type, discovered.identifier, drafts
            )
            self._published = {f"{new.data_feed_key}__{new.data_spec_version}": new for new in published}

    def _work_out_change(self) -> bool:
        """Set `change` to what is to be committed. False: the lake is as it should be."""
        discovered, existing = self.discovered, self.existing
        resource = discovered.resource
        current = {} if existing is None else existing.files
        state = resource.state
        if existing is not None and resource.post_load_files is not None and not self._loaded:
            state = existing.state  # post_load_files would say, and was not called
        new = [
            file
            for file_id, file in self._published.items()
            if file_id not in current or current[file_id].tag != file.tag
        ]
        self.change = DatasetChange(
            bucket=self._store.bucket,
            provider=discovered.provider,
            dataset_type=resource.dataset_type,
            identifier=discovered.identifier,
            name=discovered.name,
            state=state,
            metadata=resource.metadata,
            existing=existing,
            files=new,
            feeds=[loaded.feed for loaded in self._loaded.values()],
            description="" if existing is None else "; ".join(self._reasons)[:500],
            source={"source": discovered.job.source_name, "run_id": self._run_id, "job_id": discovered.progress.job_id},
        )
        if existing is None or new:
            return True
        if metadata_text(resource.metadata) != metadata_text(existing.metadata):
            return True
        if (discovered.name, state) != (existing.name, existing.state):
            return True
        # The look itself is remembered, so that the next run does not download the same bytes again.
        return any(_is_news(existing.feeds.get(feed.file_id), feed) for feed in self.change.feeds)

    # ---- committing ------------------------------------------------------------------------------------

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
        same = there is not None and self._agrees_with(there)
        self._end(Outcome(there, None, current=same, again=not same))

    def _agrees_with(self, there: Dataset) -> bool:
        before = {} if self.existing is None else self.existing.files
        wanted = {file_id: file.tag for file_id, file in before.items()}
        wanted.update({file_id: new.tag for file_id, new in self._published.items()})
        return bool(self._loaded) and wanted == {file_id: file.tag for file_id, file in there.files.items()}

    def committed(self, applied: AppliedChange) -> None:
        """It is in the lake."""
        outcome = _outcome(applied, is_new=self.existing is None)
        task = None if outcome is TaskOutcome.UNCHANGED else self._summary(outcome, RunState.FINISHED, applied)
        self._end(Outcome(applied.dataset, task, current=True))

    def failed(self, error: Exception) -> None:
        """It is not in the lake, and what was there before stays."""
        logger.debug("%s failed", self._title, exc_info=error)
        task = self._summary(TaskOutcome.FAILED, RunState.FAILED, None, error)
        self._end(Outcome(self.existing, task, current=False))

    def _summary(
        self, outcome: TaskOutcome, state: RunState, applied: AppliedChange | None, error: Exception | None = None
    ) -> TaskSummary:
        dataset = self.existing if applied is None else applied.dataset
        return TaskSummary(
            identifier=str(self.discovered.identifier),
            outcome=outcome,
            state=state,
            started_at=self._started_at,
            ended_at=now(),
            dataset_id=None if dataset is None else dataset.dataset_id,
            name=self.discovered.name,
            revision_id=None if applied is None or applied.revision is None else applied.revision.revision_id,
            error="" if error is None else one_line(error),
        )

    def _end(self, outcome: Outcome) -> None:
        for loaded in self._loaded.values():
            if loaded.staged is not None:
                loaded.staged.discard()
        self._loaded = {}
        self._done(self, outcome)


def _is_news(known: FeedState | None, seen: FeedState) -> bool:
    if known is None or not seen.present:
        return True  # of an absence, the time of the look counts
    return (known.present, known.modified_at, known.validators) != (True, seen.modified_at, seen.validators)


def _outcome(applied: AppliedChange, *, is_new: bool) -> TaskOutcome:
    if is_new:
        return TaskOutcome.NEW
    if applied.revision is not None:
        return TaskOutcome.REVISED
    return TaskOutcome.METADATA if applied.events else TaskOutcome.UNCHANGED
