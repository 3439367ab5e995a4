"""What a lake has in short: what changed, what was expected, how old it is, and how much it takes."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingestify.domain.dataset import DatasetState
from ingestify.domain.json_value import JsonValue
from ingestify.domain.run import Counters, ProcessIdentity, RunState

__all__ = [
    "ChangeMark",
    "CompetitionCoverage",
    "FeedStorage",
    "RequestDay",
    "RunSummary",
    "SelectorFreshness",
]


class ChangeMark(NamedTuple):
    """Two texts that stay the same until something changes in the catalogue, of whichever bucket.

    A killed process changes nothing: whether a running job goes on has to be looked up.

    Attributes:
        settled: Changes with a commit of datasets, a decision on the quarantine, a job that begins or ends, a selector
            that is remembered, a host that asks to be left alone, and with what a retention or a repair removes.
        progress: Changes also while jobs run, every few seconds.
    """

    settled: str
    progress: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CompetitionCoverage:
    """What the lake has of one competition in one season, of one provider and dataset type.

    A dataset counts once in `states`; it may count in `quarantined` and `failed` beside it.

    Attributes:
        competition_id: As text; empty: the identifiers name none. Impect names a competition in a season by its
            `iteration_id`, which is here then.
        season_id: As text; empty: the identifiers name none.
        name: The name of its selector; empty: no job of it alone is known.
        expected: How many datasets there should be: those that the provider last listed, or those that are known of,
            if they are more. Datasets that are MISSING are not expected.
        states: How many the lake has in each state.
        quarantined: How many have an open entry in the quarantine.
        only_quarantined: How many of those the lake does not have.
        failed: How many failed in the last job of their selector.
        never_stored: How many of those the lake does not have; they are only tasks of that job.
        feeds: Feed to the number of datasets that have a current file of it.
        newest_at: The newest time of the provider of one of its datasets, in UTC; None: none is known.
    """

    provider: str
    dataset_type: str
    competition_id: str
    season_id: str
    name: str = ""
    expected: int = 0
    states: Mapping[DatasetState, int] = dataclasses.field(default_factory=dict)
    quarantined: int = 0
    only_quarantined: int = 0
    failed: int = 0
    never_stored: int = 0
    feeds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    newest_at: dt.datetime | None = None

    @property
    def stored(self) -> int:
        """How many datasets the lake has, those that are MISSING at the provider included."""
        return sum(self.states.values())

    @property
    def complete(self) -> int:
        """How many of them are COMPLETE."""
        return self.states.get(DatasetState.COMPLETE, 0)

    @property
    def not_fetched(self) -> int:
        """How many of the expected datasets are neither in the lake nor in quarantine, and did not fail."""
        there = self.stored - self.states.get(DatasetState.MISSING, 0)
        return max(0, self.expected - there - self.only_quarantined - self.never_stored)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SelectorFreshness:
    """How old the lake is for one selector: a part of a plan that runs remember.

    Attributes:
        source: The source's name in the configuration.
        selector: Its keys and values.
        name: For people; empty: no job of it is in the log any more.
        last_run_at: When its last job ended, whatever became of it; None: no job of it is in the log any more.
        state: The state of that job; None: likewise.
        failed: How many datasets failed in that job.
        quarantined: How many are in quarantine since that job, or were before.
        complete_at: When its last job ended in which nothing failed and nothing is in quarantine; None: unknown.
        newest_at: The newest time of the provider of one of its competition's datasets; None: none is known.
    """

    source: str
    provider: str
    dataset_type: str
    selector: Mapping[str, JsonValue]
    name: str = ""
    last_run_at: dt.datetime | None = None
    state: RunState | None = None
    failed: int = 0
    quarantined: int = 0
    complete_at: dt.datetime | None = None
    newest_at: dt.datetime | None = None

    @property
    def text(self) -> str:
        """What people call it: its name, else its keys and values."""
        return self.name or ", ".join(f"{key}={value}" for key, value in self.selector.items()) or "everything"

    def age(self, moment: dt.datetime) -> dt.timedelta | None:
        """Return how long before a moment it was complete; None: unknown."""
        return None if self.complete_at is None else moment - self.complete_at


class FeedStorage(NamedTuple):
    """What one feed takes, over all revisions.

    Attributes:
        compression: `zstd`, `gzip` or `none`.
        size_bytes: The providers' bytes.
        storage_bytes: What these take in the storage; an object that several files share counts once for each.
    """

    provider: str
    dataset_type: str
    data_feed_key: str
    compression: str
    files: int
    size_bytes: int
    storage_bytes: int


class RequestDay(NamedTuple):
    """What the jobs that began on a day, in UTC, asked a source for. A job that had no news counts on its last day."""

    day: dt.date
    source: str
    requests: int
    received_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class RunSummary:
    """A run: all of its jobs together.

    Attributes:
        ended_at: When the last of its jobs ended; None: one is running.
        jobs: How many jobs it has in each state.
        errors: The errors of its jobs, each once.
    """

    run_id: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    process: ProcessIdentity
    sources: Sequence[str]
    jobs: Mapping[RunState, int]
    counters: Counters
    errors: Sequence[str] = ()

    @property
    def state(self) -> RunState:
        """RUNNING if a job is; otherwise the worst of its jobs'."""
        order = (RunState.RUNNING, RunState.FAILED, RunState.ABORTED, RunState.FINISHED)
        return next((state for state in order if state in self.jobs), RunState.SKIPPED)
