"""The task that runs ingestify."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from ingestify.orchestrators.prefect.shown import emit_changes, emit_quarantined, show_outcome
from ingestify.orchestrators.running import LakeRun, OutcomeState, RunFailed, run_lake

__all__ = ["WITH_WARNINGS", "ingestify_run"]

WITH_WARNINGS = "CompletedWithWarnings"
"""The name of the state of a run with datasets that failed, or are in quarantine. Its type is COMPLETED."""


def _may_help(_task: Any, _run: Any, state: Any) -> bool:
    """Whether Prefect tries a failed run again: not where a person has to act."""
    error = state.data if isinstance(state.data, BaseException) else getattr(state.data, "result", None)
    return not isinstance(error, RunFailed) or error.may_help


def _run(
    config: str,
    provider: str | None = None,
    dataset_type: str | None = None,
    source: str | None = None,
    selector: Mapping[str, Any] | str | None = None,
    deadline_seconds: float | None = None,
    emit: bool = True,
) -> Any:
    """Bring the lake up to date as `ingestify run` does.

    The worker opens the lake. What changed, and what went wrong, becomes table artifacts and events for automations.
    A run with datasets that failed or are in quarantine ends in the state `CompletedWithWarnings`. A run that did not
    do its work fails; with `ingestify_run.with_options(retries=3)` it is tried again, if that can help.

    Args:
        config: A config.yaml, or a folder with one.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        source: Only the source of this name; None: all.
        selector: Filters, or a partition key such as `competition_id=11/season_id=90`; None: everything.
        deadline_seconds: How long the run may take; None: no limit.
        emit: Whether the changes become events.

    Returns:
        A `LakeRun`, to the caller of the task.

    Raises:
        RunFailed: The run did not do its work.
    """
    logger = get_run_logger()
    try:
        outcome = run_lake(
            config,
            provider=provider,
            dataset_type=dataset_type,
            source=source,
            selector=selector,
            deadline=None if deadline_seconds is None else dt.timedelta(seconds=deadline_seconds),
        )
    except RunFailed as error:
        if error.outcome is not None:
            _show(config, error.outcome, emit)
        raise
    _show(config, outcome, emit)
    logger.info("%s", outcome.summary)
    if outcome.state is not OutcomeState.WARNING:
        return outcome
    return Completed(name=WITH_WARNINGS, message=outcome.summary, data=outcome)


def _show(config: str, outcome: LakeRun, emit: bool) -> None:
    logger = get_run_logger()
    for problem in outcome.problems:
        logger.warning("%s", problem)
    show_outcome(outcome)
    if emit:
        emit_changes(config, outcome.changes, outcome.position_after)
        emit_quarantined(config, outcome)


# A run is never answered from a cache: what the provider has is no argument of the task.
ingestify_run = task(_run, name="ingestify-run", cache_policy=NO_CACHE, retry_condition_fn=_may_help)
