"""The one writer of a run: it groups commits, and then tells subscribers and readers, in the order of the commits."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.ports import HeadMoved
from ingestify.engine.workers import RunThread
from ingestify.errors import IngestifyError, LakeUnwritable, OutcomeUnknown, SaveError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Committer"]

logger = PrintableLogger(__name__)

GROUP_SIZE = 100
"""How many datasets one transaction commits at the most: one sync of the disk for all of them."""
LONGEST_WAIT_SECONDS = 0.04
"""How long a change waits at the most for others to share its transaction."""


class _Commit(msgspec.Struct, frozen=True):
    change: DatasetChange
    then: Callable[[AppliedChange | Exception], None]


class Committer:
    """A thread that takes the changes that wait, up to 100 of them, and commits them in one transaction.

    A transaction costs as much as several datasets in it. So after each transaction the thread waits for more changes,
    a few times as long as the transaction took. The first dataset is committed at once, and a busy run commits in large
    groups.

    Args:
        store: The lake.
    """

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        # Bounded, so that a slow disk, a slow subscriber or a slow reader slows the downloads too.
        self._queue: queue.Queue[_Commit | Callable[[], None] | None] = queue.Queue(maxsize=2 * GROUP_SIZE)
        self._closing = threading.Event()
        self._rests_until = 0.0
        self.thread = RunThread(self._work, "ingestify-commit")
        self.thread.start()

    def commit(self, change: DatasetChange, then: Callable[[AppliedChange | Exception], None]) -> None:
        """Queue a change.

        Args:
            change: The change.
            then: Called in the committer's thread with the result. If that is an error, nothing was written, or it is
                not known (OutcomeUnknown). HeadMoved: another writer committed first.
        """
        self._queue.put(_Commit(change, then))

    def call(self, call: Callable[[], None]) -> None:
        """Queue a call to make in its turn, to tell readers of what needs no commit."""
        self._queue.put(call)

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
            group: list[_Commit] = []
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
            logger.exception("A call after an unchanged dataset failed; this is a bug in ingestify.")

    def _commit(self, group: Sequence[_Commit]) -> None:
        if not group:
            return
        began = time.monotonic()
        try:
            applied = self._store.commits.apply([commit.change for commit in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, each change of the group is told
            # If the outcome is unknown, the changes must not be written again: the next run finds out. If the lake
            # cannot be written to, the other changes of the group would fail as well.
            if len(group) == 1 or isinstance(error, (OutcomeUnknown, LakeUnwritable)):
                for commit in group:
                    commit.then(_as_ingestify_error(error))
                return
            # One refused change must not make the others of its group fail.
            for commit in group:
                self._commit([commit])
            return
        ended = time.monotonic()
        self._rests_until = ended + min(LONGEST_WAIT_SECONDS, 4 * (ended - began))
        for commit, one in zip(group, applied, strict=True):
            commit.then(one)


def _as_ingestify_error(error: Exception) -> Exception:
    if isinstance(error, (HeadMoved, IngestifyError)):
        return error
    wrapped = SaveError(f"The commit failed with {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
