"""One writer per run: groups commits, then tells subscribers and readers, in commit order."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.ports import HeadMoved
from ingestify.engine.workers import RunThread
from ingestify.errors import IngestifyError, LakeUnwritable, OutcomeUnknown, SaveError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Commit", "Committer"]

logger = PrintableLogger(__name__)

GROUP_SIZE = 100
"""How many datasets one transaction commits at the most: one sync of the disk for all of them."""


LONGEST_WAIT_SECONDS = 0.04
"""How long a change waits at the most for others to share its transaction."""


class Commit(Protocol):
    """A change on its way into the lake. The committer's thread calls the methods."""

    change: DatasetChange

    def moved(self) -> None:
        """Another writer changed the dataset after the change was worked out; nothing was written."""

    def committed(self, applied: AppliedChange) -> None:
        """It is in the lake."""

    def failed(self, error: Exception) -> None:
        """It is not, and will not be."""


class Committer:
    """A thread that takes what is waiting, up to 100 changes, and commits it in one transaction.

    A transaction costs as much as several datasets in it. So after each one it waits for a few times as long as that
    took, for more to come: the first dataset is committed at once, and a busy run in large groups.

    Args:
        store: The lake.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        # Bounded, so that a slow disk, a slow subscriber or a slow reader slows the downloads too.
        self._queue: queue.Queue[Commit | Callable[[], None] | None] = queue.Queue(maxsize=2 * GROUP_SIZE)
        self._closing = threading.Event()
        self._rests_until = 0.0
        self.thread = RunThread(self._work, "ingestify-commit")
        self.thread.start()

    def put(self, item: Commit | Callable[[], None]) -> None:
        """Queue a change, or a call to make in its turn (to tell readers of what needs no commit)."""
        self._queue.put(item)

    def close(self) -> None:
        """Finish what is queued, and end."""
        self._closing.set()
        self._queue.put(None)
        self.thread.join()

    def _work(self) -> None:
        ending = False
        while not ending:
            items = [self._queue.get()]
            if (seconds := self._rests_until - time.monotonic()) > 0 and self._queue.qsize() < GROUP_SIZE:
                self._closing.wait(seconds)
            while len(items) < GROUP_SIZE:
                try:
                    items.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            group: list[Commit] = []
            for item in items:
                if item is None:
                    ending = True
                elif callable(item):
                    self._commit(group)
                    group = []
                    self._call(item)
                else:
                    group.append(item)
            self._commit(group)

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException:  # whatever it is, the run must not hang
            logger.exception("Telling of an unchanged dataset failed; this is a bug in ingestify.")

    def _commit(self, group: Sequence[Commit]) -> None:
        if not group:
            return
        began = time.monotonic()
        try:
            applied = self._store.commits.apply([commit.change for commit in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, each change of the group is told
            # What may be there already must not be written again; the next run finds out. What is refused for a reason
            # that each of them meets is not asked a hundred times.
            if len(group) == 1 or isinstance(error, (OutcomeUnknown, LakeUnwritable)):
                for commit in group:
                    self._commit_alone(commit, error)
                return
            # One refused change must not take the others of its group with it.
            for commit in group:
                self._commit([commit])
            return
        ended = time.monotonic()
        self._rests_until = ended + min(LONGEST_WAIT_SECONDS, 4 * (ended - began))
        for commit, one in zip(group, applied, strict=True):
            commit.committed(one)

    def _commit_alone(self, commit: Commit, error: Exception) -> None:
        if isinstance(error, HeadMoved):
            commit.moved()
            return
        if not isinstance(error, IngestifyError):
            wrapped = SaveError(f"The commit failed with {type(error).__name__}: {error}")
            wrapped.__cause__ = error
            error = wrapped
        commit.failed(error)
