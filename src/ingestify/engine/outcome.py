"""What became of one dataset in a run, and what is kept of that in its job's summary."""

from __future__ import annotations

import dataclasses

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.run import RunState, TaskOutcome, TaskSummary
from ingestify.engine.discovery import Discovered

__all__ = ["NOTHING_DONE", "Outcome", "undone_task"]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one dataset.

    Attributes:
        dataset: As it is in the lake now; None if it failed without ever having been there, or was dropped.
        task: What is kept of it in the job's summary; None for one that is unchanged or was dropped by a stop.
        current: Whether it is as current as readers may see it: fetched now, found unchanged, or as it was before a
            bundle that is in quarantine.
        again: What is to be decided about anew, because another writer came first or the provider moved on.
    """

    dataset: Dataset | None
    task: TaskSummary | None
    current: bool
    again: Discovered | None = None


NOTHING_DONE = Outcome(None, None, current=False)
"""Of a dataset that was dropped by a stop, that the fetch policy does not want, or that was only looked at."""


def undone_task(discovered: Discovered, outcome: TaskOutcome, error: str, dataset_id: str | None = None) -> TaskSummary:
    """Return the task of a dataset that nothing was done with."""
    moment = now()
    return TaskSummary(
        identifier=str(discovered.identifier),
        outcome=outcome,
        state=RunState.FAILED,
        started_at=moment,
        ended_at=moment,
        dataset_id=dataset_id,
        name=discovered.name,
        error=error,
    )
