"""What of a run is open: it ends when nothing is."""

from __future__ import annotations

import threading

from ingestify.engine.report.report import JobProgress
from ingestify.engine.run.jobs import JobBook

__all__ = ["OpenWork"]


class OpenWork:
    """Counts a run's plans, jobs and datasets that are not done with. Safe to use from any thread.

    Args:
        jobs: Told of each job that ends, with the last of its datasets.
    """

    def __init__(self, jobs: JobBook) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._open = 0
        self._all_done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether all that was begun has ended."""
        return self._all_done.is_set()

    def wait(self) -> None:
        """Wait until all that was begun has ended."""
        # A wait without a timeout cannot be interrupted by Ctrl-C on Windows.
        while not self._all_done.wait(0.5):
            pass

    def begin(self, number: int = 1) -> None:
        """Something is open: a plan, a job, so many datasets."""
        with self._lock:
            self._open += number

    def end(self, number: int = 1) -> None:
        """It is done with."""
        with self._lock:
            self._open -= number
            done = self._open == 0
        if done:
            self._all_done.set()

    def end_job_parts(self, progress: JobProgress, number: int = 1) -> None:
        """The discovery of a job has ended, or so many of its datasets are done with; the last of them ends the job."""
        if progress.end_parts(number):
            self._jobs.end(progress)
            self.end()
