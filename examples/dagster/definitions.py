"""A lake in Dagster: `dagster dev -f definitions.py`.

The assets of the lake, an asset of our own that reads what they brought, a sensor that runs it for each change, and a
schedule.
"""

from contextlib import closing
from pathlib import Path

import dagster as dg

from ingestify import get_datastore
from ingestify.orchestrators import lake_assets, parse_partition_key
from ingestify.orchestrators.dagster import (
    asset_key,
    ingestify_assets,
    ingestify_partition_sensor,
    ingestify_schedule,
    ingestify_sensor,
    partitions_of,
)

CONFIG = Path(__file__).parent / "config.yaml"

# Nothing is opened here: only the config.yaml is read.
MATCHES = next(one for one in lake_assets(CONFIG) if one.name == "statsbomb/match")


@dg.asset(deps=[asset_key(MATCHES)], partitions_def=partitions_of(MATCHES))
def shots(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The shots of a season, counted."""
    season = parse_partition_key(context.partition_key)
    with closing(get_datastore(CONFIG)) as store:
        matches = store.get_dataset_collection(provider="statsbomb", dataset_type="match", **season)
        events = [event for match in matches for event in store.load_files(match).get_file("events").json()]
    counted = sum(event["type"]["name"] == "Shot" for event in events)
    return dg.MaterializeResult(metadata={"matches": len(matches), "shots": counted})


defs = dg.Definitions(
    assets=[
        *ingestify_assets(CONFIG, group_name="lake", retry_policy=dg.RetryPolicy(max_retries=2, delay=60)),
        shots,
    ],
    sensors=[
        # Also what `ingestify run`, or a person, changed in the lake.
        ingestify_sensor(CONFIG, target=dg.AssetSelection.assets(shots)),
        ingestify_partition_sensor(CONFIG),
    ],
    schedules=[ingestify_schedule(CONFIG, "0 5 * * *")],
)
