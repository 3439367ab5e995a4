"""Two DAGs: the first one fills a lake each night, and the second one reads what has changed."""

from __future__ import annotations

import datetime as dt
import os

from airflow.sdk import DAG, task

from ingestify.orchestrators.airflow import IngestifyRunOperator, lake_asset, unread_events

CONFIG = os.environ.get("INGESTIFY_CONFIG_FILE", "/opt/airflow/football/config.yaml")
MATCHES = lake_asset("club", "statsbomb", "match")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

with DAG("fill_lake", schedule="0 4 * * *", start_date=START, catchup=False, max_active_runs=1) as fill_lake:
    IngestifyRunOperator(
        task_id="statsbomb_matches",
        config=CONFIG,
        lake="club",
        provider="statsbomb",
        dataset_type="match",
        retries=3,
        retry_delay=dt.timedelta(minutes=15),
        execution_timeout=dt.timedelta(hours=2),
    )

with DAG("count_shots", schedule=[MATCHES], start_date=START, catchup=False, max_active_runs=1) as count_shots:

    @task
    def shots() -> dict[str, int]:
        """Count the shots of each match that is new or was corrected since the last time."""
        counted = {}
        with unread_events(CONFIG, provider="statsbomb", dataset_type="match") as events:
            for event in events:
                if event.event_type == "revision_added":
                    match = event.dataset.require_file("events").json()
                    counted[event.dataset.name] = sum(one["type"]["name"] == "Shot" for one in match)
        return counted

    shots()
