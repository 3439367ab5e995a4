"""Orchestrators run a lake: Dagster, Airflow and Prefect. None of them is imported before its own module is.

airflow      the lake in Airflow
dagster      the lake in Dagster
prefect      the lake in Prefect
selectors    the partitions that the providers have
tables       a build of the columnar tables
running      one run in the orchestrator's worker, and its outcome, which can be pickled
event_log    what changed since a position of the event log, by asset and partition
assets       the assets of the ingestion plans, without opening anything
partitions   the partition key of a selector, as a text that can be read back
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestify.orchestrators.assets import LakeAsset, lake_assets
    from ingestify.orchestrators.event_log import (
        AssetChange,
        ChangedDataset,
        LogPosition,
        LogReading,
        find_log_end,
        read_changes,
    )
    from ingestify.orchestrators.partitions import parse_partition_key, partition_key
    from ingestify.orchestrators.running import LakeRun, OutcomeState, Problem, RunFailed, run_lake

_MODULES = {
    "assets": ("LakeAsset", "lake_assets"),
    "event_log": ("AssetChange", "ChangedDataset", "LogPosition", "LogReading", "find_log_end", "read_changes"),
    "partitions": ("parse_partition_key", "partition_key"),
    "running": ("OutcomeState", "Problem", "RunFailed", "LakeRun", "run_lake"),
}

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AssetChange",
    "ChangedDataset",
    "LakeAsset",
    "LakeRun",
    "LogPosition",
    "LogReading",
    "OutcomeState",
    "Problem",
    "RunFailed",
    "find_log_end",
    "lake_assets",
    "parse_partition_key",
    "partition_key",
    "read_changes",
    "run_lake",
]


def __getattr__(name: str) -> Any:
    # Later: a file with DAGs imports `orchestrators.airflow`, and is parsed again and again.
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
