"""`ingestify watch` as a service: signals, settings that change, and what a service manager hears."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ingestify import get_datastore
from tests.end_to_end.running import command_beside, ingestify
from tests.support.waiting import wait_until
from tests.unit.cli.test_health import fetch

parser = pytest.importorskip("prometheus_client.parser", reason="the extra `test` brings prometheus-client")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  live: {type: live_source.LiveSource}
ingestion_plans:
  - {source: live, dataset_type: match, schedule: {live: 1s, recent: 1s, late: 1s, settled: 1s}}
event_publishers:
  - {name: lines, type: ingestify.json_lines, configuration: {path: events.jsonl}}
"""

FILES = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
sources:
  deliveries:
    type: ingestify.files
    configuration:
      {provider: example, location: deliveries, pattern: "{season_id}/{match_id}_{data_feed_key}.json"}
ingestion_plans:
  - {source: deliveries, dataset_type: match}
"""

SOURCE = '''
import datetime as dt
import time
from pathlib import Path

from ingestify import DatasetResource, DraftFile, Source

HERE = Path(__file__).parent


def load(file_resource, current_file, number):
    """The first is there at once; others wait until the folder has a file called `go`."""
    (HERE / f"asked-{number}").touch()
    while number and not (HERE / "go").exists():
        time.sleep(0.05)
    return DraftFile.from_input(f"content {number}", "events")


class LiveSource(Source):
    provider = "live"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        for number in range(1 + len(list(HERE.glob("more*")))):
            resource = DatasetResource({"season_id": season_id, "match_id": number}, "match", name=f"match {number}")
            yield resource.add_file(
                dt.datetime(2024, 5, 1), "events", file_loader=load, loader_kwargs={"number": number}
            )
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "live_source.py").write_text(SOURCE)
    return tmp_path


def watching(project: Path, *arguments: str, **environment: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run `ingestify watch` beside the block. Its output goes to the files `out` and `err`."""
    return command_beside(project, ["watch", *arguments], out="out", err="err", environment=environment)


def looks(project: Path) -> int:
    return len((project / "out").read_text().splitlines())


def errors(project: Path) -> str:
    return (project / "err").read_text()


def wait_for_looks(project: Path, count: int) -> None:
    wait_until(lambda: looks(project) >= count, seconds=60)


def test_the_service_manager_hears_how_it_is_until_sigterm_ends_it(project: Path):
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = f"{short}/notify"
        manager.bind(address)
        manager.settimeout(60)
        with watching(project, NOTIFY_SOCKET=address, WATCHDOG_USEC="2000000") as process:
            heard = [manager.recv(4096).decode()]
            assert heard == ["READY=1"]
            while heard.count("WATCHDOG=1") < 3:
                heard.append(manager.recv(4096).decode())
            wait_for_looks(project, 2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, errors(project)
            manager.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.append(manager.recv(4096).decode())
    assert heard[-1] == "STOPPING=1"
    assert any(one.startswith("STATUS=next: 20") for one in heard)
    with contextlib.closing(get_datastore(project / "config.yaml")) as store:
        assert "heartbeat" not in store.catalogue.watch_marks.find(), "nobody is expected to look any more"


def test_sigterm_in_a_look_keeps_what_is_complete(project: Path):
    (project / "more").touch()
    with watching(project) as process:
        wait_until(lambda: (project / "asked-1").exists(), seconds=60)
        with contextlib.closing(get_datastore(project / "config.yaml")) as store:
            wait_until(lambda: len(store.get_dataset_collection()) == 1, seconds=60)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: "Stopping: complete datasets are kept." in errors(project), seconds=60)
        (project / "go").touch()
        assert process.wait(60) == 0, errors(project)
    assert ingestify(project, "verify").code == 0


def test_a_file_is_in_the_lake_soon_after_it_landed_also_after_sighup(project: Path):
    pytest.importorskip("watchfiles", reason="the extra `watch` brings it")
    config = project / "config.yaml"
    config.write_text(FILES)
    delivered = project / "deliveries" / "11"
    delivered.mkdir(parents=True)

    def put(match_id: int) -> None:
        (delivered / f"{match_id}_events.json").write_text("[1]")

    with watching(project) as process, contextlib.closing(get_datastore(config)) as store:
        for match_id in range(2):
            wait_until(lambda: "what landed while nobody watched" in (project / "out").read_text(), seconds=60)
            (project / "out").write_text("")
            put(match_id)
            wait_until(lambda number=match_id: len(store.get_dataset_collection()) > number, seconds=60)
            process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, errors(project)
    assert "1 change" in (project / "out").read_text()


def test_sighup_reads_the_settings_again_and_wrong_ones_change_nothing(project: Path):
    config = project / "config.yaml"
    with watching(project) as process:
        wait_for_looks(project, 1)
        config.write_text(CONFIG.replace("live: 1s", "live: soon"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "those from before stay" in errors(project), seconds=60)
        assert "must be a length of time" in errors(project)
        wait_for_looks(project, looks(project) + 2)
        config.write_text(CONFIG.replace("source: live,", "source: live, selectors: [{season_id: 7}],"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "The settings were read again." in errors(project), seconds=60)
        with contextlib.closing(get_datastore(config)) as store:
            wait_until(lambda: store.get_dataset_collection(season_id=7).first() is not None, seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, errors(project)


def test_each_look_counts_in_the_metrics_also_when_the_settings_are_read_again(project: Path):
    config = project / "config.yaml"

    def count_runs(beginning: str) -> int:
        path = project / "watch.prom"
        lines = path.read_text().splitlines() if path.exists() else []
        return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))

    with watching(project, "--metrics-file", "watch.prom") as process:
        wait_until(lambda: count_runs('ingestify_runs_total{bucket="main",state="FINISHED"}') >= 2, seconds=60)
        before = count_runs("ingestify_runs_total")
        config.write_text(f"{CONFIG}metrics: {{labels: {{team: a}}}}\n")
        process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: count_runs('ingestify_runs_total{bucket="main",team="a",state="FINISHED"}') > before, seconds=60
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, errors(project)
        looked = looks(project)
    assert count_runs("ingestify_runs_total") == looked


def test_a_watch_publishes_what_changes(project: Path):
    with watching(project, "--publish") as process:
        wait_until(lambda: (project / "events.jsonl").exists(), seconds=60)
        wait_until(lambda: "revision_added" in (project / "events.jsonl").read_text(), seconds=60)
        (project / "go").touch()
        (project / "more").touch()
        wait_until(lambda: "match 1" in (project / "events.jsonl").read_text(), seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, errors(project)


def test_who_asks_over_http_hears_how_it_is_until_it_has_ended(project: Path):
    config = project / "config.yaml"

    def address() -> str:
        line = next((line for line in errors(project).splitlines() if line.startswith("Listening on ")), "")
        return line.removeprefix("Listening on ")

    def counted(name: str) -> float:
        families = parser.text_string_to_metric_families(fetch(f"{url}/metrics")[1])
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def has_new_settings() -> bool:
        assert fetch(f"{url}/readyz")[0] == 200, "it is ready all the time"
        return 'team="a"' in fetch(f"{url}/metrics")[1]

    with watching(project, "--listen", "0") as process:
        wait_until(address, seconds=60)
        url = address()
        assert url.startswith("http://127.0.0.1:")
        assert fetch(f"{url}/healthz")[0] == 200
        wait_until(lambda: fetch(f"{url}/readyz")[0] == 200, seconds=60)
        wait_until(lambda: counted("ingestify_lake_datasets") == 1, seconds=60)

        config.write_text(f"{CONFIG}metrics: {{labels: {{team: a}}}}\n")
        process.send_signal(signal.SIGHUP)
        wait_until(has_new_settings, seconds=60)
        assert counted("ingestify_runs_total") >= 1

        (project / "more").touch()
        wait_until(lambda: (project / "asked-1").exists(), seconds=60)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: fetch(f"{url}/readyz")[0] == 503, seconds=60)
        assert fetch(f"{url}/readyz")[1] == "The watch ends: it completes what it has begun.\n"
        assert fetch(f"{url}/healthz")[0] == 200
        assert fetch(f"{url}/metrics")[0] == 200
        (project / "go").touch()
        assert process.wait(60) == 0, errors(project)
        with pytest.raises(ConnectionRefusedError):
            fetch(f"{url}/healthz")


def test_a_port_that_is_in_use_ends_the_watch_before_its_first_look(project: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with watching(project, "--listen", f"127.0.0.1:{port}") as process:
            assert process.wait(60) == 1
    assert f"Cannot listen on 127.0.0.1:{port}: another program uses this port." in errors(project)
    assert not (project / "asked-0").exists()


def test_a_killed_watch_leaves_its_sign_of_life(project: Path):
    with watching(project) as process:
        with_heart = contextlib.closing(get_datastore(project / "config.yaml"))
        wait_for_looks(project, 1)
        with with_heart as store:
            wait_until(lambda: "heartbeat" in store.catalogue.watch_marks.find(), seconds=30)
            process.kill()
            process.wait()
            assert "heartbeat" in store.catalogue.watch_marks.find()
    ended = ingestify(project, "status", "--stale", "1h")
    assert ended.code == 0, "it is not an hour since"
    assert ingestify(project, "status", "--stale", "0h").code == 5
