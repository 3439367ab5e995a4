"""Keys, partitions and metadata, as Dagster shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from ingestify.orchestrators.assets import LakeAsset
from ingestify.orchestrators.event_log import AssetChange, LogPosition
from ingestify.orchestrators.running import LakeRun, Problem

__all__ = ["POSITION", "asset_key", "change_metadata", "op_name", "outcome_metadata", "partitions_of", "prefix_of"]

POSITION = "ingestify/position"
"""The metadata with the position, `lake/epoch/number`, up to which a materialization tells of the lake's event log."""

_MOST_ROWS = 20


def prefix_of(key_prefix: Sequence[str]) -> list[str]:
    """Return the parts of a key prefix. A text is one part, as elsewhere in Dagster."""
    return [key_prefix] if isinstance(key_prefix, str) else [*key_prefix]


def asset_key(asset: LakeAsset, key_prefix: Sequence[str] = ()) -> dg.AssetKey:
    """Return the key of an asset: `statsbomb/match`."""
    return dg.AssetKey([*prefix_of(key_prefix), asset.provider, asset.dataset_type])


def op_name(*parts: str) -> str:
    """Return a name that Dagster takes for an op, a sensor or a schedule."""
    return re.sub(r"[^A-Za-z0-9_]", "_", "_".join(parts))


def partitions_of(asset: LakeAsset) -> dg.PartitionsDefinition | None:
    """Return the partitions of an asset, one for each selector; None: it has none.

    A list, where the plans name each selector. Else they are dynamic, and `ingestify_partition_sensor` adds what the
    provider has. Downstream assets with the same definition have the same partitions.
    """
    if not asset.keys:
        return None
    if asset.partition_keys is None:
        return dg.DynamicPartitionsDefinition(name=f"ingestify/{asset.name}")
    return dg.StaticPartitionsDefinition(list(asset.partition_keys))


def change_metadata(changes: Iterable[AssetChange], reached: LogPosition) -> dict[str, Any]:
    """Return the metadata of a materialization: what changed, until when, and the provider's own time."""
    listed = list(changes)
    datasets = [one for change in listed for one in change.datasets]
    metadata: dict[str, Any] = {
        POSITION: str(reached),
        "ingestify/changed": sum(one.count for one in listed),
        "ingestify/datasets": dg.MetadataValue.md(
            _table(
                ("dataset", "name", "event", "revision"),
                [
                    (one.identifier, one.name, one.event_type, "" if one.revision_id is None else str(one.revision_id))
                    for one in datasets[:_MOST_ROWS]
                ],
                sum(one.count for one in listed),
            )
        ),
    }
    moments = [one.last_modified_at for one in listed if one.last_modified_at is not None]
    if moments:
        metadata["ingestify/provider_time"] = dg.MetadataValue.timestamp(max(moments))
    return metadata


def outcome_metadata(outcome: LakeRun, terms: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a run: its id, its counters, and the terms of the data."""
    return {
        "ingestify/run_id": outcome.run_id,
        "ingestify/seconds": round(outcome.duration_seconds, 3),
        **{f"ingestify/{name}": count for name, count in outcome.counters.items()},
        **{f"ingestify/{name}": text for name, text in terms.items()},
    }


def problems_table(problems: Sequence[Problem], count: int) -> Any:
    """Return problems as a table."""
    rows = [(one.kind, one.dataset or one.selector, one.reason) for one in problems[:_MOST_ROWS]]
    return dg.MetadataValue.md(_table(("what", "dataset", "why"), rows, count))


def quarantine_table(outcome: LakeRun) -> Any:
    """Return the bundles in quarantine as a table."""
    rows = [(one.entry_id, one.name, "; ".join(one.reasons)) for one in outcome.quarantined[:_MOST_ROWS]]
    return dg.MetadataValue.md(_table(("entry", "dataset", "why"), rows, outcome.quarantined_count))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], count: int) -> str:
    """Return a Markdown table, and how many more rows there are."""
    lines = [columns, ["---"] * len(columns), *rows]
    text = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return f"{text}\n\n… and {count - len(rows):,} more" if count > len(rows) else text


def _cell(text: str) -> str:
    """Return a text for one cell: a provider's name must not end it, and is no markup."""
    kept = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>|#!~])", r"\\\1", kept) if kept.strip("-") else kept
