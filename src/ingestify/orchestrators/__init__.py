"""Orchestrators run a lake: Dagster, Airflow and Prefect. None of them is imported before its own module is.

running      one run in the orchestrator's worker, and its outcome, which can be pickled
event_log    what changed since a position of the event log, by asset and partition
assets       the assets of the ingestion plans, without opening anything
partitions   the partition key of a selector, as a text that can be read back
"""

from __future__ import annotations

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
from ingestify.orchestrators.running import OutcomeState, Problem, RunFailed, RunOutcome, run_lake

__all__ = [
    "AssetChange",
    "ChangedDataset",
    "LakeAsset",
    "LogPosition",
    "LogReading",
    "OutcomeState",
    "Problem",
    "RunFailed",
    "RunOutcome",
    "find_log_end",
    "lake_assets",
    "parse_partition_key",
    "partition_key",
    "read_changes",
    "run_lake",
]
