"""Airflow fills a lake, and tells DAGs of its changes. It needs the extra `airflow`.

operator   the task that runs ingestify
assets     the assets of a lake
trigger    wakes DAGs when something else than this Airflow fills the lake
reading    the events that a task has not had yet

Only what a DAG file needs is imported: Airflow parses it again and again.
"""

from __future__ import annotations

from ingestify.errors import MissingExtraError

try:
    import airflow.sdk  # noqa: F401 - whether it is there
except ModuleNotFoundError as error:
    raise MissingExtraError("airflow", "ingestify.orchestrators.airflow") from error

from ingestify.orchestrators.airflow.assets import lake_asset
from ingestify.orchestrators.airflow.operator import IngestifyRunOperator
from ingestify.orchestrators.airflow.reading import unread_events
from ingestify.orchestrators.airflow.trigger import LakeEventTrigger

__all__ = ["IngestifyRunOperator", "LakeEventTrigger", "lake_asset", "unread_events"]
