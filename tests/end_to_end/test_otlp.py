"""The command exports traces and metrics by OTLP over HTTP if the environment names an endpoint."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.end_to_end.running import ingestify
from tests.support.command_line import Ended

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otlp` is not installed")
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.slow

CONFIG = """
main: {{metadata_url: sqlite:///catalog.db, file_url: file://files}}
sources: {{statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}}}
ingestion_plans: [{{source: statsbomb, dataset_type: match}}]
"""


class Collector(ThreadingHTTPServer):
    """Takes what is exported."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: dict[str, list[bytes]] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.got.setdefault(self.path, []).append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Path]:
    with Simulator(Season(matches=3, seed=2, events_per_match=4)) as provider:
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=provider.base_url))
        yield tmp_path


def run(folder: Path, **variables: str) -> Ended:
    ended = ingestify(folder, "run", environment=_with(variables))
    assert ended.code == 0, ended.err
    return ended


def _with(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | variables


IMPATIENT = """
import sys
from ingestify.cli import main
from ingestify.telemetry import otel

assert otel.FLUSH_SECONDS == 5
otel.FLUSH_SECONDS = 1
sys.exit(main())
"""


def run_impatiently(folder: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    """Run with a second for what is left at the end, where it is five."""
    return subprocess.run(
        [sys.executable, "-c", IMPATIENT, "run"],
        cwd=folder,
        env=_with({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}),
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_run_is_exported_to_the_endpoint_of_the_environment(lake: Path, collector: Collector) -> None:
    ran = run(lake, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_RESOURCE_ATTRIBUTES="team=analysis")
    assert "WARNING" not in ran.err
    spans: list[str] = []
    for body in collector.got["/v1/traces"]:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert (named["service.name"], named["team"]) == ("ingestify", "analysis")
            spans += [span.name for scope in resource.scope_spans for span in scope.spans]
    assert spans.count("ingestify.run") == 1
    assert spans.count("ingestify.dataset") == 3
    assert spans.count("GET") >= 7
    names = {
        metric.name
        for body in collector.got["/v1/metrics"]
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {"ingestify.datasets", "ingestify.http.requests", "ingestify.last_success.timestamp"} <= names


def test_an_exporter_that_is_switched_off_exports_nothing(lake: Path, collector: Collector) -> None:
    run(lake, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_EXPORTER="none")
    assert set(collector.got) == {"/v1/metrics"}
    collector.got.clear()
    run(lake, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SDK_DISABLED="true")
    assert not collector.got
    ran = run(lake, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "start it with opentelemetry-instrument" in ran.err
    assert not collector.got


def test_settings_that_the_sdk_refuses_fail_nothing(lake: Path, collector: Collector) -> None:
    ran = run(lake, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_MAX_QUEUE_SIZE="-5")
    assert "3 matches: 3 new" in ran.out
    assert "traces are not exported, as the SDK refuses the environment's settings: max_queue_size must be" in ran.err
    assert set(collector.got) == {"/v1/metrics"}


def test_an_endpoint_that_is_down_or_does_not_answer_fails_nothing(lake: Path) -> None:
    ran = run_impatiently(lake, "http://127.0.0.1:1")
    assert "3 matches: 3 new" in ran.stdout
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = run_impatiently(lake, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "3 matches: 0 new, 0 revised, 3 unchanged" in ran.stdout
    assert "Not everything could be exported to OpenTelemetry within 1 seconds" in ran.stderr
