"""Sensors: what others changed in the lake, and which partitions a provider has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ingestify.orchestrators.assets import LakeAsset, find_config_file, lake_assets
from ingestify.orchestrators.dagster.shown import (
    POSITION,
    asset_key,
    change_metadata,
    op_name,
    partitions_of,
)
from ingestify.orchestrators.event_log import AssetChange, LogPosition, LogReading, find_log_end, read_changes
from ingestify.orchestrators.selectors import find_partitions

__all__ = ["ingestify_partition_sensor", "ingestify_sensor"]


def ingestify_sensor(
    config: str | Path | None = None,
    *,
    target: Any = None,
    make_request: Callable[[AssetChange], dg.RunRequest | None] | None = None,
    provider: str | None = None,
    dataset_type: str | None = None,
    partitioned: bool = True,
    key_prefix: Sequence[str] = (),
    limit: int = 500,
    name: str = "ingestify_events",
    minimum_interval_seconds: int = 60,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """Return a sensor that reads the event log of the lake: each change is told to Dagster, whoever made it.

    Its cursor is the position in the log; the first tick begins at its end. A change that Dagster does not know of,
    such as one of `ingestify run` or of an accepted bundle, becomes a materialization. With a `target`, each changed
    partition becomes a run request, whose run key ends with the place of the change in the log: Dagster makes no second
    run of it. A tick reads at most `limit` events, so that it ends in time.

    A selector that no plan names any longer is no partition in Dagster: its changes are told to `make_request` only.

    A change of an asset without partitions requests a run without a partition key.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        target: The assets or the job to run for each changed partition; None: nothing is run.
        make_request: Makes the run request of a change, or None; without it, a request of the whole target.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        partitioned: As for `ingestify_assets`.
        key_prefix: As for `ingestify_assets`.
        limit: How many events a tick reads at the most.
        name: The name of the sensor.
        minimum_interval_seconds: How often it looks.
        default_status: Whether it runs without being switched on.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    path = find_config_file(config)
    assets = lake_assets(path)
    by_name = {(one.provider, one.dataset_type): one for one in assets}
    has_target = target is not None

    def evaluate(context: dg.SensorEvaluationContext) -> Any:
        if context.cursor is None:
            end = find_log_end(path)
            return dg.SensorResult(skip_reason=f"It begins at {end}.", cursor=str(end))
        reading = read_changes(
            path, context.cursor, limit=limit, assets=assets, provider=provider, dataset_type=dataset_type
        )
        told, requests, added = [], [], []
        for change in reading.changes:
            asset = by_name[change.provider, change.dataset_type]
            partition = change.partition_key if partitioned and change.partition_key else None
            key = asset_key(asset, key_prefix)
            added += _missing_partition(context.instance, asset, partition)
            is_partition = partition is None or asset.partition_keys is None or partition in asset.partition_keys
            if is_partition and not _is_known(context.instance, key, partition, change):
                told.append(_materialization(key, asset, partition, change, reading))
            if has_target and make_request is not None:
                request = make_request(change)
                requests += [] if request is None else [request]
            elif has_target and is_partition:
                requests.append(_request(change, partition))
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=added,
            asset_events=told,
            cursor=str(reading.position),
        )

    return dg.SensorDefinition(
        name=op_name(name),
        evaluation_fn=evaluate,
        target=target,
        minimum_interval_seconds=minimum_interval_seconds,
        description="What changed in the lake, by the position in its event log.",
        default_status=default_status,
    )


def _missing_partition(instance: dg.DagsterInstance, asset: LakeAsset, partition: str | None) -> list[Any]:
    """Return the request for a dynamic partition that Dagster does not have yet."""
    definition = partitions_of(asset)
    if partition is None or not isinstance(definition, dg.DynamicPartitionsDefinition):
        return []
    assert definition.name is not None
    if instance.has_dynamic_partition(definition.name, partition):
        return []
    return [definition.build_add_request([partition])]


def _is_known(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, change: AssetChange) -> bool:
    """Return whether the last materialization of a partition tells of the lake after the change."""
    which = dg.AssetRecordsFilter(key, asset_partitions=None if partition is None else [partition])
    records = instance.fetch_materializations(which, limit=1).records
    materialization = records[0].asset_materialization if records else None
    if materialization is None or POSITION not in materialization.metadata:
        return False
    reached = LogPosition.parse(str(materialization.metadata[POSITION].value))
    return reached.lake_id == change.log_position.lake_id and reached >= change.log_position


def _materialization(
    key: dg.AssetKey, asset: LakeAsset, partition: str | None, change: AssetChange, reading: LogReading
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        key,
        partition=partition,
        description="It was changed outside of Dagster.",
        metadata={
            **change_metadata([change], reading.position),
            **{f"ingestify/{name}": text for name, text in asset.terms.items()},
        },
        tags={"dagster/data_version": str(change.log_position)},
    )


def _request(change: AssetChange, partition: str | None) -> dg.RunRequest:
    return dg.RunRequest(run_key=change.run_key, partition_key=partition, tags={"ingestify/change": change.name})


def ingestify_partition_sensor(
    config: str | Path | None = None,
    *,
    provider: str | None = None,
    dataset_type: str | None = None,
    name: str = "ingestify_partitions",
    minimum_interval_seconds: int = 3600,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """Return a sensor that asks the providers for their selectors, and adds new ones as partitions.

    It takes a request or a few for each source. Assets whose plans name each selector are not asked for.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        name: The name of the sensor.
        minimum_interval_seconds: How often it looks.
        default_status: Whether it runs without being switched on.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    path = find_config_file(config)
    wanted = [
        one
        for one in lake_assets(path)
        if one.keys
        and one.partition_keys is None
        and provider in (None, one.provider)
        and dataset_type in (None, one.dataset_type)
    ]

    def evaluate(context: dg.SensorEvaluationContext) -> Any:
        found = find_partitions(path, wanted)
        requests: list[Any] = []
        for asset in wanted:
            definition = partitions_of(asset)
            assert isinstance(definition, dg.DynamicPartitionsDefinition)
            assert definition.name is not None
            known = set(context.instance.get_dynamic_partitions(definition.name))
            if new := [one for one in found[asset.name] if one not in known]:
                requests.append(definition.build_add_request(new))
        if not requests:
            return dg.SkipReason("The providers have no new selectors.")
        return dg.SensorResult(dynamic_partitions_requests=requests)

    return dg.SensorDefinition(
        name=op_name(name),
        evaluation_fn=evaluate,
        minimum_interval_seconds=minimum_interval_seconds,
        description="The selectors that the providers have, as partitions.",
        default_status=default_status,
    )
