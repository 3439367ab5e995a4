"""The lake in Dagster: `from ingestify.orchestrators.dagster import ingestify_assets`. Needs the extra `dagster`.

component   the component that a defs.yaml configures: all of the others together
lake        an asset for each provider and dataset type
tables      an asset for each columnar table
sensors     what others changed in the lake, and the partitions that a provider has
schedule    a run of each partition
shown       keys, partitions and metadata, as Dagster shows them
"""

from __future__ import annotations

from ingestify.errors import MissingExtraError

try:
    import dagster as _dagster  # noqa: F401 - whether it is there
except ModuleNotFoundError as error:
    raise MissingExtraError("dagster", "ingestify.orchestrators.dagster") from error

from ingestify.orchestrators.dagster.component import IngestifyComponent
from ingestify.orchestrators.dagster.lake import ingestify_assets
from ingestify.orchestrators.dagster.schedule import ingestify_schedule
from ingestify.orchestrators.dagster.sensors import ingestify_partition_sensor, ingestify_sensor
from ingestify.orchestrators.dagster.shown import asset_key, partitions_of
from ingestify.orchestrators.dagster.tables import ingestify_table_assets

__all__ = [
    "IngestifyComponent",
    "asset_key",
    "ingestify_assets",
    "ingestify_partition_sensor",
    "ingestify_schedule",
    "ingestify_sensor",
    "ingestify_table_assets",
    "partitions_of",
]
