"""A lake in Prefect: `python flow.py` serves it each morning; `prefect server start` is needed beside it.

The flow runs ingestify for each season, and counts the shots of the seasons that changed.
"""

from contextlib import closing
from pathlib import Path

from prefect import flow, task

from ingestify import get_datastore
from ingestify.orchestrators import lake_assets, parse_partition_key
from ingestify.orchestrators.prefect import ingestify_run

CONFIG = str(Path(__file__).parent / "config.yaml")


@task
def count_shots(partition: str) -> int:
    """Return how many shots a season has."""
    season = parse_partition_key(partition)
    with closing(get_datastore(CONFIG)) as store:
        matches = store.get_dataset_collection(provider="statsbomb", dataset_type="match", **season)
        events = [event for match in matches for event in store.load_files(match).get_file("events").json()]
    return sum(event["type"]["name"] == "Shot" for event in events)


@flow
def morning() -> dict[str, int]:
    """Return the shots of each season that changed."""
    run = ingestify_run.with_options(retries=2, retry_delay_seconds=60)
    (matches,) = lake_assets(CONFIG)
    changed = [
        change.partition_key
        for partition in matches.partition_keys or ()
        for change in run(CONFIG, provider="statsbomb", dataset_type="match", selector=partition).changes
    ]
    return {partition: count_shots(partition) for partition in changed}


if __name__ == "__main__":
    morning.serve(name="morning", cron="0 5 * * *")
