"""What became of one dataset in a run, and its line in the summary of its job."""

from __future__ import annotations

import datetime as dt

import msgspec

from ingestify.clock import now
from ingestify.domain.change import AppliedChange
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import MetadataUpdated
from ingestify.domain.revision import Revision
from ingestify.domain.run import RunState, TaskOutcome, TaskSummary
from ingestify.engine.discovery.discovered import Discovered

__all__ = ["NOTHING_DONE", "Outcome", "outcome_of", "summarize"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one dataset.

    Attributes:
        dataset: The dataset as the lake has it now. None: it failed and the lake never had it, or it was dropped.
        task: Its line in the job's summary. None: it is unchanged and lacks no broken file, or a stop dropped it.
        current: Whether it is as current as readers may see it: it was fetched now or found unchanged, or a newer
            bundle of it is in quarantine.
        again: The dataset, to be decided about anew, because another writer committed first. None: that is not needed.
    """

    dataset: Dataset | None
    task: TaskSummary | None
    current: bool
    again: Discovered | None = None


NOTHING_DONE = Outcome(None, None, current=False)
"""The outcome of a dataset that a stop dropped, that the fetch policy does not want, or of a dry run."""


def outcome_of(applied: AppliedChange, *, is_new: bool) -> TaskOutcome:
    """Return what a change made of a dataset. `is_new`: the lake did not have it before."""
    if is_new:
        return TaskOutcome.NEW
    if applied.revision is not None:
        return TaskOutcome.REVISED
    is_described = any(isinstance(event, MetadataUpdated) for event in applied.events)
    return TaskOutcome.METADATA if is_described else TaskOutcome.UNCHANGED


def summarize(
    discovered: Discovered,
    outcome: TaskOutcome,
    error: str = "",
    *,
    dataset_id: str | None = None,
    revision: Revision | None = None,
    started_at: dt.datetime | None = None,
) -> TaskSummary:
    """Return the line of a dataset that changed or failed, is in quarantine, or lacks a broken file.

    Args:
        discovered: The dataset.
        outcome: What became of it.
        error: Why it failed or is in quarantine, or which file of it is left out, and why.
        dataset_id: Its id, if the lake has it.
        revision: The revision that it got.
        started_at: When work on it began. None: there was no work.
    """
    moment = now()
    is_bad = outcome in (TaskOutcome.FAILED, TaskOutcome.QUARANTINED)
    return TaskSummary(
        identifier=str(discovered.identifier),
        outcome=outcome,
        state=RunState.FAILED if is_bad else RunState.FINISHED,
        started_at=started_at or moment,
        ended_at=moment,
        dataset_id=dataset_id,
        name=discovered.name,
        revision_id=None if revision is None else revision.revision_id,
        error=error,
        warnings=() if revision is None else revision.warnings,
    )
