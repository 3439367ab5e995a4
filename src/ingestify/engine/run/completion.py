"""What a run has not finished. The run ends when that is nothing."""

from __future__ import annotations

import threading

from ingestify.engine.report.report import JobProgress
from ingestify.engine.run.jobs import RunJobs

__all__ = ["Completion"]


class Completion:
    """Counts the plans, jobs and datasets of a run that have begun and not ended. Safe to use from any thread.

    Args:
        jobs: Told of each job that ends with the last of its datasets.
    """

    def __init__(self, jobs: RunJobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._open = 0
        self._all_done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether all that began has ended."""
        return self._all_done.is_set()

    def wait(self) -> None:
        """Wait until all that began has ended."""
        # A wait without a timeout cannot be interrupted by Ctrl-C on Windows.
        while not self._all_done.wait(0.5):
            pass

    def begin(self, number: int = 1) -> None:
        """Count what begins: a plan, a job, or a number of datasets."""
        with self._lock:
            self._open += number

    def end(self, number: int = 1) -> None:
        """Count what ends."""
        with self._lock:
            self._open -= number
            done = self._open == 0
        if done:
            self._all_done.set()

    def end_job_parts(self, progress: JobProgress, number: int = 1) -> None:
        """Count parts of a job that end: its discovery, or datasets. The last one of them ends the job."""
        if progress.end_parts(number):
            self._jobs.end(progress)
            self.end()
