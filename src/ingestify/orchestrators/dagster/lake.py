"""The assets of a lake in Dagster: one for each provider and dataset type of the ingestion plans."""

# Without postponed annotations: Dagster looks at that of `context`.
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ingestify.clock import now
from ingestify.orchestrators.assets import LakeAsset, find_config_file, lake_assets
from ingestify.orchestrators.dagster.shown import (
    asset_key,
    change_metadata,
    op_name,
    outcome_metadata,
    partitions_of,
    problems_table,
    quarantine_table,
)
from ingestify.orchestrators.running import WARNED, LakeRun, RunFailed, run_lake

__all__ = ["ingestify_assets"]

CHECKS = "checks"
COMPLETE = "complete"
QUARANTINE = "quarantine"

_LONGEST_WAIT = dt.timedelta(hours=1)
"""A run that a host held up waits for so long in Dagster at the most."""


def ingestify_assets(
    config: str | Path | None = None,
    *,
    provider: str | None = None,
    dataset_type: str | None = None,
    partitioned: bool = True,
    key_prefix: Sequence[str] = (),
    group_name: str | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    deadline: dt.timedelta | None = None,
) -> list[dg.AssetsDefinition]:
    """Return an asset for each provider and dataset type of the ingestion plans. Materializing it runs ingestify.

    Only the config.yaml is read here; the process that materializes the asset opens the lake. A run that changes
    nothing materializes nothing. A run that brought something has the counts, the datasets, the provider's own time and
    the licence as metadata, and the position of the lake's event log as its data version. Three checks
    warn: `quarantine` of bundles that wait in quarantine, `complete` of datasets that failed, and `checks` of what the
    lake's own checks warned of. A run that did not do its work fails; it is
    tried again by the `retry_policy`, if that can help.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        provider: Only this provider; None: all.
        dataset_type: Only this dataset type; None: all.
        partitioned: Whether each selector is a partition (`partitions_of`). False: one run is for all selectors.
        key_prefix: The beginning of the asset keys.
        group_name: The group of the assets.
        retry_policy: How often a run is tried again if that can help; None: never.
        deadline: How long a run may take; None: no limit.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    path = find_config_file(config)
    return [
        _definition(
            path, asset, partitions_of(asset) if partitioned else None, key_prefix, group_name, retry_policy, deadline
        )
        for asset in lake_assets(path)
        if provider in (None, asset.provider) and dataset_type in (None, asset.dataset_type)
    ]


def _definition(
    path: Path,
    asset: LakeAsset,
    partitions: dg.PartitionsDefinition | None,
    key_prefix: Sequence[str],
    group_name: str | None,
    retry_policy: dg.RetryPolicy | None,
    deadline: dt.timedelta | None,
) -> dg.AssetsDefinition:
    key = asset_key(asset, key_prefix)

    def run(context: dg.AssetExecutionContext) -> Iterator[Any]:
        partition = context.partition_key if partitions is not None else None
        try:
            outcome = run_lake(
                path,
                provider=asset.provider,
                dataset_type=asset.dataset_type,
                selector=partition,
                deadline=deadline,
            )
        except RunFailed as error:
            if error.outcome is not None:
                yield from _results(key, asset, partition, error.outcome)
            raise _failure(error, retry_policy) from error
        for problem in outcome.problems:
            context.log.warning(str(problem))
        context.log.info(outcome.summary)
        yield from _results(key, asset, partition, outcome)

    return dg.multi_asset(
        name=op_name(*key.path),
        specs=[
            dg.AssetSpec(
                key,
                description=f"The datasets of the type {asset.dataset_type} of {asset.provider} in the lake.",
                metadata={
                    **({"ingestify/uri": asset.uri} if asset.lake else {}),
                    **{f"ingestify/{name}": text for name, text in asset.terms.items()},
                },
                skippable=True,
                group_name=group_name,
                kinds={"ingestify"},
                partitions_def=partitions,
            )
        ],
        # Partitions of checks are in preview, and warn: each result has its partition in its metadata.
        check_specs=[
            dg.AssetCheckSpec(QUARANTINE, asset=key, description="No bundle waits in quarantine."),
            dg.AssetCheckSpec(COMPLETE, asset=key, description="No dataset failed, or lacks a file."),
            dg.AssetCheckSpec(CHECKS, asset=key, description="No check warned of a dataset that came."),
        ],
        retry_policy=retry_policy,
    )(run)


def _results(key: dg.AssetKey, asset: LakeAsset, partition: str | None, outcome: LakeRun) -> Iterator[Any]:
    of_partition = {} if partition is None else {"ingestify/partition": partition}
    if outcome.changes:
        last = max((one.log_position for one in outcome.changes), key=lambda one: one.position)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                **change_metadata(outcome.changes, outcome.position_after),
                **outcome_metadata(outcome, asset.terms),
            },
            data_version=dg.DataVersion(str(last)),
        )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=QUARANTINE,
        passed=not outcome.quarantined_count,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **of_partition,
            "ingestify/waiting": outcome.quarantined_count,
            "ingestify/bundles": quarantine_table(outcome),
        },
    )
    warned = [one for one in outcome.problems if one.kind == WARNED]
    failed = [one for one in outcome.problems if one.kind not in (WARNED, "quarantined")]
    for name, problems in ((COMPLETE, failed), (CHECKS, warned)):
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            description=str(problems[0]) if problems else None,
            metadata={
                **of_partition,
                "ingestify/problems": len(problems),
                "ingestify/problems_in_all": outcome.problem_count,  # the outcome names the first ones only
                "ingestify/datasets": problems_table(problems, len(problems)),
            },
        )


def _failure(error: RunFailed, retry_policy: dg.RetryPolicy | None) -> Any:
    """Return what tells Dagster that a run failed, and whether and when it is tried again."""
    if error.may_help and error.retry_at is not None and retry_policy is not None:
        wait = error.retry_at - now()
        if wait < _LONGEST_WAIT:
            seconds = max(0.0, wait.total_seconds())
            return dg.RetryRequested(max_retries=retry_policy.max_retries, seconds_to_wait=seconds)
    metadata: dict[str, Any] = {"ingestify/retry_may_help": error.may_help}
    if error.retry_at is not None:
        metadata["ingestify/retry_at"] = dg.MetadataValue.timestamp(error.retry_at)
    if error.outcome is not None:
        count = error.outcome.problem_count
        metadata["ingestify/problems"] = problems_table(error.outcome.problems, count)
    return dg.Failure(str(error), metadata=metadata, allow_retries=error.may_help and error.retry_at is None)
