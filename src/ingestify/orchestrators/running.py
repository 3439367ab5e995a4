"""One run of a lake for an orchestrator: its worker opens the lake, and gets a small outcome that can be pickled."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify.clock import now
from ingestify.domain.ports import Catalogue
from ingestify.domain.quarantine import WaitingBundle
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskSummary
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.report.left_alone import describe_left_alone, find_left_alone
from ingestify.engine.report.report import one_line
from ingestify.errors import (
    ConfigurationError,
    DeadlineReached,
    FatalError,
    FetchError,
    IngestifyError,
    LakeIdentityError,
    LakeNotFound,
    LakeVersionError,
    SecretError,
    StopProcessing,
)
from ingestify.main import get_engine
from ingestify.orchestrators.assets import LakeAsset, lake_assets
from ingestify.orchestrators.event_log import (
    CHANGES,
    AssetChange,
    LogPosition,
    find_start,
    group_changes,
    is_of,
    log_end,
    read_log,
)
from ingestify.orchestrators.partitions import parse_partition_key

__all__ = ["LakeRun", "OutcomeState", "Problem", "RunFailed", "run_lake"]

MOST_PROBLEMS = 50
"""How many problems, and how many bundles in quarantine, an outcome names."""

WARNED = "warned"


class OutcomeState(enum.StrEnum):
    """How a run ended."""

    OK = "OK"
    WARNING = "WARNING"
    """Some datasets failed, are in quarantine, lack a broken file or were not asked for: exit code 3 of the command."""
    FAILED = "FAILED"
    """It did not do its work. Such a run raises `RunFailed`, which has the outcome."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one dataset, or with one selector.

    Attributes:
        kind: `failed`, `quarantined`, `broken_file`, `unlisted`, `left_alone`, `held` (by another run),
            `selector_failed`; or `warned`: a check found something and did not reject, which is no reason for the state
            WARNING.
        selector: The selector's name.
        dataset: The dataset's name or identifier; empty: it is about the whole selector.
        reason: Why, a sentence without secrets.
    """

    kind: str
    provider: str
    dataset_type: str
    selector: str
    dataset: str
    reason: str
    dataset_id: str | None = None

    def __str__(self) -> str:
        what = f"{self.provider}/{self.dataset_type} {self.dataset or self.selector}"
        return f"{self.kind.replace('_', ' ')}: {what}: {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class LakeRun:
    """What a run did, as far as an orchestrator shows it. It is small whatever the run did, and can be pickled.

    Attributes:
        counters: The counts of the run by name, see `Counters`.
        problems: The first 50 problems; `problem_count` is how many there are.
        changes: What changed in the lake from `position_before` to `position_after`, by asset and partition.
        quarantined: The first 50 bundles that wait in quarantine in this part of the lake, newest first;
            `quarantined_count` is how many there are.
        terms: `provider/dataset_type` to `licence` and `attribution` of what was run.
        position_before: Where the event log ended before the run, or the `since` of the call; `position_after`: where
            it ends after the run.
        last_modified_at: The provider's newest time of what changed; None: it gives none, or nothing changed.
        created_lake: Where the run created the lake; empty: it existed.
        not_listed: A sentence that names the filters that no source lists, such as a selector that was renamed; empty:
            there are none, or that is unknown.
    """

    run_id: str
    state: OutcomeState
    counters: Mapping[str, int]
    problems: tuple[Problem, ...]
    problem_count: int
    changes: tuple[AssetChange, ...]
    quarantined: tuple[WaitingBundle, ...]
    quarantined_count: int
    terms: Mapping[str, Mapping[str, str]]
    position_before: LogPosition
    position_after: LogPosition
    last_modified_at: dt.datetime | None
    duration_seconds: float
    created_lake: str = ""
    not_listed: str = ""

    @property
    def summary(self) -> str:
        """One line for people: the counts that are not 0, what no source lists, and the first problem."""
        counts = ", ".join(f"{name}={count}" for name, count in self.counters.items() if count or name == "discovered")
        if self.not_listed:
            counts += f"; {self.not_listed}"
        if not self.problem_count:
            return counts
        more = f" (and {self.problem_count - 1:,} more)" if self.problem_count > 1 else ""
        return f"{counts}; {self.problems[0]}{more}"


class RunFailed(IngestifyError):
    """A run did not do its work. What finished is in the lake, and the next run does not do it again.

    Attributes:
        may_help: Whether a retry can help. It cannot where a person has to act: wrong settings, refused credentials, a
            lake of a newer version, a source that stopped the run.
        retry_at: When it can help, if a host asked to be left alone until then, in UTC; None: that is not known.
        outcome: What the run did all the same; None: it did not begin.
    """

    def __init__(
        self,
        message: str,
        *,
        may_help: bool,
        retry_at: dt.datetime | None = None,
        outcome: LakeRun | None = None,
    ) -> None:
        super().__init__(message)
        self.may_help = may_help
        self.retry_at = retry_at
        self.outcome = outcome


def run_lake(
    config: str | Path | None = None,
    *,
    provider: str | None = None,
    source: str | None = None,
    dataset_type: str | None = None,
    selector: Mapping[str, object] | str | None = None,
    accept_missing: bool = False,
    deadline: dt.timedelta | None = None,
    ignore_waits: bool = False,
    refetch: bool = False,
    since: LogPosition | None = None,
) -> LakeRun:
    """Open the lake, bring it up to date as `ingestify run` does, and close it.

    It opens everything itself, so an orchestrator passes only the path to its worker. A retry asks the provider only
    for what the run before did not finish.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        provider: Only plans of this provider; None: any.
        source: Only plans of the source with this name; None: any.
        dataset_type: Only plans of this dataset type; None: any.
        selector: Filters, or a partition key such as `competition_id=11/season_id=90`; None: everything.
        accept_missing: See `IngestionEngine.load`.
        deadline: How long it may take; None: no limit.
        ignore_waits: See `IngestionEngine.load`.
        refetch: See `IngestionEngine.load`.
        since: Where in the event log the changes begin that the outcome tells; None: at the run's begin. Whoever keeps
            how far it was told also gets what an earlier run changed before it failed.

    Raises:
        RunFailed: It did not do its work; the error says whether a retry can help.
        KeyboardInterrupt: It was interrupted. Finished datasets are kept.
    """
    try:
        filters = _filters_of(selector)
        chosen = [
            one
            for one in lake_assets(config)
            if provider in (None, one.provider)
            and dataset_type in (None, one.dataset_type)
            and (source is None or source in one.sources)
        ]
        with get_engine(config) as engine:
            before = since or log_end(engine.store.catalogue)
            report = engine.run_report(
                provider=provider,
                source=source,
                dataset_type=dataset_type,
                accept_missing=accept_missing,
                deadline=deadline,
                ignore_waits=ignore_waits,
                refetch=refetch,
                **filters,
            )
            if isinstance(report.error, KeyboardInterrupt):
                raise report.error
            outcome = _outcome(engine, report, chosen, before, provider, dataset_type, filters)
            _raise_if_failed(report, outcome, engine.store.catalogue)
            return outcome
    except RunFailed:
        raise
    except IngestifyError as error:
        raise RunFailed(one_line(error), may_help=may_help(error)) from error


def _filters_of(selector: object) -> dict[str, Any]:
    """Return the filters of a selector: it may come from a template or a form, and have any type.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(selector, str):
        return {**parse_partition_key(selector)}
    if selector is None:
        return {}
    if not isinstance(selector, Mapping) or not all(isinstance(key, str) for key in selector):
        raise ConfigurationError(
            f"selector: {selector!r:.200} is no selector: write filters, such as season_id: 90, or a partition key, "
            "such as competition_id=11/season_id=90."
        )
    return dict(selector)


def _outcome(
    engine: IngestionEngine,
    report: RunReport,
    assets: Sequence[LakeAsset],
    before: LogPosition,
    provider: str | None,
    dataset_type: str | None,
    filters: Mapping[str, object],
) -> LakeRun:
    catalogue = engine.store.catalogue
    after = log_end(catalogue)
    events = read_log(catalogue, find_start(catalogue, before, after), after.position)
    changes = group_changes(
        (one for one in events if one.event_type in CHANGES and is_of(one, provider, dataset_type, filters)), assets
    )
    problems = list(_iter_problems(report))
    waiting = _find_waiting(engine, provider, dataset_type, filters)
    moments = [one.last_modified_at for one in changes if one.last_modified_at is not None]
    return LakeRun(
        report.run_id,
        OutcomeState.WARNING if any(one.kind != WARNED for one in problems) else OutcomeState.OK,
        report.totals.as_dict(),
        tuple(problems[:MOST_PROBLEMS]),
        len(problems),
        changes,
        tuple(waiting[:MOST_PROBLEMS]),
        len(waiting),
        {one.name: one.terms for one in assets if one.terms},
        before,
        after,
        max(moments, default=None),
        report.duration_seconds,
        report.created_lake,
        report.not_listed,
    )


def _find_waiting(
    engine: IngestionEngine, provider: str | None, dataset_type: str | None, filters: Mapping[str, object]
) -> list[WaitingBundle]:
    store = engine.store
    try:
        return store.quarantine.find_waiting(
            store.dataset_filter(provider=provider, dataset_type=dataset_type, selector=filters)
        )
    except LakeNotFound:
        return []  # there was nothing to create it for


def _iter_problems(report: RunReport) -> Iterator[Problem]:
    for job in report.jobs:
        yield from _iter_job_problems(job)
        for task in job.tasks:
            if task.error:
                kind = "broken_file" if task.is_left_out else str(task.outcome)
                yield _problem(kind, job, task, task.error)
    for job in report.jobs:
        for task in job.tasks:
            if task.warnings:
                yield _problem(WARNED, job, task, "; ".join(task.warnings))


def _iter_job_problems(job: JobSummary) -> Iterator[Problem]:
    if job.state is RunState.FAILED and not job.left_alone:
        yield _problem("selector_failed", job, None, job.error)
    if job.left_to_another:
        yield _problem("held", job, None, job.error)
    if job.left_alone:
        yield _problem("left_alone", job, None, describe_left_alone(job.left_alone, job.not_asked))
    if job.counters.unlisted:
        yield _problem("unlisted", job, None, job.error or f"{job.counters.unlisted:,} datasets are not listed")


def _problem(kind: str, job: JobSummary, task: TaskSummary | None, reason: str) -> Problem:
    dataset = "" if task is None else task.name or task.identifier
    dataset_id = None if task is None else task.dataset_id
    return Problem(kind, job.provider, job.dataset_type, job.selector_name, dataset, reason, dataset_id)


# ---- failures ----------------------------------------------------------------------------------------------


def _raise_if_failed(report: RunReport, outcome: LakeRun, catalogue: Catalogue) -> None:
    """Raise `RunFailed` for a run that failed, was stopped, or did nothing as others held it up.

    Raises:
        RunFailed: It is one.
    """
    failed = dataclasses.replace(outcome, state=OutcomeState.FAILED)
    if report.error is not None:
        message = f"{one_line(report.error)} ({outcome.summary})"
        raise RunFailed(message, may_help=may_help(report.error), outcome=failed) from report.error
    if report.state is RunState.FAILED:
        raise RunFailed(outcome.summary, may_help=True, outcome=failed)
    if report.jobs and all(_is_held_up(job) and not job.counters.ended for job in report.jobs):
        raise RunFailed(
            f"Nothing was done: {outcome.problems[0].reason}",
            may_help=True,
            retry_at=_find_wait(report, catalogue),
            outcome=failed,
        )


def _is_held_up(job: JobSummary) -> bool:
    return job.left_to_another or bool(job.left_alone)


def _find_wait(report: RunReport, catalogue: Catalogue) -> dt.datetime | None:
    """Return the end of the longest wait, for a host or for the budget of a source; None: there is none."""
    moment = now()
    asked = (one.until for one in catalogue.host_waits.find() if one.holds_at(moment))
    return max((*asked, *report.goes_on_at.values()), default=None)


_NEEDS_A_PERSON = (ConfigurationError, LakeIdentityError, LakeVersionError, LakeNotFound, StopProcessing, FatalError)
_REFUSED = (401, 403)


def may_help(error: BaseException) -> bool:
    """Return whether a retry can help against an error. Of an error that is not known, it may."""
    if isinstance(error, (SecretError, DeadlineReached)):
        return True  # a vault may not respond at the moment; the retry goes on where the deadline came
    if isinstance(error, _NEEDS_A_PERSON):
        return False
    alone = find_left_alone(error)
    if alone is not None:
        return not alone.is_refusal
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FetchError) and cause.status in _REFUSED:
            return False
        cause = cause.__cause__
    return True
