"""Runs DAGs without a scheduler, and looks at what Airflow keeps of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.asset import AssetDagRunQueue, AssetEvent
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from tests.separate.airflow.conftest import HOME

__all__ = [
    "asset_events",
    "dags_of",
    "forget_queue",
    "queued",
    "returned",
    "run",
    "save_dags",
    "state_of",
    "task_states",
]


def dags_of(name: str) -> dict[str, DAG]:
    """The DAGs of a file in Airflow's folder."""
    spec = importlib.util.spec_from_file_location(name, HOME / "dags" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {}
    for value in vars(module).values():
        if isinstance(value, DAG):
            found[value.dag_id] = value
    return found


def save_dags() -> None:
    """What the DAG processor does: write the DAGs of the folder into the database."""
    manager = DagBundlesManager()
    with create_session() as session:
        manager.sync_bundles_to_db(session=session)
    for bundle in manager.get_all_dag_bundles():
        bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        assert bag.import_errors == {}
        sync_bag_to_db(bag, bundle.name, bundle.version)


def run(dag: DAG, config: Path | None = None, **given: Any) -> str:
    """Run a DAG once. Returns the id of the run."""
    conf = {**given, "config": str(config)} if config is not None else given
    return dag.test(run_conf=conf).run_id


def task_states(dag_id: str, run_id: str) -> dict[str, tuple[str, int]]:
    """The state of each task, and how often it was tried."""
    with create_session() as session:
        found = session.scalars(
            select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        )
        return {
            one.task_id if one.map_index < 0 else f"{one.task_id}[{one.map_index}]": (str(one.state), one.try_number)
            for one in found
        }


def returned(dag_id: str, run_id: str) -> Any:
    """What the only task of a run returned."""
    with create_session() as session:
        (row,) = session.scalars(
            select(XComModel).where(
                XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == "return_value"
            )
        )
        return XComModel.deserialize_value(row)


def asset_events(run_id: str | None) -> list[tuple[str, str | None, dict[str, Any]]]:
    """URI, partition key and extra of the asset events that a run caused; None: that a trigger did."""
    with create_session() as session:
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id).order_by(AssetEvent.id))
        return [(one.uri, one.partition_key, one.extra) for one in found]


def state_of(key: str) -> list[str]:
    """What the state stores of all assets have under a key."""
    with create_session() as session:
        return list(session.scalars(select(AssetStateStoreModel.value).where(AssetStateStoreModel.key == key)))


def queued() -> list[str]:
    """The DAGs that the scheduler will run, as an asset of theirs has an event."""
    with create_session() as session:
        return [one.target_dag_id for one in session.scalars(select(AssetDagRunQueue))]


def forget_queue() -> None:
    """What the scheduler does when it begins these runs; or Airflow, when it loses them."""
    with create_session() as session:
        session.execute(delete(AssetDagRunQueue))
