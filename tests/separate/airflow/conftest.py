"""One Airflow for all tests: its database is made once, and its DAGs are the example's and those beside this file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent.parent / "examples" / "airflow"
HOME = Path(tempfile.mkdtemp(prefix="ingestify-airflow-"))

# Airflow reads these while it is imported.
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(HOME / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    INGESTIFY_CONFIG_FILE=str(HOME / "football" / "config.yaml"),
    WATCHED_CONFIG_FILE=str(HOME / "watched" / "config.yaml"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Warnings of Airflow and its packages are not ours."""
    config.addinivalue_line("filterwarnings", "ignore")
    config.addinivalue_line("filterwarnings", "error:::ingestify")


CONFIG = """\
main: {{name: {name}, metadata_url: "sqlite:///lake/catalog.db", file_url: "file://lake/files/"}}
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
"""


def write_config(folder, name, provider):
    """The config.yaml of a lake in a folder, which is filled from a simulated provider."""
    folder.mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(name=name, url=provider.base_url))
    return path


@pytest.fixture(scope="session", autouse=True)
def airflow_database():
    """An empty database of Airflow, with the DAGs in its folder."""
    (HOME / "dags").mkdir()
    for folder in (EXAMPLE / "dags", HERE / "dags"):
        for file in folder.glob("*.py"):
            shutil.copy(file, HOME / "dags")
    from airflow.utils.db import initdb

    initdb()
    yield
    shutil.rmtree(HOME)


@pytest.fixture(scope="session", autouse=True)
def watched_provider(airflow_database):
    """The provider of a lake that something else than Airflow fills, while a triggerer watches it.

    The triggerer is a process of its own, which starts while the first tests run.
    """
    from tests.separate.airflow.running import save_dags

    save_dags()
    with Simulator(Season(matches=2, events_per_match=100)) as provider, (HOME / "triggerer.log").open("w") as log:
        write_config(HOME / "watched", "watched", provider)
        command = [Path(sys.executable).parent / "airflow", "triggerer", "--skip-serve-logs"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        yield provider
        os.killpg(process.pid, signal.SIGKILL)  # it takes 15 s to end, and its database is thrown away
        process.wait()
