"""A real Pushgateway takes what a run pushes, and replaces it with the next run."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import get_engine
from ingestify.cli.app import run_command_line
from tests.support.waiting import wait_until

parser = pytest.importorskip("prometheus_client.parser", reason="the extra `test` brings prometheus-client")

pytestmark = pytest.mark.integration

CONFIG = """
main: {{name: club, metadata_url: sqlite:///catalog.db, file_url: file://files}}
sources: {{small: {{type: tests.unit.cli.small_source.SmallSource}}}}
ingestion_plans: [{{source: small, dataset_type: match}}]
dataset_types: [{{provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}}]
metrics: {{push_gateway: {{url: "{url}"}}, labels: {{team: "a/b"}}}}
"""


@pytest.fixture
def gateway() -> Iterator[str]:
    program = shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")
    if program is None:
        pytest.skip("no Pushgateway is installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen([program, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_ready(f"http://{address}"))
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def scrape(url: str) -> dict[str, dict[str, float]]:
    """Metric to the values of a label that it has besides those of the group, to the value."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("job") != "ingestify" or not sample.name.startswith("ingestify_"):
                continue
            group = {name: sample.labels.pop(name) for name in ("job", "lake", "bucket", "team", "instance")}
            assert group == {"job": "ingestify", "lake": "club", "bucket": "main", "team": "a/b", "instance": ""}
            found.setdefault(sample.name, {})["/".join(sample.labels.values())] = sample.value
    return found


def test_a_push_replaces_the_one_before_and_one_without_the_lake_does_not(gateway: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(url=gateway))
    with get_engine(config) as engine:
        engine.load()
        first = scrape(gateway)
        assert list(first["ingestify_quarantine_bundles"].values()) == [1]
        assert sum(first["ingestify_last_run_datasets"].values()) == 6
        assert not [name for name in first if name.endswith("_total")]
        engine.quarantine.discard(list(engine.quarantine), decided_by="Rinus")
        engine.load()
    second = scrape(gateway)
    assert "ingestify_quarantine_bundles" not in second
    assert sum(second["ingestify_last_run_state"].values()) == 1
    (tmp_path / "catalog.db").write_bytes(b"no database" * 100)
    assert run_command_line(["run", "-q", "--config", str(config)]) == 1
    third = scrape(gateway)
    assert list(third["ingestify_lake_readable"].values()) == [0]
    assert third["ingestify_last_success_timestamp_seconds"] == second["ingestify_last_success_timestamp_seconds"]
    assert third["ingestify_last_run_state"] != second["ingestify_last_run_state"]
