"""`ingestify metrics`, and the metrics file and the Pushgateway of `ingestify run`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingestify import RunFinished, Subscriber, get_engine
from ingestify.telemetry.prometheus_text import read_samples
from tests.unit.cli.small_source import SmallSource

CHECKED = """
dataset_types:
  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}
"""


class Pager(Subscriber):
    """A run hook."""

    def on_run_finished(self, run: RunFinished) -> None:
        pass


def told(text: str) -> dict[tuple[str, ...], float]:
    """Name in Prometheus and the values of labels, to the value."""
    return {(metric.prometheus_name, *labels): value for (metric, labels), value in read_samples(text).items()}


def in_file(lake) -> dict[tuple[str, ...], float]:
    return told((lake.folder / "m.prom").read_text())


class Gateway(ThreadingHTTPServer):
    """Keeps what is pushed."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.pushed: list[tuple[str, str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.pushed.append((self.command, self.path, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_PUT()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with contextlib.closing(Gateway()) as server:
        server.close = server.server_close  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_run_writes_its_result_and_the_state_of_the_lake(command):
    command.configure("main:", "main:\n  name: club")
    command("run", "--metrics-file", "m.prom")
    text = (command.folder / "m.prom").read_text()
    assert 'ingestify_last_run_state{lake="club",bucket="main",state="FINISHED"} 1\n' in text
    found = told(text)
    assert found["ingestify_datasets_total", "small", "small", "match", "new"] == 6
    assert found["ingestify_last_run_datasets", "small", "small", "match", "failed"] == 0
    assert found["ingestify_last_run_exit_code",] == 0
    assert found["ingestify_lake_datasets", "small", "match", "COMPLETE"] == 6
    ended = found["ingestify_last_run_timestamp_seconds",]
    assert 0 <= ended - found["ingestify_last_success_timestamp_seconds", "small", "small", "match"] < 60
    assert 0 <= ended - found["ingestify_newest_revision_timestamp_seconds", "small", "match", ""] < 60
    command("run", "--metrics-file", "m.prom")
    found = in_file(command)
    assert found["ingestify_datasets_total", "small", "small", "match", "new"] == 6
    assert found["ingestify_datasets_total", "small", "small", "match", "unchanged"] == 6
    assert found["ingestify_runs_total", "FINISHED"] == 2
    assert found["ingestify_last_run_datasets", "small", "small", "match", "new"] == 0


def test_what_fails_and_what_is_in_quarantine_is_counted(command):
    command.config.write_text(command.config.read_text() + CHECKED)
    command.configure("SmallSource}", "SmallSource, configuration: {broken: [11]}}")
    command("run", "--metrics-file", "m.prom", code=3)
    found = in_file(command)
    problems = {labels[-1]: value for (name, *labels), value in found.items() if name == "ingestify_last_run_problems"}
    assert problems == {"left_out": 0, "warned": 0, "unlisted": 0, "not_asked": 0}
    assert found["ingestify_last_run_datasets", "small", "small", "match", "failed"] == 1
    assert found["ingestify_last_run_datasets", "small", "small", "match", "quarantined"] == 1
    assert found["ingestify_quarantine_bundles", "small", "match"] == 1
    assert found["ingestify_last_run_exit_code",] == 3


def test_what_is_no_longer_listed_is_a_problem_of_the_last_run(lake):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 0}}")
    lake("run", "--metrics-file", "m.prom", code=3)
    assert in_file(lake)["ingestify_last_run_problems", "small", "small", "match", "unlisted"] == 6


def test_the_settings_name_the_file_and_more_labels_also_for_python(command):
    command.configure("main:", "metrics: {file: m.prom, labels: {team: a}}\nmain:")
    with get_engine(command.config) as engine:
        engine.load()
    assert (
        'ingestify_runs_total{bucket="main",team="a",state="FINISHED"} 1\n' in (command.folder / "m.prom").read_text()
    )


def test_a_label_of_the_metrics_themselves_is_no_label_of_the_settings(command):
    for name, why in (("host", "which is a label of the metrics themselves"), ("a-b", "which is no name of a label")):
        command.config.write_text(
            command.config.read_text().replace("main:", f"metrics: {{labels: {{{name}: x}}}}\nmain:")
        )
        command("config", "check", code=1)
        assert why in command.err
        command.config.write_text(command.config.read_text().replace(f"metrics: {{labels: {{{name}: x}}}}\n", ""))


def test_a_dry_run_writes_nothing(lake):
    lake("run", "--dry-run", "--metrics-file", "m.prom")
    assert not (lake.folder / "m.prom").exists()


def test_a_lake_that_cannot_be_opened_is_a_failed_run_and_the_last_success_stays(lake):
    lake("run", "--metrics-file", "m.prom")
    before = in_file(lake)
    (lake.folder / "catalog.db").write_bytes(b"no database" * 100)
    lake("run", "--metrics-file", "m.prom", code=1)
    found = in_file(lake)
    assert found["ingestify_last_run_state", "FAILED"] == 1
    assert found["ingestify_last_run_state", "FINISHED"] == 0
    assert found["ingestify_last_run_exit_code",] == 1
    assert found["ingestify_lake_readable",] == 0
    success = ("ingestify_last_success_timestamp_seconds", "small", "small", "match")
    assert found[success] == before[success]
    lake("metrics", "--metrics-file", "m.prom", code=1)
    assert in_file(lake)["ingestify_runs_total", "FAILED"] == 1


def test_settings_that_are_wrong_are_a_failed_run(lake):
    lake.configure("main:", "main:\n  nonsense: 1")
    lake("run", "--metrics-file", "m.prom", code=1)
    assert in_file(lake)["ingestify_last_run_state", "FAILED"] == 1


def test_settings_that_are_wrong_do_not_change_the_labels_of_the_file(lake):
    lake.configure("main:", "metrics: {labels: {team: 'a\"b\\c'}}\nmain:\n  name: club")
    lake("run", "--metrics-file", "m.prom")
    lake.configure("main:", "main:\n  nonsense: 1")
    lake("run", "--metrics-file", "m.prom", code=1)
    labels = r'lake="club",bucket="main",team="a\"b\\c"'
    lines = [line for line in (lake.folder / "m.prom").read_text().splitlines() if not line.startswith("#")]
    assert f'ingestify_runs_total{{{labels},state="FAILED"}} 1' in lines
    assert [line for line in lines if f"{{{labels}" not in line] == []


def test_a_run_that_is_interrupted_says_so(lake, monkeypatch):
    def find_datasets(self, *_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(SmallSource, "find_datasets", find_datasets)
    lake("run", "--metrics-file", "m.prom", code=130)
    found = in_file(lake)
    assert found["ingestify_last_run_state", "ABORTED"] == 1
    assert found["ingestify_last_run_exit_code",] == 130


def test_an_interrupt_while_a_subscriber_works_does_not_cost_the_metrics(lake, monkeypatch):
    is_told, was_interrupted, join = threading.Event(), threading.Event(), threading.Thread.join

    def on_run_finished(self: Subscriber, run: RunFinished) -> None:
        is_told.set()
        assert was_interrupted.wait(60)

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "ingestify-notices" and is_told.is_set() and not was_interrupted.is_set():
            was_interrupted.set()
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(Pager, "on_run_finished", on_run_finished)
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    lake.configure("main:", "run_hooks: [{type: tests.unit.cli.test_metrics.Pager}]\nmain:")
    lake("run", "--metrics-file", "m.prom", code=130)
    assert in_file(lake)["ingestify_last_run_state", "FINISHED"] == 1


def test_a_file_without_a_name_is_refused(lake):
    lake("run", "--metrics-file", "", code=2)
    assert "the file needs a name, such as ingestify.prom" in lake.err


def test_a_file_that_cannot_be_written_is_a_warning(lake):
    lake("run", "--metrics-file", "nowhere/m.prom")
    assert "nowhere/m.prom cannot be written: No such file or directory" in lake.err


def test_the_gauges_are_pushed_in_a_group_of_the_lake(lake, gateway):
    lake.configure("main:", f"metrics: {{push_gateway: {{url: '{gateway.url}/', job: night}}}}\nmain:\n  name: club")
    lake("run")
    ((method, path, body),) = gateway.pushed
    assert (method, path) == ("PUT", "/metrics/job/night/lake/club/bucket/main")
    found = told(body)
    assert found["ingestify_last_run_state", "FINISHED"] == 1
    assert found["ingestify_lake_datasets", "small", "match", "COMPLETE"] == 6
    assert not [name for name, *_ in found if name.endswith("_total")]


def test_what_the_gateway_has_of_a_lake_stays_while_the_lake_cannot_be_read(lake, gateway):
    lake.configure("main:", "metrics: {labels: {team: a/b, none: ''}}\nmain:")
    (lake.folder / "catalog.db").write_bytes(b"no database" * 100)
    lake("run", "--push-gateway", gateway.url, code=1)
    ((method, path, body),) = gateway.pushed
    assert (method, path) == ("POST", "/metrics/job/ingestify/bucket/main/team@base64/YS9i/none@base64/=")
    assert {name for name, *_ in told(body)} >= {"ingestify_lake_readable", "ingestify_last_run_state"}


def test_a_query_and_labels_of_dots_do_not_change_the_group(lake, gateway):
    lake.configure("main:", "metrics: {labels: {team: .., room: .}}\nmain:")
    lake("run", "--push-gateway", f"{gateway.url}/behind/?token=abc")
    ((_, path, _),) = gateway.pushed
    assert path == "/behind/metrics/job/ingestify/bucket/main/team@base64/Li4=/room@base64/Lg==?token=abc"


def test_a_gateway_that_is_down_or_refuses_is_a_warning(lake, gateway):
    lake("run", "--push-gateway", "http://127.0.0.1:1")
    assert "The metrics were not pushed: PUT http://127.0.0.1:1/metrics" in lake.err
    gateway.status = 400
    lake("run", "--push-gateway", gateway.url)
    assert "answered 400" in lake.err
    lake("run", "--push-gateway", "nonsense", code=2)
    assert "write its address, such as http://pushgateway:9091" in lake.err


def test_the_command_shows_the_lake(lake):
    found = told(lake("metrics"))
    assert found["ingestify_lake_readable",] == 1
    assert found["ingestify_lake_datasets", "small", "match", "COMPLETE"] == 6
    assert not [name for name, *_ in found if "last_run" in name]


def test_the_command_brings_a_file_up_to_date_between_runs(lake):
    lake.configure("main:", "metrics: {file: m.prom}\nmain:")
    lake("run")
    lake("delete", "--yes", "match_id=10")
    assert lake("metrics", "--deliver") == ""
    found = in_file(lake)
    assert found["ingestify_lake_datasets", "small", "match", "COMPLETE"] == 5
    assert found["ingestify_last_run_state", "FINISHED"] == 1
    assert found["ingestify_runs_total", "FINISHED"] == 1


def test_metrics_that_nobody_wants_are_not_delivered(lake):
    lake("metrics", "--deliver", code=1)
    assert "name a --metrics-file or a --push-gateway" in lake.err


def test_how_far_a_publisher_is_behind_is_read_after_it_has_published(lake):
    lake.config.write_text(
        lake.config.read_text()
        + "event_publishers: [{name: out, type: ingestify.json_lines, configuration: {path: out.jsonl}}]\n"
    )
    lake("run", "--metrics-file", "m.prom", "--publish", "-q")
    found = in_file(lake)
    assert found["ingestify_event_reader_behind", "out", "publisher"] == 0
    assert found["ingestify_event_reader_lag_seconds", "out", "publisher"] == 0
    lake("delete", "--yes", "match_id=10")
    found = told(lake("metrics"))
    assert found["ingestify_event_reader_behind", "out", "publisher"] == 1
