"""A stream: datasets reach the reader the moment they are committed, while the run goes on in the background."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from ingestify.domain.condition import Answers
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetCollection
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.run import RunReport
from ingestify.engine.calls.offline import OfflineReader
from ingestify.engine.calls.tracebacks import shortened
from ingestify.engine.run.run import IngestionRun
from ingestify.engine.workers import ReaderLeft

__all__ = ["BackgroundRun", "Stream", "in_collections"]

T = TypeVar("T")

AHEAD = 100
"""How many datasets may wait for a slow reader; then the run waits too."""

HELD_UP_SECONDS = 5.0
"""How long a run that waits for its reader keeps its job locks."""


class BackgroundRun(Generic[T]):
    """Executes a run in a thread, and yields what it brings, in order.

    Attributes:
        report: The run's report; None until the run has ended.
        yielded: How many things were yielded.
    """

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._has_ended = False
        self._has_left = False
        self._reader: int | None = None
        self._run: IngestionRun | None = None
        self.report: RunReport | None = None
        self.yielded = 0
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Take something from the run, and wait if the reader is slow. Called by the committing thread.

        The reader's own thread calls it, too, if the reader writes to the lake in its loop. Then it does not wait.
        """
        began = time.monotonic()
        with self._changed:
            while len(self._waiting) >= AHEAD and not self._has_left and threading.get_ident() != self._reader:
                self._changed.wait(0.1)
                if self._run is not None and time.monotonic() - began > HELD_UP_SECONDS:
                    # The reader may wait, in its loop, for a run that waits for the job locks of this run.
                    self._run.release_job_locks()
            self._waiting.append(item)
            self._changed.notify_all()

    def iterate(self, run: IngestionRun) -> Iterator[T]:
        """Execute the run in the background and yield what it brings. Called by the reader's thread.

        Args:
            run: The run.

        Raises:
            BaseException: The run raised it instead of returning a report. All that it brought was yielded before.
        """
        self._run = run
        self._reader = threading.get_ident()
        # With the reader's context variables: a tracer keeps there what the run is a part of.
        work = functools.partial(contextvars.copy_context().run, self._execute, run)
        thread = threading.Thread(target=work, name="ingestify-run", daemon=True)
        thread.start()
        try:
            while self._wait_for_next():
                self.yielded += 1
                yield self._take()
        except BaseException as error:
            # The reader left the loop, or was interrupted in it: stop the run cleanly, and wait for its end.
            run.stop.stop(ReaderLeft() if isinstance(error, GeneratorExit) else error)
            raise
        finally:
            with self._changed:
                self._has_left = True
                self._changed.notify_all()
            thread.join()
        if self._error is not None:
            raise shortened(self._error)

    def _wait_for_next(self) -> bool:
        """Wait until there is something to yield. Returns whether there is; False: the run has ended."""
        with self._changed:
            while not self._waiting and not self._has_ended:
                self._changed.wait()
            return bool(self._waiting)

    def _take(self) -> T:
        with self._changed:
            item = self._waiting.popleft()
            self._changed.notify_all()
            return item

    def _execute(self, run: IngestionRun) -> None:
        try:
            self.report = run.execute()
        except BaseException as error:  # noqa: BLE001 - it is handed to the reader
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()


class Stream(BackgroundRun[Dataset]):
    """Yields each dataset of a run once, as soon as it is known to be current.

    Args:
        wanted: The reader's filter; other datasets of the run are not yielded.
        offline: Told which datasets were yielded; None: nobody is told.

    Attributes:
        answers: The results of the filter's condition.
    """

    def __init__(self, wanted: DatasetFilter, offline: OfflineReader | None = None) -> None:
        super().__init__()
        self.wanted = wanted
        self.answers = Answers(wanted.where)
        self._offline = offline

    def on_current(self, dataset: Dataset) -> None:
        """Take a dataset from the run if it is wanted. Called by the committing thread."""
        if not self.wanted.names(dataset):
            return
        if not self.answers.holds(lambda condition: condition.matches_dataset(dataset)):
            return
        if self._offline is not None:
            self._offline.took(dataset)
        self.put(dataset)


def in_collections(datasets: Iterator[Dataset], batch_size: int) -> Iterator[DatasetCollection]:
    """Yield each dataset of a stream at once, as a collection of one.

    Nobody knows yet how many datasets a stream has, so the collection's metadata is about the one dataset.

    Args:
        datasets: The stream.
        batch_size: The most datasets of a collection, 1 or more.
    """
    assert batch_size >= 1
    with contextlib.closing(datasets) as closing:  # type: ignore[type-var]
        for dataset in closing:
            yield DatasetCollection([dataset], CollectionMetadata(1, dataset.last_modified_at))
