"""Work on the files of one dataset, step by step: side by side within a step, one step after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from ingestify.domain.ports import FetchContext
from ingestify.domain.resource import FileResource
from ingestify.engine.discovery.discovery import as_exception
from ingestify.engine.discovery.source_context import SourceLane
from ingestify.engine.workers import StopToken, WorkerPool
from ingestify.errors import FatalError, FetchError, IngestifyError, LakeUnwritable, SourceError, StopProcessing

__all__ = ["Steps"]


class Steps:
    """The steps of one dataset. No thread waits: the worker that finishes the last file of a step takes the next.

    Args:
        context: What the workers fetch for.
        stops: Called with a StopProcessing or FatalError that work raised: it stops the run.
        ended: Called once, when a step ends it all: with an error, or with None when the run is to stop.
    """

    def __init__(
        self,
        pool: WorkerPool,
        lane: SourceLane,
        stop: StopToken,
        context: FetchContext,
        stops: Callable[[StopProcessing | FatalError], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._pool = pool
        self._lane = lane
        self._stop = stop
        self._context = context
        self._stops = stops
        self._ended = ended
        self._lock = threading.Lock()
        self._is_begun = False
        self._waiting = 0
        self._error: Exception | None = None
        self._dropped = False

    def side_by_side(
        self, files: Iterable[FileResource], work: Callable[[FileResource], None], then: Callable[[], None]
    ) -> None:
        """Queue `work` for each file, and `then` for the worker that finishes the last of them."""
        several = _in_tasks(files)
        # What was begun is finished before anything new is: a dataset's second step does not queue behind the first
        # steps of a hundred others.
        first, self._is_begun = self._is_begun, True
        if not several:
            self._pool.submit(self._lane.files, lambda: self._go_on(then), first=first)
            return
        self._waiting = len(several)
        for some in several:
            self._pool.submit(self._lane.files, self._task_for(some, work, then), first=first)

    def go_on(self, then: Callable[[], None]) -> None:
        """Queue `then` for a worker, before what is not begun yet."""
        self._pool.submit(self._lane.files, lambda: self._go_on(then), first=True)

    def _task_for(
        self, files: Sequence[FileResource], work: Callable[[FileResource], None], then: Callable[[], None]
    ) -> Callable[[], None]:
        return lambda: self._work_on(files, work, then)

    def _work_on(
        self, files: Sequence[FileResource], work: Callable[[FileResource], None], then: Callable[[], None]
    ) -> None:
        file = files[0]
        try:
            with self._lane.fetcher.activated(self._context):
                for file in files:
                    if self._stop.is_set:
                        self._dropped = True
                    elif self._error is None:
                        work(file)
        except (StopProcessing, FatalError) as error:
            self._dropped = True
            self._stops(error)
        except BaseException as error:  # noqa: BLE001 - the task's boundary, also to a loader that calls sys.exit
            if self._stop.is_set:
                self._dropped = True
            else:
                self._error = self._error or _located(as_exception(error), file)
        finally:
            with self._lock:
                self._waiting -= 1
                last = self._waiting == 0
            if last:
                self._go_on(then)

    def _go_on(self, then: Callable[[], None]) -> None:
        if self._dropped or self._error is not None:
            self._ended(None if self._dropped else self._error)
            return
        try:
            with self._lane.fetcher.activated(self._context):
                then()
        except (StopProcessing, FatalError) as error:
            self._stops(error)
            self._ended(None)
        except BaseException as error:  # noqa: BLE001 - the task's boundary: it fails this dataset only
            self._ended(None if self._stop.is_set else as_exception(error))


def _in_tasks(files: Iterable[FileResource]) -> list[list[FileResource]]:
    """Return the files, a task each; but what came with the index, and need not be waited for, joins another."""
    tasks: list[list[FileResource]] = []
    at_hand: list[FileResource] = []
    for file in files:
        if file.json_content is None:
            tasks.append([file])
        else:
            at_hand.append(file)
    if tasks:
        tasks[-1] += at_hand
        return tasks
    return [at_hand] if at_hand else []


def _located(error: Exception, file: FileResource) -> Exception:
    """Return an error that names the file; one of ours that names its URL, or is of all files, says enough."""
    if isinstance(error, LakeUnwritable) or (isinstance(error, FetchError) and error.url):
        return error
    text = " ".join(str(error).split())
    name = "" if isinstance(error, IngestifyError) else f"{type(error).__name__}: "
    kind = type(error) if type(error) in (FetchError, SourceError) else SourceError
    located = kind(f"The file '{file.file_id}' could not be loaded: {name}{text}")
    located.__cause__ = error
    return located
