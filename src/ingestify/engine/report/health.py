"""Freshness for monitoring: when was each planned selector last ingested, according to the jobs of the lake."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.domain.identifier import canonical_value
from ingestify.domain.plan import EVERYTHING, IngestionPlan, ParseExpression, SelectorRule
from ingestify.domain.run import FINDING_SELECTORS, JobSummary, RunState
from ingestify.domain.selector import Selector, filter_values
from ingestify.errors import ConfigurationError

__all__ = ["GIVEN_UP_AFTER", "LOOKED_AT", "WatchedPlan", "WatchedSelector", "is_done", "watch"]

GIVEN_UP_AFTER = dt.timedelta(days=14)
"""A selector without a job for this long, while its plan had other jobs, is no longer discovered by its source."""

LOOKED_AT = 1000
"""How many of the newest jobs are read first."""


class WatchedPlan(msgspec.Struct, frozen=True):
    """An enabled ingestion plan of the settings.

    Attributes:
        source: The source's name.
        dataset_type: The dataset type.
        rules: The selectors as they are written; empty: everything.
        rests: How long a selector may rest where a `watch` keeps to the plan's schedule.
    """

    source: str
    dataset_type: str
    rules: Sequence[SelectorRule] = ()
    rests: dt.timedelta = dt.timedelta()

    @classmethod
    def of(cls, plan: IngestionPlan) -> WatchedPlan:
        """Return what is watched of a plan."""
        rules = [_written(rule) for rule in plan.selectors]
        return cls(plan.source.name, plan.dataset_type, rules, plan.schedule.longest)


class WatchedSelector(msgspec.Struct, frozen=True):
    """A selector of a plan.

    Attributes:
        source: The source's name.
        dataset_type: The dataset type.
        name: The selector's name; empty: the plan has no job yet.
        last_done_at: When a job of it last finished, also if single datasets failed; None: unknown.
        failed: How many datasets failed in its last job; 1 if the job failed before it listed any.
        selector: Its keys and values.
        began_at: When its last job began, whatever became of it.
        has_failed: Whether its last job that has ended failed as a whole.
        rests: See `WatchedPlan`.
    """

    source: str
    dataset_type: str
    name: str
    last_done_at: dt.datetime | None = None
    failed: int = 0
    selector: Mapping[str, Any] = {}
    began_at: dt.datetime | None = None
    has_failed: bool = False
    rests: dt.timedelta = dt.timedelta()

    def is_stale(self, age: dt.timedelta, moment: dt.datetime) -> bool:
        """Whether its last finished job is older than `age` at `moment`."""
        return self.last_done_at is None or moment - self.last_done_at > age


def watch(
    load_jobs: Callable[[int], Sequence[JobSummary]],
    plans: Sequence[WatchedPlan],
    parse_expression: ParseExpression,
    since: dt.datetime,
) -> list[WatchedSelector]:
    """Return the selectors of the plans, and when each was last ingested.

    Args:
        load_jobs: Returns that many of the newest jobs, newest first.
        plans: The enabled plans.
        parse_expression: Parses a rule that is an expression.
        since: Jobs before this moment need not be read.
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
            theirs[0].selector,
            theirs[0].started_at,
            next((job.state is RunState.FAILED for job in theirs if job.state is not RunState.RUNNING), False),
            plan.rests,
        )
        for theirs in whole
        if newest is not None and newest - theirs[0].started_at <= GIVEN_UP_AFTER
    ]


def _is_part(job: JobSummary, other: JobSummary) -> bool:
    """Whether a job was narrowed by filters to a part of another job's selector, or to some values of its key."""
    if job.selector.keys() == other.selector.keys():
        mine, theirs = _values(job), _values(other)
        return mine != theirs and all(mine[key] <= theirs[key] for key in theirs)
    is_narrower = len(job.selector) > len(other.selector)
    return (
        is_narrower
        and job.selector_name == other.selector_name
        and all(job.selector.get(key) == value for key, value in other.selector.items())
    )


def _values(job: JobSummary) -> dict[str, set[str]]:
    return {key: {canonical_value(one) for one in filter_values(value)} for key, value in job.selector.items()}


def is_done(job: JobSummary) -> bool:
    """Whether a job finished, also if single datasets failed."""
    # A job that was skipped because nothing had changed has counted its datasets.
    is_unchanged = job.state is RunState.SKIPPED and bool(job.counters.discovered)
    return job.state is RunState.FINISHED or is_unchanged


def _failed(job: JobSummary) -> int:
    return max(job.counters.failed, int(job.state is RunState.FAILED))


def _is_of(job: JobSummary, plan: WatchedPlan, parse_expression: ParseExpression) -> bool:
    if (job.source, job.dataset_type) != (plan.source, plan.dataset_type) or job.selector_name == FINDING_SELECTORS:
        return False
    rules = [rule for rule in plan.rules if _chooses(rule, job, parse_expression)]
    return not plan.rules or (bool(rules) and all(_name_all(rules, *pair) for pair in _values(job).items()))


def _written(rule: SelectorRule) -> SelectorRule:
    return rule.attributes if isinstance(rule, Selector) else rule


def _name_all(rules: Sequence[SelectorRule], key: str, values: set[str]) -> bool:
    """Whether rules name all of a key's values, of which they name some. One that does not have the key means any."""
    named: set[str] = set()
    for rule in rules:
        if not isinstance(rule, Mapping) or key not in rule:
            return True
        named.update(map(canonical_value, filter_values(rule[key])))
    return values <= named


def _chooses(rule: SelectorRule, job: JobSummary, parse_expression: ParseExpression) -> bool:
    selector = Selector({**job.selector, "_name": job.selector_name})
    if isinstance(rule, Mapping):
        return selector.matches({key: value for key, value in rule.items() if not key.startswith("_")})
    if rule == EVERYTHING:
        return True
    try:
        expression = parse_expression(rule) if isinstance(rule, str) else rule
        return expression.matches(selector.for_expressions)
    except ConfigurationError:  # the selector lacks an attribute that the expression names
        return False
