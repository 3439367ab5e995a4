"""What a run came to, as JSON. It is for readers outside of ingestify: within a version, keys are only added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from ingestify.clock import utc_text
from ingestify.domain.json_value import JsonValue
from ingestify.domain.run import JobSummary, RunState, TaskOutcome, TaskSummary
from ingestify.domain.run_notice import RunFinished, StaleSelector
from ingestify.domain.text import storable
from ingestify.engine.report.report import one_line
from ingestify.events.payload import Time
from ingestify.progress.formatting import summary_line

__all__ = [
    "MOST_LISTED",
    "PAYLOAD_VERSION",
    "ProblemPayload",
    "RunFinishedPayload",
    "RunPlanPayload",
    "SelectorPayload",
    "StalePayload",
    "run_payload",
]

PAYLOAD_VERSION = 1
"""The version in `type` and `dataschema`. A key that is removed, or means something else, makes a new version."""

MOST_LISTED = 100
"""So many datasets, and so many selectors, are listed; the numbers beside the lists count all."""

_LONGEST = 1000
"""Characters of a selector's name; the names and identifiers of a report are not longer."""


class RunPlanPayload(TypedDict):
    """A plan of the run.

    Attributes:
        source: The name of the source in the config file.
        provider: The provider's name.
        dataset_type: What it ingests, such as `match`.
    """

    source: str
    provider: str
    dataset_type: str


class ProblemPayload(TypedDict):
    """A dataset with a problem.

    Attributes:
        kind: `failed`; `quarantined`: its new files failed a check, and readers see what the lake had before; or
            `left_out`: it is in the lake without an optional file that is broken.
        has_shrunk: Whether it is in quarantine as files lost most of their size, or are gone.
        source: The name of the source in the config file.
        provider: The provider's name.
        dataset_type: What it is, such as `match`.
        selector: The selector that lists it.
        dataset_id: Its id; null: it never came into the lake.
        identifier: Its identifier as text.
        name: Its name, for people.
        error: Why, in one line without secrets.
    """

    kind: str
    has_shrunk: bool
    source: str
    provider: str
    dataset_type: str
    selector: str
    dataset_id: str | None
    identifier: str
    name: str
    error: str


class SelectorPayload(TypedDict):
    """A selector that did not end well, or that lists less than before.

    Attributes:
        source: The name of the source in the config file.
        provider: The provider's name.
        dataset_type: What it selects, such as `match`.
        selector: Its name.
        state: `FINISHED`, `FAILED`, `ABORTED` or `SKIPPED`.
        error: Why, in one line without secrets; empty: it is FINISHED.
        missing: How many of its datasets are not listed any more, and were marked MISSING.
        unlisted: How many are not listed any more, and wait for the next run to find the same.
    """

    source: str
    provider: str
    dataset_type: str
    selector: str
    state: str
    error: str
    missing: int
    unlisted: int


class StalePayload(TypedDict):
    """A selector that was last ingested too long ago.

    Attributes:
        source: The name of the source in the config file.
        dataset_type: What it selects, such as `match`.
        selector: Its name; empty: no run has found a selector of the plan yet.
        last_done_at: When it was last ingested; null: never, or unknown.
    """

    source: str
    dataset_type: str
    selector: str
    last_done_at: Time | None


class RunFinishedPayload(TypedDict):
    """A run has ended: to its end, by an error, or as it was interrupted.

    Attributes:
        event_type: What happened: `run_finished`.
        run_id: The id of the run.
        lake_id: The id of the lake; empty: it has none yet, or its catalogue could not be read.
        epoch: The epoch of the lake; 0 likewise.
        lake_name: `main.name` of the settings; empty: the lake has no name.
        bucket: The part of the lake.
        outcomes: What it came to: `finished`, `failed`, `interrupted`, `stale`, `shrunk`.
        summary: The same in a line for people.
        state: `FINISHED`, `FAILED` or `ABORTED`.
        exit_code: With which `ingestify run` ends.
        error: What stopped it, in one line without secrets; null: nothing did.
        began_at: When it began.
        ended_at: When it ended.
        duration_seconds: How long it took.
        narrowed_to: What the caller narrowed it to; empty: to nothing.
        plans: What it ingests.
        counters: How many datasets had which result; requests, and received bytes.
        position_before: Of the last event in the log before the run; null: it could not be read.
        position: Of the last event in the log after the run; null: it could not be read.
        problems: The first 100 datasets with a problem.
        problem_count: How many there are.
        selectors: The first 100 selectors that did not end well, or that list less than before.
        selector_count: How many there are.
        not_begun: The first 100 selectors that had not begun when the run was stopped.
        not_begun_count: How many there are.
        stale: The first 100 selectors that were last ingested too long ago.
        stale_count: How many there are.
    """

    event_type: str
    run_id: str
    lake_id: str
    epoch: int
    lake_name: str
    bucket: str
    outcomes: Sequence[str]
    summary: str
    state: str
    exit_code: int
    error: str | None
    began_at: Time
    ended_at: Time
    duration_seconds: float
    narrowed_to: Mapping[str, JsonValue]
    plans: Sequence[RunPlanPayload]
    counters: Mapping[str, int]
    position_before: int | None
    position: int | None
    problems: Sequence[ProblemPayload]
    problem_count: int
    selectors: Sequence[SelectorPayload]
    selector_count: int
    not_begun: Sequence[str]
    not_begun_count: int
    stale: Sequence[StalePayload]
    stale_count: int


def run_payload(run: RunFinished) -> RunFinishedPayload:
    """Return what a run came to, as JSON values."""
    report = run.report
    problems = [(job, task) for job in report.jobs for task in job.tasks if task.error]
    selectors = [job for job in report.jobs if _is_of_note(job)]
    shrunk = {id(task) for task in run.shrunk}
    return {
        "event_type": "run_finished",
        "run_id": run.run_id,
        "lake_id": run.lake_id,
        "epoch": run.epoch,
        "lake_name": run.lake_name,
        "bucket": run.bucket,
        "outcomes": sorted(one.value for one in run.outcomes),
        "summary": summary_line(report),
        "state": report.state.value,
        "exit_code": report.exit_code,
        "error": None if report.error is None else one_line(report.error),
        "began_at": utc_text(run.began_at),
        "ended_at": utc_text(run.ended_at),
        "duration_seconds": round(report.duration_seconds, 6),
        "narrowed_to": {name: _as_json(value) for name, value in run.narrowed_to.items()},
        "plans": [
            {"source": one.source, "provider": one.provider, "dataset_type": one.dataset_type} for one in run.plans
        ],
        "counters": report.totals.as_dict(),
        "position_before": run.position_before,
        "position": run.position,
        "problems": [_problem(job, task, has_shrunk=id(task) in shrunk) for job, task in problems[:MOST_LISTED]],
        "problem_count": len(problems),
        "selectors": [_selector(job) for job in selectors[:MOST_LISTED]],
        "selector_count": len(selectors),
        "not_begun": [_cut(one) for one in report.not_begun[:MOST_LISTED]],
        "not_begun_count": len(report.not_begun),
        "stale": [_stale(one) for one in run.stale[:MOST_LISTED]],
        "stale_count": len(run.stale),
    }


def _is_of_note(job: JobSummary) -> bool:
    is_bad = job.state not in (RunState.FINISHED, RunState.SKIPPED) or job.left_to_another
    return is_bad or bool(job.counters.missing or job.counters.unlisted)


def _problem(job: JobSummary, task: TaskSummary, *, has_shrunk: bool) -> ProblemPayload:
    return {
        "kind": task.outcome.value if task.outcome in (TaskOutcome.FAILED, TaskOutcome.QUARANTINED) else "left_out",
        "has_shrunk": has_shrunk,
        "source": job.source,
        "provider": job.provider,
        "dataset_type": job.dataset_type,
        "selector": _cut(job.selector_name),
        "dataset_id": task.dataset_id,
        "identifier": task.identifier,
        "name": task.name,
        "error": task.error,
    }


def _selector(job: JobSummary) -> SelectorPayload:
    return {
        "source": job.source,
        "provider": job.provider,
        "dataset_type": job.dataset_type,
        "selector": _cut(job.selector_name),
        "state": job.state.value,
        "error": job.error,
        "missing": job.counters.missing,
        "unlisted": job.counters.unlisted,
    }


def _stale(one: StaleSelector) -> StalePayload:
    return {
        "source": one.source,
        "dataset_type": one.dataset_type,
        "selector": _cut(one.selector),
        "last_done_at": None if one.last_done_at is None else utc_text(one.last_done_at),
    }


def _cut(text: str) -> str:
    """Return a text of a provider as it is, if it is not too long: a message has many of them."""
    return storable(text, _LONGEST)


def _as_json(value: object) -> JsonValue:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_json(one) for one in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
