"""A schedule that runs each partition of the lake's assets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ingestify.orchestrators.assets import find_config_file, lake_assets
from ingestify.orchestrators.dagster.shown import asset_key, op_name, partitions_of

__all__ = ["ingestify_schedule"]


def ingestify_schedule(
    config: str | Path | None = None,
    cron_schedule: str = "0 5 * * *",
    *,
    provider: str | None = None,
    dataset_type: str | None = None,
    partitioned: bool = True,
    key_prefix: Sequence[str] = (),
    execution_timezone: str = "UTC",
    name: str = "ingestify_schedule",
) -> dg.ScheduleDefinition:
    """Return a schedule that requests a run of each partition, of those that Dagster knows at that time.

    The partitions of one provider may run side by side; they share its limits only within one process, so give the
    assets' runs a concurrency limit in Dagster where a provider asks for few requests.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        cron_schedule: When.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        partitioned: As for `ingestify_assets`. False: one run for each asset.
        key_prefix: As for `ingestify_assets`.
        execution_timezone: The time zone of the cron schedule.
        name: The name of the schedule.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    path = find_config_file(config)
    assets = [
        one
        for one in lake_assets(path)
        if provider in (None, one.provider) and dataset_type in (None, one.dataset_type)
    ]

    def evaluate(context: dg.ScheduleEvaluationContext) -> Iterator[Any]:
        moment = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        for asset in assets:
            partitions = partitions_of(asset) if partitioned else None
            for partition in [None] if partitions is None else _known_keys(partitions, context):
                part = "" if partition is None else f"/{partition}"
                yield dg.RunRequest(
                    run_key=f"{asset.name}{part}@{moment}",
                    asset_selection=[asset_key(asset, key_prefix)],
                    partition_key=partition,
                )

    keys = [asset_key(asset, key_prefix) for asset in assets]
    return dg.ScheduleDefinition(
        name=op_name(name),
        cron_schedule=cron_schedule,
        execution_timezone=execution_timezone,
        target=dg.AssetSelection.assets(*keys),
        execution_fn=evaluate,
    )


def _known_keys(partitions: dg.PartitionsDefinition, context: dg.ScheduleEvaluationContext) -> Sequence[str]:
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        return list(partitions.get_partition_keys(dynamic_partitions_store=context.instance))
    return list(partitions.get_partition_keys())
