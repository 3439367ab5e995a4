"""The partitions that the providers have: their sources are asked for the selectors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from ingestify.domain.selector import filter_values
from ingestify.main import get_engine
from ingestify.orchestrators.assets import LakeAsset

__all__ = ["find_partitions"]


def find_partitions(config: str | Path | None, assets: Sequence[LakeAsset]) -> dict[str, list[str]]:
    """Return the partition keys of assets, by the asset's name. Each source is asked, with a request or a few.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        assets: Those whose partitions are wanted.

    Raises:
        ConfigurationError: The settings are wrong.
        Exception: Any error of a source.
    """
    found: dict[str, dict[str, None]] = {one.name: {} for one in assets}
    with get_engine(config) as engine:
        for plan in engine.ingestion_plans:
            for asset in assets:
                if (asset.provider, asset.dataset_type) != (plan.source.provider, plan.dataset_type):
                    continue
                for selector in engine.list_selectors(plan):
                    keys = [key for key in asset.keys if key in selector.attributes]
                    for values in itertools.product(*(filter_values(selector.attributes[key]) for key in keys)):
                        if key := asset.partition_of(dict(zip(keys, values, strict=True))):
                            found[asset.name][key] = None
    return {name: list(keys) for name, keys in found.items()}
