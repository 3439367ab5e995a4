"""What a task reads after a lake has changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context

if TYPE_CHECKING:
    from ingestify.domain.event_reader import StartAt
    from ingestify.domain.events import DatasetEvent

__all__ = ["unread_events"]


@contextlib.contextmanager
def unread_events(
    config: str,
    *,
    provider: str | None = None,
    dataset_type: str | None = None,
    reader: str | None = None,
    start_at: StartAt = "beginning",
) -> Iterator[Iterator[DatasetEvent]]:
    """Give a task the events of a lake that it has not had, in the order of their commits.

    The catalogue of the lake keeps where each task is. So a task gets all events, however many asset events Airflow
    made of them or lost. If the block raises, all events come again at the next try; at the block's end, those that
    were taken count as read.

    Example::

        @task
        def count_shots():
            with unread_events(config, provider="statsbomb", dataset_type="match") as events:
                for event in events:
                    shots = count(event.dataset.to_polars("events"))

    Args:
        config: The absolute path of the config.yaml on the worker's machine.
        provider: Only events of this provider's datasets; None: any.
        dataset_type: Only events of datasets of this type; None: any.
        reader: The name of the cursor; None: `airflow DAG.TASK` of the running task.
        start_at: Where a new reader begins; see `EventLogConsumer`.

    Raises:
        StoreError: Another run of the task reads at the same time, or the catalogue cannot be read.
    """
    from ingestify.main.event_log_consumer import EventLogConsumer  # only a worker needs it

    name = reader or _name_of_task()
    with EventLogConsumer.from_config(config, name, start_at=start_at) as consumer, consumer.unread() as events:
        yield (
            event
            for event in events
            if provider in (None, event.dataset.provider) and dataset_type in (None, event.dataset.dataset_type)
        )


def _name_of_task() -> str:
    ti = get_current_context()["ti"]
    return f"airflow {ti.dag_id}.{ti.task_id}"
