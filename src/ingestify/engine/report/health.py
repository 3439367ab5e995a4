"""Is a lake kept current? What its jobs say of that, against limits that somebody gave: for monitoring."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingestify.domain.plan import EVERYTHING, ParseExpression
from ingestify.domain.run import FINDING_SELECTORS, JobSummary, RunState
from ingestify.domain.selector import Selector
from ingestify.errors import ConfigurationError

__all__ = ["LOOKED_AT", "WatchedPlan", "WatchedSelector", "is_done", "watch"]

GIVEN_UP_AFTER = dt.timedelta(days=14)
"""A selector that no run was at for so long, while runs were at others of its plan, is not discovered any more."""

LOOKED_AT = 1000
"""So many of the newest jobs are looked at first."""


@dataclasses.dataclass(frozen=True, slots=True)
class WatchedPlan:
    """An ingestion plan of the settings that is enabled.

    Attributes:
        rules: Its selectors, as they are written; none: everything.
    """

    source: str
    dataset_type: str
    rules: Sequence[Mapping[str, Any] | str] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class WatchedSelector:
    """A selector that the settings ask for.

    Attributes:
        name: Empty: no run was at any of the plan yet.
        last_done_at: When a run was last through with it, also if single datasets failed; None: that is not known.
        failed: How many datasets failed when a run was last at it; 1 if it failed before any was listed.
    """

    source: str
    dataset_type: str
    name: str
    last_done_at: dt.datetime | None = None
    failed: int = 0

    def is_stale(self, age: dt.timedelta, moment: dt.datetime) -> bool:
        """Whether no run was through with it for longer than `age`."""
        return self.last_done_at is None or moment - self.last_done_at > age


def watch(
    load_jobs: Callable[[int], Sequence[JobSummary]],
    plans: Sequence[WatchedPlan],
    parse_expression: ParseExpression,
    since: dt.datetime,
) -> list[WatchedSelector]:
    """Return what the plans ask for, and when it was last done.

    Args:
        load_jobs: Returns so many of the newest jobs, newest first.
        since: What was done before it need not be known exactly.
    """
    limit = LOOKED_AT
    while True:
        jobs = load_jobs(limit)
        if len(jobs) < limit or jobs[-1].started_at < since:
            break
        limit *= 4
    watched: list[WatchedSelector] = []
    for plan in plans:
        theirs = [job for job in jobs if _is_of(job, plan, parse_expression)]
        watched += _selectors_of(plan, theirs) or [WatchedSelector(plan.source, plan.dataset_type, "")]
    return watched


def _selectors_of(plan: WatchedPlan, jobs: Sequence[JobSummary]) -> list[WatchedSelector]:
    of_each: dict[str, list[JobSummary]] = {}
    for job in jobs:
        of_each.setdefault(json.dumps(dict(job.selector), sort_keys=True, default=str), []).append(job)
    firsts = [theirs[0] for theirs in of_each.values()]
    whole = [theirs for theirs in of_each.values() if not any(_is_part(theirs[0], other) for other in firsts)]
    newest = max((theirs[0].started_at for theirs in whole), default=None)
    return [
        WatchedSelector(
            plan.source,
            plan.dataset_type,
            theirs[0].selector_name,
            max((job.ended_at or job.updated_at for job in theirs if is_done(job)), default=None),
            next((_failed(job) for job in theirs if job.state is not RunState.RUNNING), 0),
        )
        for theirs in whole
        if newest is not None and newest - theirs[0].started_at <= GIVEN_UP_AFTER
    ]


def _is_part(job: JobSummary, other: JobSummary) -> bool:
    """Whether a run that was narrowed looked at a part of another job's selector only."""
    is_narrower = len(job.selector) > len(other.selector)
    return (
        is_narrower
        and job.selector_name == other.selector_name
        and all(job.selector.get(key) == value for key, value in other.selector.items())
    )


def is_done(job: JobSummary) -> bool:
    """Whether a run was through with a job, also if single datasets failed."""
    # One that was skipped because nothing had changed has its datasets counted.
    is_unchanged = job.state is RunState.SKIPPED and bool(job.counters.discovered)
    return job.state is RunState.FINISHED or is_unchanged


def _failed(job: JobSummary) -> int:
    return max(job.counters.failed, int(job.state is RunState.FAILED))


def _is_of(job: JobSummary, plan: WatchedPlan, parse_expression: ParseExpression) -> bool:
    if (job.source, job.dataset_type) != (plan.source, plan.dataset_type) or job.selector_name == FINDING_SELECTORS:
        return False
    return not plan.rules or any(_chooses(rule, job, parse_expression) for rule in plan.rules)


def _chooses(rule: Mapping[str, Any] | str, job: JobSummary, parse_expression: ParseExpression) -> bool:
    selector = Selector(job.selector)
    if isinstance(rule, Mapping):
        return selector.matches({key: value for key, value in rule.items() if not key.startswith("_")})
    try:
        return rule == EVERYTHING or parse_expression(rule).matches(selector.attributes)
    except ConfigurationError:  # the selector has other attributes than those that the expression is of
        return False
