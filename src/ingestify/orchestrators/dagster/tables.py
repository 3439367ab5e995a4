"""The columnar tables of the lake as assets, downstream of the datasets that they are made of."""

# Without postponed annotations: Dagster looks at that of `context`.
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ingestify.orchestrators.assets import find_config_file, lake_assets
from ingestify.orchestrators.dagster.shown import asset_key, op_name, prefix_of
from ingestify.orchestrators.running import RunFailed
from ingestify.orchestrators.tables import build_tables, table_names

__all__ = ["ingestify_table_assets"]

PROBLEMS = "problems"

_MOST_ROWS = 20


def ingestify_table_assets(
    config: str | Path | None = None,
    *,
    tables: Sequence[str] | None = None,
    key_prefix: Sequence[str] = (),
    group_name: str | None = None,
    retry_policy: dg.RetryPolicy | None = None,
) -> dg.AssetsDefinition:
    """Return an asset for each columnar table: materializing them is `ingestify tables build`. Needs extra `tables`.

    One step builds all selected tables, and makes only what changed since the last build; a table that did not change
    is not materialized. A table has no partitions: it is for all datasets. The check `problems` warns of datasets that
    no rows could be made of.

    Args:
        config: A config.yaml, or a folder with one; None: as for `get_engine`.
        tables: Their names; None: those that `ingestify tables build` makes.
        key_prefix: The beginning of the asset keys, as for `ingestify_assets`; then come `tables` and the name.
        group_name: The group of the assets.
        retry_policy: How often a build is tried again if that can help; None: never.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    path = find_config_file(config)
    names = list(table_names(path) if tables is None else tables)
    keys = {name: dg.AssetKey([*prefix_of(key_prefix), "tables", name]) for name in names}
    sources = [asset_key(asset, key_prefix) for asset in lake_assets(path)]

    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        wanted = [name for name in names if keys[name] in context.selected_asset_keys]
        try:
            built = build_tables(path, wanted)
        except RunFailed as error:
            raise dg.Failure(str(error), allow_retries=error.may_help) from error
        context.log.info(built.line)
        for table in built.tables:
            key = keys[table.name]
            if table.is_changed or table.is_new:
                counts = {f"ingestify/{name}": getattr(table, name) for name in ("added", "replaced", "removed")}
                yield dg.MaterializeResult(asset_key=key, metadata={"ingestify/written_rows": table.rows, **counts})
            if dg.AssetCheckKey(key, PROBLEMS) in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=key,
                    check_name=PROBLEMS,
                    passed=not table.failed,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "ingestify/failed": len(table.failed),
                        **{
                            f"ingestify/problem_{number}": str(one)
                            for number, one in enumerate(table.failed[:_MOST_ROWS])
                        },
                    },
                )

    return dg.multi_asset(
        name=op_name(*prefix_of(key_prefix), "ingestify_tables"),
        specs=[
            dg.AssetSpec(key, deps=sources, skippable=True, group_name=group_name, kinds={"deltalake"})
            for key in keys.values()
        ],
        check_specs=[
            dg.AssetCheckSpec(PROBLEMS, asset=key, description="Rows could be made of all datasets.")
            for key in keys.values()
        ],
        can_subset=True,
        retry_policy=retry_policy,
    )(build)
