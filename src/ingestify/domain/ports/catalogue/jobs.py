"""The catalogue's jobs: what runs did, who is at what now, and how new each selector is in the lake."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection
from typing import Protocol

from ingestify.domain.run import JobHolder, JobSummary, ProcessIdentity
from ingestify.domain.selector import Selector

__all__ = ["DiscoveredSelector", "JobLock", "JobLocksPort", "JobsPort", "SelectorSync", "SelectorSyncsPort"]


@dataclasses.dataclass(frozen=True, slots=True)
class DiscoveredSelector:
    """A selector that a source's `discover_selectors` brought, with its name for people.

    Attributes:
        bucket: Into which part of the lake it was ingested.
        source: The source's name in the configuration.
    """

    bucket: str
    source: str
    provider: str
    dataset_type: str
    selector: Selector


@dataclasses.dataclass(frozen=True, slots=True)
class SelectorSync:
    """What a selector was when it was last ingested.

    Attributes:
        last_modified: The selector's `_last_modified` then, in UTC; None if there was none. For people.
        complete: Whether all of it was discovered and nothing failed.
        listing: A digest of the datasets that were listed and are in the lake; None if that is not known.
        hint: What the selector's hint said before it was listed (`Selector.announced`); None: there was none.
        is_settled: Whether nothing can have changed since under that hint (`domain.announcement.is_settled`).
        followed_until: Of a source that follows changes: all that the provider had changed by then is in the lake.
        absent: A digest of the datasets that were not listed any more, and that a second listing has to confirm; None:
            there are none.
        discovered: The selector, if the source discovers it and lists all of it; None: the plan writes it out.
        duplicates: Hashes of the datasets that the listing had twice, with different content.
    """

    last_modified: dt.datetime | None
    complete: bool
    finished_at: dt.datetime
    listing: str | None = None
    hint: str | None = None
    is_settled: bool = False
    followed_until: dt.datetime | None = None
    absent: str | None = None
    discovered: DiscoveredSelector | None = None
    duplicates: tuple[str, ...] = ()


class JobLock(Protocol):
    """The right to be at a job; it ends with the process, however that ends."""

    def release(self) -> None:
        """Let others have it. Harmless when that has happened."""


class JobsPort(Protocol):
    """The jobs of a catalogue."""

    def save(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, new or again, and the tasks that are not written yet.

        One whose `end` is quiet, or is that of the last job of the same identity, is counted with that one, and has no
        row of its own any more.

        Args:
            first_task: The number of the first of `job.tasks`; those before it were written earlier.
        """

    def load(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""

    def abort_dead(self, goes_on: Callable[[str, ProcessIdentity], bool]) -> int:
        """Mark RUNNING jobs ABORTED that nobody works on. Returns how many.

        Args:
            goes_on: Says whether a run does, given its id and its process.
        """


class JobLocksPort(Protocol):
    """The locks of a catalogue's jobs."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of the job whose identity is `key`, or None if another run has it; never waits.

        Two engines of one process exclude each other too. Where there are no locks, or where the catalogue may only be
        read, everybody gets one.

        Args:
            holder: What others are told of whoever has it.
        """

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock of that job; None: nobody, or that is not known."""


class SelectorSyncsPort(Protocol):
    """What a catalogue remembers of selectors between runs."""

    def find(self, key: str) -> SelectorSync | None:
        """Return when the selector that `key` names was last ingested, or None."""

    def save(self, key: str, sync: SelectorSync) -> None:
        """Remember it."""

    def find_discovered(self, bucket: str, source: str, provider: str, dataset_type: str) -> list[DiscoveredSelector]:
        """Return the selectors of a source that it discovered when they were last ingested, each once."""

    def forget(self, discovered: DiscoveredSelector) -> None:
        """Forget all that is remembered of a selector that its source discovers no more."""

    def forget_listings(self, besides: Collection[str] = ()) -> None:
        """Forget what selectors listed: datasets came that their listings do not know of.

        Args:
            besides: The keys of those that are kept, as of `save`.
        """

    def forget_absences(self, is_spoken_against: Callable[[str], bool]) -> None:
        """Forget what selectors lacked and is still to be confirmed, by their keys, as of `save`."""

    def forget_hints(self) -> None:
        """Believe no selector's hint: files left datasets that other plans may ask for."""
