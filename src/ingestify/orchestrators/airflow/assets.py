"""The assets of a lake in Airflow."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from ingestify.domain.asset_uri import asset_uri
from ingestify.orchestrators.airflow.trigger import LakeEventTrigger

__all__ = ["lake_asset"]


def lake_asset(
    lake: str,
    provider: str,
    dataset_type: str,
    *,
    bucket: str = "main",
    watch: str | None = None,
    poll_interval: float = 60.0,
) -> Asset:
    """Return the asset of all datasets of one provider and dataset type. Nothing is opened.

    Its name and its URI are `asset_uri(lake, provider, dataset_type)`, as everywhere else. Airflow keeps what it knows
    of an asset under both, so they never change.

    Example::

        matches = lake_asset("club", "statsbomb", "match")
        with DAG("count_shots", schedule=[matches]): ...

    Args:
        lake: The name of the lake, `main.name` in its config.yaml.
        provider: The provider's name.
        dataset_type: The dataset type.
        bucket: The part of the lake.
        watch: The absolute path of the config.yaml on the triggerer's machine: a `LakeEventTrigger` looks for changes
            there. It is for a lake that something else than this Airflow fills. None: only tasks cause asset events.
        poll_interval: Seconds between two queries of the trigger.
    """
    uri = asset_uri(lake, provider, dataset_type, bucket)
    watchers = []
    if watch is not None:
        trigger = LakeEventTrigger(watch, provider, dataset_type, asset=uri, poll_interval=poll_interval)
        watchers.append(AssetWatcher(name=uri, trigger=trigger))
    return Asset(name=uri, uri=uri, group="ingestify", watchers=watchers)
