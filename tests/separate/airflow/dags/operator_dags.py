"""DAGs that each show one setting of the operator. The config.yaml comes with the run."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG

from ingestify.orchestrators.airflow import IngestifyRunOperator, lake_asset

RUN = {
    "config": "{{ dag_run.conf['config'] }}",
    "lake": "club",
    "provider": "statsbomb",
    "dataset_type": "match",
}

with DAG("plain") as plain:
    IngestifyRunOperator(task_id="run", **RUN)

with DAG("retried") as retried:
    IngestifyRunOperator(task_id="run", retries=1, retry_delay=dt.timedelta(0), **RUN)


def fail_at_first(context, result):
    if context["ti"].try_number == 1:
        raise RuntimeError("the result cannot be stored")


with DAG("failing_at_its_end") as failing_at_its_end:
    IngestifyRunOperator(task_id="run", retries=1, retry_delay=dt.timedelta(0), post_execute=fail_at_first, **RUN)

with DAG("strict") as strict:
    IngestifyRunOperator(task_id="run", fail_on_warning=True, **RUN)

with DAG("partitioned") as partitioned:
    IngestifyRunOperator(task_id="run", partitioned=True, **RUN)

with DAG("one_partition") as one_partition:
    IngestifyRunOperator(task_id="run", selector="{{ dag_run.conf['partition'] }}", **RUN)

with DAG("two_assets") as two_assets:
    IngestifyRunOperator(
        task_id="run", config=RUN["config"], lake="club", assets=[("statsbomb", "match"), ("camera", "match")]
    )

with DAG("timed_out") as timed_out:
    IngestifyRunOperator(task_id="run", execution_timeout=dt.timedelta(seconds=2), **RUN)

with DAG("mapped") as mapped:
    IngestifyRunOperator.partial(task_id="run", outlets=[lake_asset("club", "statsbomb", "match")], **RUN).expand(
        selector=[{"season_id": 27}, {"season_id": 28}]
    )
