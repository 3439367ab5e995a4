"""The steps for which an ingest waits, and the pipeline that takes one dataset through them.

`ingest.py` awaits a step as any coroutine does. There is no event loop: the pipeline begins the step in the threads of
the run, and the thread that finishes the step resumes the coroutine. No thread waits.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Coroutine, Generator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.ports import FetchContext
from ingestify.domain.resource import FileResource
from ingestify.engine.bundle.bundle_rules import BundleRules
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.source_context import SourceContexts
from ingestify.engine.ingest.outcome import Outcome
from ingestify.engine.ingest.relisting import Pairs, Relisted, Relistings
from ingestify.engine.workers import StopToken, WorkerPool
from ingestify.errors import FatalError, FetchError, IngestifyError, LakeUnwritable, SourceError, StopProcessing
from ingestify.logging_context import bound
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Commit", "DatasetPipeline", "LoadFiles", "ReadIndexAgain", "RunContext"]

_Result = TypeVar("_Result")


class _Awaited(Generic[_Result]):
    def __await__(self) -> Generator[Any, Any, _Result]:
        result: _Result = yield self
        return result


class LoadFiles(msgspec.Struct, _Awaited[None], frozen=True):
    """Call `work` for each file, side by side in the worker threads. It raises what any of the calls raised."""

    files: Collection[FileResource]
    work: Callable[[FileResource], None]


class ReadIndexAgain(msgspec.Struct, _Awaited[Relisted], frozen=True):
    """Read the index once more. It returns what the index says of the dataset now; see `Relistings.ask`."""

    discovered: Discovered
    unplanned: Pairs


class Commit(msgspec.Struct, _Awaited[AppliedChange], frozen=True):
    """Commit a change, in a group with others. It raises HeadMoved if another writer committed first."""

    change: DatasetChange


Step: TypeAlias = LoadFiles | ReadIndexAgain | Commit


class RunContext(msgspec.Struct, frozen=True):
    """What the datasets of a run share.

    Attributes:
        store: The lake.
        rules: What a bundle must fulfil.
        source_contexts: What the run keeps for each source.
        pool: Loads files.
        relistings: Reads indexes once more.
        commit: Takes a change, and the function to call with its result: an AppliedChange, or the error.
        stop: Stops the run.
        run_id: The id of the run.
    """

    store: DatasetStore
    rules: BundleRules
    source_contexts: SourceContexts
    pool: WorkerPool
    relistings: Relistings
    commit: Callable[[DatasetChange, Callable[[AppliedChange | Exception], None]], None]
    stop: StopToken
    run_id: str


class DatasetPipeline:
    """Takes one dataset through its steps.

    Args:
        ingest: The coroutine of the dataset. It raises nothing.
        discovered: The dataset.
        run: The run that it belongs to.
        done: Called once, with what became of the dataset.
    """

    def __init__(
        self,
        ingest: Coroutine[Step, Any, Outcome],
        discovered: Discovered,
        run: RunContext,
        done: Callable[[Outcome], None],
    ) -> None:
        progress = discovered.progress
        self._ingest = ingest
        self._run = run
        self._source_context = run.source_contexts.of(discovered.job.plan.source)
        self._observed = progress.observed.begin_dataset(
            discovered.provider, discovered.resource.dataset_type, discovered.identifier
        )
        self._context = FetchContext(
            progress.usage,
            run.stop.event,
            unreachable_hosts=progress.unreachable_hosts,
            observed=self._observed,
        )
        self._about = {"run": run.run_id, **progress.log_fields, "dataset": discovered.identifier}
        self._done = done
        self._lock = threading.Lock()
        self._is_begun = False
        self._open_tasks = 0
        self._error: Exception | None = None

    def resume(self, result: object = None) -> None:
        """Go on in this thread, until the ingest waits for its next step or has ended.

        Args:
            result: The result of the step that the ingest waited for. An exception is raised there.
        """
        with bound(**self._about):
            self._resume(result)

    def _resume(self, result: object) -> None:
        try:
            with self._source_context.fetcher.activated(self._context):
                step = self._ingest.throw(result) if isinstance(result, BaseException) else self._ingest.send(result)
        except StopIteration as ended:
            outcome: Outcome = ended.value
            dataset_id = None if outcome.dataset is None else outcome.dataset.dataset_id
            self._observed.end(outcome.task, dataset_id, is_current=outcome.current)
            self._done(outcome)
            return
        match step:
            case LoadFiles():
                self._load(step)
            case ReadIndexAgain():
                self._run.relistings.ask(
                    step.discovered, lambda found: self._submit(self.resume, found), step.unplanned
                )
            case Commit():
                self._run.commit(step.change, self.resume)

    def _submit(self, task: Callable[..., None], *arguments: object) -> None:
        # What was begun is finished before anything new is: the second step of a dataset does not queue behind the
        # first steps of a hundred others.
        self._run.pool.submit(self._source_context.files, functools.partial(task, *arguments), first=self._is_begun)

    def _load(self, step: LoadFiles) -> None:
        tasks = _in_tasks(step.files)
        self._open_tasks, self._error = len(tasks), None
        for files in tasks:
            self._submit(self._work_on, files, step.work)
        if not tasks:
            self._submit(self.resume)
        self._is_begun = True

    def _work_on(self, files: Sequence[FileResource], work: Callable[[FileResource], None]) -> None:
        file = files[0]
        try:
            with bound(**self._about), self._source_context.fetcher.activated(self._context):
                for file in files:
                    if self._run.stop.is_set:
                        raise SourceError("the run has to stop")
                    if self._error is None:
                        work(file)
        except (StopProcessing, FatalError) as error:
            self._error = error
            self._run.stop.stop(error)
        except BaseException as error:  # noqa: BLE001 - the task's boundary, also to a loader that calls sys.exit
            self._error = self._error or _located(self._run.stop.caught(error), file)
        with self._lock:
            self._open_tasks -= 1
            is_last = self._open_tasks == 0
        if is_last:
            self.resume(self._error)


def _in_tasks(files: Collection[FileResource]) -> list[list[FileResource]]:
    """Return the files, a task each. The files whose content came with the index join the task of another one."""
    tasks = [[file] for file in files if file.json_content is None]
    at_hand = [file for file in files if file.json_content is not None]
    if tasks:
        tasks[-1] += at_hand
    elif at_hand:
        tasks.append(at_hand)
    return tasks


def _located(error: Exception, file: FileResource) -> Exception:
    """Return an error that names the file, unless it names the URL or concerns all files of the lake."""
    if isinstance(error, LakeUnwritable) or (isinstance(error, FetchError) and error.url):
        return error
    text = " ".join(str(error).split())
    name = "" if isinstance(error, IngestifyError) else f"{type(error).__name__}: "
    kind = type(error) if type(error) in (FetchError, SourceError) else SourceError
    located = kind(f"The file '{file.file_id}' could not be loaded: {name}{text}")
    located.__cause__ = error
    return located
