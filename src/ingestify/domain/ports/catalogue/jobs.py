"""The catalogue's jobs, job locks and selector syncs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from ingestify.domain.run import JobHolder, JobSummary, ProcessIdentity
from ingestify.domain.selector import Selector

__all__ = ["DiscoveredSelector", "JobLock", "JobLocksPort", "JobsPort", "SelectorSync", "SelectorSyncsPort"]


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveredSelector:
    """A selector that a source's `discover_selectors` returned, with its name for people.

    Attributes:
        bucket: The part of the lake that it was ingested into.
        source: The source's name in the configuration.
    """

    bucket: str
    source: str
    provider: str
    dataset_type: str
    selector: Selector


@dataclasses.dataclass(frozen=True, slots=True)
class SelectorSync:
    """The state of a selector when it was last ingested.

    Attributes:
        last_modified: The selector's `_last_modified` then, in UTC; None if there was none. For people.
        complete: Whether all of its datasets were discovered and nothing failed.
        listing: A digest of the datasets that were listed and are in the lake; None: unknown.
        hint: The selector's hint before it was listed (`Selector.announced`); None: there was none.
        is_settled: Whether the same hint means that nothing has changed since (`domain.announcement.is_settled`).
        followed_until: For a source that follows changes: the lake has all changes of the provider up to then.
        missing_digest: A digest of the datasets that the listing had no more, and that a second listing has to
            confirm as missing; None: there are none.
        discovered: The selector, if a run discovered it, the source lists everything, and it has not left the index;
            None: the plan names it.
        duplicates: Hashes of the datasets that the listing had twice, with different content.
    """

    last_modified: dt.datetime | None
    complete: bool
    finished_at: dt.datetime
    listing: str | None = None
    hint: str | None = None
    is_settled: bool = False
    followed_until: dt.datetime | None = None
    missing_digest: str | None = None
    discovered: DiscoveredSelector | None = None
    duplicates: tuple[str, ...] = ()


class JobLock(Protocol):
    """The lock of a job; it ends with its process, however that ends."""

    def release(self) -> None:
        """Release the lock. Harmless when it is released already."""


class JobsPort(Protocol):
    """The jobs of a catalogue."""

    def save(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, and the tasks that are not written yet.

        A job whose `end` is quiet, or equals that of the last job with the same identity, counts as a repetition of
        that job, and loses its own row.

        Args:
            job: The job; its tasks may be a part of them.
            first_task: The number of the first of `job.tasks`; earlier ones were written before.
        """

    def load(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""

    def find_newest_runs(
        self, limit: int, before: tuple[dt.datetime, str] | None = None
    ) -> list[tuple[dt.datetime, str]]:
        """Return when the first job of each run began, and the run's id, newest first.

        Args:
            limit: The most runs.
            before: The last run of the page before; None: it is the first page.
        """

    def load_runs(self, run_ids: Collection[str], *, with_tasks: bool = False) -> list[JobSummary]:
        """Return the jobs of runs, newest first. A job that a later run repeated with the same result is not there."""

    def find_last_done(self) -> Mapping[tuple[str, str, str], dt.datetime]:
        """Return when a job last finished, by (source, provider, dataset type), also if single datasets failed."""

    def abort_dead(self, goes_on: Callable[[str, ProcessIdentity], bool]) -> int:
        """Mark RUNNING jobs of dead runs ABORTED. Returns how many.

        Args:
            goes_on: Returns whether a run is alive, from its id and its process.
        """


class JobLocksPort(Protocol):
    """The locks of a catalogue's jobs."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of a job, or None if another run has it. Never waits.

        Two engines of one process exclude each other too. If there are no locks, or the catalogue may only be read,
        every run gets every lock.

        Args:
            key: The identity of the job.
            holder: The description of the run, for other runs.
        """

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock of a job, or had it when it was killed; None: nobody, or unknown."""

    def is_held(self, key: str) -> bool | None:
        """Whether a run has the lock; None: unknown."""


class SelectorSyncsPort(Protocol):
    """The states of selectors, kept between runs. A key names a selector within a plan."""

    def find(self, key: str) -> SelectorSync | None:
        """Return the last sync of the selector with that key, or None."""

    def save(self, key: str, sync: SelectorSync) -> None:
        """Save the last sync of a selector."""

    def find_discovered(self, bucket: str, source: str, provider: str, dataset_type: str) -> list[DiscoveredSelector]:
        """Return the selectors that a source discovered in an earlier run, each once."""

    def forget(self, discovered: DiscoveredSelector) -> None:
        """Remove the syncs of a selector that its source discovers no more."""

    def forget_listings(self, besides: Collection[str] = ()) -> None:
        """Forget the listings of selectors, because the lake has new datasets that the listings do not have.

        Args:
            besides: The keys of the selectors whose listings stay.
        """

    def forget_missing(self, is_contradicted: Callable[[str], bool]) -> None:
        """Forget the missing datasets that a second listing has to confirm, of the selectors with these keys."""

    def forget_hints(self, is_contradicted: Callable[[str], bool] | None = None) -> None:
        """Trust the hints of the selectors with these keys no more, as the lake is not as it was; None: of all."""
