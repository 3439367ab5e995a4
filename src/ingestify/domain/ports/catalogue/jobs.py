"""The catalogue's jobs: what runs did, who is at what now, and how new each selector is in the lake."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Protocol

from ingestify.domain.run import JobHolder, JobSummary, ProcessIdentity

__all__ = ["JobLock", "JobsPort", "SelectorSync"]


@dataclasses.dataclass(frozen=True, slots=True)
class SelectorSync:
    """When a selector was last ingested whole, and how new what it had was then.

    Attributes:
        last_modified: The selector's `_last_modified` at that time, or the newest time that was announced for a file,
            whichever is later, in UTC; None if there was neither.
        complete: Whether all of it was discovered and nothing failed.
        listing: A digest of the datasets that were listed and are in the lake; None if that is not known.
        doubles: What stands for the datasets that were listed twice, and not alike.
    """

    last_modified: dt.datetime | None
    complete: bool
    finished_at: dt.datetime
    listing: str | None = None
    doubles: tuple[str, ...] = ()


class JobLock(Protocol):
    """The right to be at a job; it ends with the process, however that ends."""

    def release(self) -> None:
        """Let others have it. Harmless when that has happened."""


class JobsPort(Protocol):
    """The jobs of a catalogue, their locks, and what is remembered of their selectors."""

    def save_job(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, new or again, and the tasks that are not written yet.

        Args:
            first_task: The number of the first of `job.tasks`; those before it were written earlier.
        """

    def load_jobs(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""

    def abort_dead_jobs(self, is_alive: Callable[[ProcessIdentity, dt.datetime, str], bool]) -> int:
        """Mark RUNNING jobs ABORTED that nobody works on. Returns how many.

        Args:
            is_alive: Says so, given the process, its last sign of life, and the id of the run.
        """

    def try_lock_job(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of the job whose identity is `key`, or None if another run has it; never waits.

        Two engines of one process exclude each other too. Where there are no locks, or where the catalogue may only be
        read, everybody gets one.

        Args:
            holder: What others are told of whoever has it.
        """

    def find_job_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock of that job; None: nobody, or that is not known."""

    def find_selector_sync(self, key: str) -> SelectorSync | None:
        """Return when the selector that `key` names was last ingested, or None."""

    def save_selector_sync(self, key: str, sync: SelectorSync) -> None:
        """Remember it."""

    def forget_listings(self) -> None:
        """Forget what selectors listed: datasets came that their listings do not know of."""
