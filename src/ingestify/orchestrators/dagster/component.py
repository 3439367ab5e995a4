"""The component that a defs.yaml configures."""

from __future__ import annotations

from typing import Any

import dagster as dg

from ingestify.orchestrators.dagster.lake import ingestify_assets
from ingestify.orchestrators.dagster.schedule import ingestify_schedule
from ingestify.orchestrators.dagster.sensors import ingestify_partition_sensor, ingestify_sensor
from ingestify.orchestrators.dagster.shown import op_name
from ingestify.orchestrators.dagster.tables import ingestify_table_assets

__all__ = ["IngestifyComponent"]


class IngestifyComponent(dg.Component, dg.Model, dg.Resolvable):  # type: ignore[misc] # dagster is not there
    """A lake in Dagster: its assets, its sensors and a schedule.

    Attributes:
        config: The config.yaml, relative to the folder of the defs.yaml.
        provider: Only this provider; null: all.
        dataset_type: Only this dataset type; null: all.
        partitioned: Whether each selector is a partition.
        key_prefix: The beginning of the asset keys, and of the names of the sensors and the schedule. The component of
            a second lake needs one.
        group_name: The group of the assets.
        max_retries: How often a run that failed is tried again, if that can help; 0: never.
        retry_delay_seconds: How long it waits before that.
        schedule: A cron schedule on which all partitions are run; null: none.
        timezone: The time zone of the schedule.
        sensor: Whether a sensor tells of what others changed in the lake.
        tables: Whether the columnar tables are assets too; needs the extra `tables`.
    """

    config: str
    provider: str | None = None
    dataset_type: str | None = None
    partitioned: bool = True
    key_prefix: tuple[str, ...] = ()
    group_name: str | None = None
    max_retries: int = 0
    retry_delay_seconds: float = 60
    schedule: str | None = None
    timezone: str = "UTC"
    sensor: bool = True
    tables: bool = False

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions. Only the config.yaml is read."""
        config = context.path / self.config
        which: dict[str, Any] = {"provider": self.provider, "dataset_type": self.dataset_type}
        named: dict[str, Any] = {**which, "partitioned": self.partitioned, "key_prefix": self.key_prefix}
        retry_policy = None
        if self.max_retries:
            retry_policy = dg.RetryPolicy(max_retries=self.max_retries, delay=self.retry_delay_seconds)
        shown: dict[str, Any] = {"group_name": self.group_name, "retry_policy": retry_policy}
        assets = [*ingestify_assets(config, **named, **shown)]
        if self.tables:
            assets.append(ingestify_table_assets(config, key_prefix=self.key_prefix, **shown))
        # Two lakes of one project have different prefixes, and so their sensors have different names.
        events, partitions, schedule = (
            op_name(*self.key_prefix, name)
            for name in ("ingestify_events", "ingestify_partitions", "ingestify_schedule")
        )
        sensors = [ingestify_sensor(config, **named, name=events)] if self.sensor else []
        if self.partitioned:
            sensors.append(ingestify_partition_sensor(config, **which, name=partitions))
        schedules = []
        if self.schedule is not None:
            timezone = self.timezone
            schedules.append(
                ingestify_schedule(config, self.schedule, **named, execution_timezone=timezone, name=schedule)
            )
        return dg.Definitions(assets=assets, sensors=sensors, schedules=schedules)
