"""The job locks of one run: only one run at a time works on a job."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator

import msgspec

from ingestify.clock import now
from ingestify.domain.ports import JobLock
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.engine.report.report import JobProgress
from ingestify.engine.workers import StopToken
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["JobLocks"]

logger = PrintableLogger(__name__)

POLL_SECONDS = 0.2
"""How often a waiting run tries to take the lock: the operating system does not tell when it is free."""


class _Held(msgspec.Struct):
    key: str
    lock: JobLock
    jobs: int = 0


class JobLocks:
    """Takes a job's lock when the job begins, and releases it when the job ends. Safe to use from any thread.

    A job releases its lock when it ends, and not when the run ends. It never waits for a lock while it has another one.
    So there is no deadlock between runs that wait for each other's jobs.

    Args:
        store: The lake.
        process: This process, as the locks name it.
        stop: Ends waiting.
    """

    def __init__(self, store: DatasetStore, process: ProcessIdentity, stop: StopToken) -> None:
        self._catalogue = store.catalogue
        self._bucket = store.bucket
        self._process = process
        self._stop = stop
        self._guard = threading.Lock()
        self._by_key: dict[str, _Held] = {}
        self._by_job: dict[str, _Held] = {}

    def take(self, progress: JobProgress) -> bool:
        """Take a job's lock, unless another run has it. Two jobs of this run that are the same share one lock."""
        key = progress.job.identity(self._bucket)
        with self._guard:
            held = self._by_key.get(key)
            if held is None:
                lock = self._catalogue.job_locks.try_lock(key, JobHolder(self._process, now()))
                if lock is None:
                    return False
                held = self._by_key[key] = _Held(key, lock)
            held.jobs += 1
            self._by_job[progress.job_id] = held
            return True

    def wait_and_take(self, progress: JobProgress) -> bool:
        """Take a job's lock as soon as the other run has released it. False: this run has to stop."""
        while not self._stop.event.wait(POLL_SECONDS):
            if self.take(progress):
                return True
        return False

    def describe_holder(self, progress: JobProgress) -> str:
        """Return who has a job's lock, for people."""
        holder = self._catalogue.job_locks.find_holder(progress.job.identity(self._bucket))
        return "another run of this job is going on" + ("" if holder is None else f": {holder}")

    def release(self, progress: JobProgress) -> None:
        """Release a job's lock, if this run has it."""
        with self._guard:
            held = self._by_job.pop(progress.job_id, None)
            if held is None:
                return
            held.jobs -= 1
            if held.jobs == 0:
                del self._by_key[held.key]
                held.lock.release()

    def release_all(self) -> None:
        """Release all locks of this run."""
        with self._guard:
            for held in self._by_key.values():
                held.lock.release()
            self._by_key.clear()
            self._by_job.clear()

    def _take_again(self, progress: JobProgress) -> bool:
        try:
            return self.take(progress)
        except StoreError as error:
            logger.error("Cannot lock %s: %s", progress.job.selector.name, error)
            return False

    @contextlib.contextmanager
    def retaken(self, jobs: Iterable[JobProgress]) -> Iterator[list[JobProgress]]:
        """Hold the locks of jobs that have ended. Yields the jobs of which no other run has the lock."""
        taken = [one for one in jobs if self._take_again(one)]
        try:
            yield taken
        finally:
            for one in taken:
                self.release(one)
