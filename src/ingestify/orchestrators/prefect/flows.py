"""Flows: one that runs ingestify, and one that tells of what others changed in the lake."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed
from prefect.variables import Variable

from ingestify.config.reader import read_settings
from ingestify.orchestrators.assets import find_config_file
from ingestify.orchestrators.event_log import find_log_end, read_changes
from ingestify.orchestrators.prefect.shown import emit_changes
from ingestify.orchestrators.prefect.tasks import WITH_WARNINGS, ingestify_run
from ingestify.orchestrators.running import OutcomeState

__all__ = ["ingestify_events_flow", "ingestify_flow"]


def _run_lake(
    config: str,
    provider: str | None = None,
    dataset_type: str | None = None,
    partitions: list[str] | None = None,
    deadline_seconds: float | None = None,
    retries: int = 0,
    retry_delay_seconds: float = 60,
    emit: bool = True,
) -> Any:
    """Bring the lake up to date: a task for each partition, one after the other, or one task for all.

    It ends in the state `CompletedWithWarnings` if a task does. If tasks fail, the others are run all the same.

    Args:
        config: A config.yaml, or a folder with one.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        partitions: Partition keys such as `competition_id=11/season_id=90`; None: one task runs everything.
        deadline_seconds: How long a task may take; None: no limit.
        retries: How often a task that failed is tried again, if that can help.
        retry_delay_seconds: How long it waits before that.
        emit: Whether the changes become events.

    Returns:
        The outcomes of the tasks.

    Raises:
        RunFailed: A task failed; it is the error of the first one.
    """
    selectors: list[str | None] = [None] if partitions is None else [*partitions]
    run = ingestify_run.with_options(retries=retries, retry_delay_seconds=retry_delay_seconds)
    states = [
        run(
            config,
            provider=provider,
            dataset_type=dataset_type,
            selector=partition,
            deadline_seconds=deadline_seconds,
            emit=emit,
            return_state=True,
        )
        for partition in selectors
    ]
    outcomes = [state.result() for state in states]  # raises the error of the first task that failed
    warned = [one.summary for one in outcomes if one.state is OutcomeState.WARNING]
    if not warned:
        return outcomes
    return Completed(name=WITH_WARNINGS, message="; ".join(warned)[:1000], data=outcomes)


def _tell_changes(config: str, reader: str | None = None, limit: int = 500, most_readings: int = 20) -> int:
    """Emit an event for each partition that changed since the last run of this flow, whoever changed it.

    The position in the event log is kept in a variable of Prefect, after the events were emitted: an event may come
    twice, and none is lost. The first run begins at the end of the log. Run it on a schedule of minutes, and
    `ingestify_flow` with `emit=False`, so that nobody gets two events of a change.

    Args:
        config: A config.yaml, or a folder with one.
        reader: The name of the variable; None: `ingestify_position_` and the name of the lake. Two lakes need two.
        limit: How many events of the log are read at a time.
        most_readings: How often at the most; the next run goes on.

    Returns:
        How many events were emitted.
    """
    if reader is None:
        lake = read_settings(find_config_file(config)).main.name or ""
        reader = f"ingestify_position_{lake}".rstrip("_").replace(".", "-")  # Prefect refuses a dot
    position = Variable.get(reader)
    if position is None:
        Variable.set(reader, str(find_log_end(config)))
        return 0
    emitted = 0
    for _ in range(most_readings):
        reading = read_changes(config, str(position), limit=limit)
        emitted += emit_changes(config, reading.changes, reading.position)
        if str(reading.position) != position:
            position = str(reading.position)
            Variable.set(reader, position, overwrite=True)
        if reading.is_at_end:
            break
    get_run_logger().info("%d events, up to the position %s", emitted, position)
    return emitted


ingestify_flow = flow(_run_lake, name="ingestify")
ingestify_events_flow = flow(_tell_changes, name="ingestify-events")
