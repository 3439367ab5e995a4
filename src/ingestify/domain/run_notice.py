"""What subscribers are told of a run: that it began, and what it came to."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping, Sequence

from ingestify.domain.run import RunReport, TaskSummary

__all__ = ["RunFinished", "RunOutcome", "RunPlan", "RunStarted", "StaleSelector"]


class RunOutcome(enum.StrEnum):
    """What a run came to. A run has at least one of the first three, and each of the others that applies."""

    FINISHED = "finished"
    """It went to its end, and nothing failed."""

    FAILED = "failed"
    """Something failed: the run, a selector, or a dataset (also one that is in quarantine, that lacks a broken file, or
    that was not looked at as its host is left alone)."""

    INTERRUPTED = "interrupted"
    """It was stopped before its end: by a person, a scheduler, its deadline, a source, or the reader of a stream."""

    STALE = "stale"
    """A selector of a plan was last ingested longer ago than `freshness.stale_after` of the settings permits."""

    SHRUNK = "shrunk"
    """The provider has less than before: datasets that are not listed any more, or files that lost most of their size
    or are gone and are therefore in quarantine."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunPlan:
    """A plan of a run: one source and one dataset type.

    Attributes:
        origin: Where the source's data comes from, as `https://api.example.com`; empty: the source does not say it.
    """

    source: str
    provider: str
    dataset_type: str
    origin: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class StaleSelector:
    """A selector that was not ingested for too long.

    Attributes:
        selector: Its name; empty: no run has found a selector of the plan yet.
        last_done_at: When a job of it last finished, also if single datasets failed; None: never, or unknown.
    """

    source: str
    dataset_type: str
    selector: str
    last_done_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run that began.

    Attributes:
        run_id: A UUID, as text.
        lake_id: The id of the lake; empty: the lake has none yet, or its catalogue cannot be read.
        epoch: The epoch of the lake; 0 likewise.
        lake_name: `main.name` of the settings; empty: it has no name.
        bucket: The part of the lake.
        began_at: When the call began, in UTC.
        plans: What it ingests.
        narrowed_to: What the caller narrowed it to: `provider`, `source`, `dataset_type` and identifier keys to their
            values. Empty: to nothing.
        position_before: Of the last event in the log before the run; None: it could not be read.
    """

    run_id: str
    lake_id: str
    epoch: int
    lake_name: str
    bucket: str
    began_at: dt.datetime
    plans: Sequence[RunPlan]
    narrowed_to: Mapping[str, object]
    position_before: int | None

    @property
    def lake(self) -> str:
        """The name of the lake in other systems: `lake_name`, else `lake_id`. It may be empty."""
        return self.lake_name or self.lake_id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(RunStarted):
    """A run that ended, in whatever way.

    Attributes:
        ended_at: When, in UTC. Nothing of the run is committed after that.
        report: Its report, with `exit_code`. If the run raised an error, `report.error` is that error.
        outcomes: What it came to.
        stale: The selectors of the plans of this engine that are stale, whichever of them the run was narrowed to.
            Empty also if the settings have no `freshness.stale_after`.
        shrunk: The datasets whose new files are in quarantine, as files lost most of their size or are gone. Datasets
            that are not listed any more are counted in the jobs of the report, as `missing` and `unlisted`.
        position: Of the last event in the log after the run; None: it could not be read. Other writers may have
            written some of the events since `position_before`.
    """

    ended_at: dt.datetime
    report: RunReport
    outcomes: frozenset[RunOutcome]
    stale: Sequence[StaleSelector]
    shrunk: Sequence[TaskSummary]
    position: int | None
