"""A DAG for a lake that something else fills."""

from __future__ import annotations

import os

from airflow.sdk import DAG, task

from ingestify.orchestrators.airflow import lake_asset, unread_events

CONFIG = os.environ["WATCHED_CONFIG_FILE"]
MATCHES = lake_asset("watched", "statsbomb", "match", watch=CONFIG, poll_interval=0.2)

with DAG("watching", schedule=[MATCHES]) as watching:

    @task
    def read() -> int:
        """Return how many events it had not read."""
        with unread_events(CONFIG) as events:
            return sum(1 for _ in events)

    read()
