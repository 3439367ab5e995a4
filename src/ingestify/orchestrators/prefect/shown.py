"""What Prefect shows of a run: table artifacts; and events, by which automations start something."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from ingestify.domain.asset_uri import asset_uri
from ingestify.orchestrators.assets import LakeAsset, lake_assets
from ingestify.orchestrators.event_log import AssetChange, LogPosition
from ingestify.orchestrators.running import LakeRun

__all__ = ["CHANGED", "QUARANTINED", "emit_changes", "emit_quarantined", "show_outcome"]

CHANGED = "ingestify.changed"
"""The event of a partition whose datasets changed."""

QUARANTINED = "ingestify.quarantined"
"""The event of a run after which bundles wait in quarantine."""

RUN_ARTIFACT = "ingestify-run"
PROBLEMS_ARTIFACT = "ingestify-problems"


def show_outcome(outcome: LakeRun) -> None:
    """Make the table artifacts of a run: `ingestify-run` of what changed, and `ingestify-problems` if there are any.

    Call it in a task or a flow.
    """
    licences = [f"{name}: {terms['licence']}" for name, terms in outcome.terms.items() if "licence" in terms]
    create_table_artifact(
        key=RUN_ARTIFACT,
        table=[
            {
                "asset": change.name,
                "partition": change.partition_key,
                "changed": change.count,
                "provider's time": ""
                if change.last_modified_at is None
                else f"{change.last_modified_at:%Y-%m-%d %H:%M}",
                "position": change.position,
            }
            for change in outcome.changes
        ]
        or [{"asset": "nothing changed", "partition": "", "changed": 0, "provider's time": "", "position": ""}],
        description="  \n".join([outcome.summary, *licences]),
    )
    if outcome.problems:
        more = outcome.problem_count - len(outcome.problems)
        create_table_artifact(
            key=PROBLEMS_ARTIFACT,
            table=[
                {
                    "what": one.kind,
                    "asset": f"{one.provider}/{one.dataset_type}",
                    "dataset": one.dataset or one.selector,
                    "why": one.reason,
                }
                for one in outcome.problems
            ],
            description=f"{outcome.problem_count:,} problems"
            + (f", the first {len(outcome.problems)} of them" if more else ""),
        )


def emit_changes(config: str | Path | None, changes: Iterable[AssetChange], position: LogPosition) -> int:
    """Emit an event `ingestify.changed` for each changed partition. Its resource is the URI of the asset.

    The same change has the same event id, so a repeat is no second event.

    Args:
        config: The config.yaml of the lake.
        changes: What changed, of a `LakeRun` or of `read_changes`.
        position: The position in the event log up to which they were read.

    Returns:
        How many.
    """
    assets = {one.name: one for one in lake_assets(config)}
    emitted = 0
    for change in changes:
        uri = _uri_of(assets[change.name], position)
        emit_event(
            CHANGED,
            resource={
                "prefect.resource.id": uri,
                "prefect.resource.name": change.name,
                "ingestify.partition": change.partition_key,
            },
            payload={
                "partition_key": change.partition_key,
                "position": str(change.log_position),
                "count": change.count,
                "datasets": [
                    {
                        "dataset_id": one.dataset_id,
                        "identifier": one.identifier,
                        "name": one.name,
                        "event_type": one.event_type,
                        "revision_id": one.revision_id,
                    }
                    for one in change.datasets
                ],
            },
            id=uuid.uuid5(uuid.NAMESPACE_URL, f"{uri}?{change.partition_key}@{change.log_position}"),
        )
        emitted += 1
    return emitted


def emit_quarantined(config: str | Path | None, outcome: LakeRun) -> None:
    """Emit an event `ingestify.quarantined` for each asset with a bundle that a run found to be in quarantine."""
    by_asset: dict[str, list[str]] = {}
    for problem in outcome.problems:
        if problem.kind == "quarantined":
            by_asset.setdefault(f"{problem.provider}/{problem.dataset_type}", []).append(problem.dataset)
    for asset in lake_assets(config):
        if names := by_asset.get(asset.name):
            uri = _uri_of(asset, outcome.position_after)
            emit_event(
                QUARANTINED,
                resource={"prefect.resource.id": uri, "prefect.resource.name": asset.name},
                payload={"position": str(outcome.position_after), "datasets": names},
            )


def _uri_of(asset: LakeAsset, position: LogPosition) -> str:
    """Return the URI of an asset by the name of the lake, else by its id."""
    return asset_uri(asset.lake or position.lake_id, asset.provider, asset.dataset_type, asset.bucket)
