"""Traces and metrics of runs in OpenTelemetry's SDK, and what they cost where nobody wants them."""

from __future__ import annotations

import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.testing.document_provider import DocumentProvider
from tests.support.lake_in_memory import hours

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `test` brings opentelemetry-sdk")

from opentelemetry import metrics, trace  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

DOCUMENTS = {
    "index.json": [{"id": 1}, {"id": 2}],
    "1.json": {"n": 1},
    "2.json": {"n": 2},
}


class Telemetry:
    """What an SDK got."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()

    def spans(self) -> dict[str, list[Any]]:
        """Name to spans, and forget them."""
        found: dict[str, list[Any]] = {}
        for span in self.exporter.get_finished_spans():
            found.setdefault(span.name, []).append(span)
        self.exporter.clear()
        return found

    def metrics(self) -> dict[str, dict[tuple[tuple[str, Any], ...], float]]:
        data = self.reader.get_metrics_data()
        return {
            metric.name: {tuple(sorted(point.attributes.items())): point.value for point in metric.data.data_points}
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    """An SDK as a program sets it up; the API takes only one for each process, so a test puts it there."""
    found = Telemetry()
    traces = sdk.TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(found.exporter))
    meters = MeterProvider([found.reader])
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", traces)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", meters)
    yield found
    meters.shutdown()
    traces.shutdown()


class Files(Source):
    """Matches of a provider, with a function that makes a span of its own."""

    provider = "fake"
    lists_everything = True

    def __init__(self, url: str, names: tuple[str, ...] = ("1", "2")) -> None:
        super().__init__("mine")
        self.url, self.names = url, names

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for entry in self.http.get_json(f"{self.url}/index.json?token=hidden"):
            for name in self.names if entry["id"] == 1 else ():
                resource = DatasetResource({"match_id": name}, "match", name=name, post_load_files=own_span)
                url = f"{self.url.replace('//', '//me:secret@')}/{name}.json?key=hidden"
                yield resource.add_file(hours(0), "events", url=url)


def own_span(*_: object) -> None:
    with trace.get_tracer("mine").start_as_current_span("own"):
        pass


@pytest.fixture
def provider() -> Iterator[DocumentProvider]:
    with DocumentProvider(DOCUMENTS) as found:
        yield found


def test_spans_go_from_the_run_to_each_request(telemetry: Telemetry, provider: DocumentProvider) -> None:
    engine = get_dev_engine(Files(provider.base_url), "match")
    with trace.get_tracer("caller").start_as_current_span("caller"):
        report = engine.load()
    assert report.totals.new == 2
    spans = telemetry.spans()
    assert {name: len(found) for name, found in spans.items()} == {
        "caller": 1,
        "ingestify.run": 1,
        "ingestify.job": 1,
        "ingestify.dataset": 2,
        "GET": 4,  # the index is read once more, as something came
        "own": 2,
    }
    (caller,), (run,), (job,) = spans["caller"], spans["ingestify.run"], spans["ingestify.job"]
    datasets = {span.context.span_id for span in spans["ingestify.dataset"]}
    assert run.parent.span_id == caller.context.span_id
    assert job.parent.span_id == run.context.span_id
    assert {span.parent.span_id for span in spans["ingestify.dataset"]} == {job.context.span_id}
    assert sorted(span.parent.span_id for span in spans["own"]) == sorted(datasets)
    parents = [span.parent.span_id for span in spans["GET"]]
    assert sorted(parents) == sorted([job.context.span_id, job.context.span_id, *datasets])
    assert {span.context.trace_id for found in spans.values() for span in found} == {caller.context.trace_id}
    assert run.attributes["ingestify.state"] == "FINISHED"
    assert run.attributes["ingestify.new"] == 2
    assert job.attributes["ingestify.source"] == "mine"
    first = next(s for s in spans["ingestify.dataset"] if s.attributes["ingestify.dataset.identifier"] == "match_id=1")
    assert first.attributes["ingestify.dataset.outcome"] == "new"
    assert first.attributes["ingestify.dataset.revision"] == 0
    assert first.attributes["ingestify.received_bytes"] > 0
    assert first.attributes["ingestify.dataset.id"] == engine.list_datasets()[0].dataset_id


def test_requests_have_the_attributes_of_the_conventions_and_no_secret(
    telemetry: Telemetry, provider: DocumentProvider
) -> None:
    get_dev_engine(Files(provider.base_url), "match").load()
    spans = telemetry.spans()["GET"]
    at = urllib.parse.urlsplit(provider.base_url)
    for span in spans:
        assert span.kind is trace.SpanKind.CLIENT
        assert span.attributes["http.request.method"] == "GET"
        assert span.attributes["http.response.status_code"] == 200
        assert (span.attributes["server.address"], span.attributes["server.port"]) == (at.hostname, at.port)
        assert span.attributes["url.full"].startswith("http://")
        assert span.end_time > span.start_time
        assert "error.type" not in span.attributes
        assert not any(word in str(dict(span.attributes)) for word in ("hidden", "secret", "?"))
    assert any(span.attributes["url.full"].endswith("/index.json") for span in spans)


def test_what_is_unchanged_by_the_index_has_no_span(telemetry: Telemetry, provider: DocumentProvider) -> None:
    engine = get_dev_engine(Files(provider.base_url), "match")
    engine.load()
    telemetry.spans()
    assert engine.load().totals.unchanged == 2
    spans = telemetry.spans()
    assert {name: len(found) for name, found in spans.items()} == {"ingestify.run": 1, "ingestify.job": 1, "GET": 1}
    assert spans["ingestify.job"][0].attributes["ingestify.unchanged"] == 2


def test_what_failed_has_its_error(telemetry: Telemetry, provider: DocumentProvider) -> None:
    engine = get_dev_engine(Files(provider.base_url, ("1", "gone")), "match")
    assert engine.load().totals.failed == 1
    spans = telemetry.spans()
    (failed,) = (s for s in spans["ingestify.dataset"] if not s.status.is_ok and s.status.description)
    assert "status 404" in failed.status.description
    assert failed.attributes["ingestify.dataset.outcome"] == "failed"
    assert [event.name for event in failed.events] == ["exception"]
    (request,) = (span for span in spans["GET"] if span.attributes["http.response.status_code"] == 404)
    assert request.attributes["error.type"] == "404"
    assert request.status.status_code is trace.StatusCode.ERROR


@pytest.mark.usefixtures("passing_time")
def test_a_run_that_fails_has_its_error(telemetry: Telemetry) -> None:
    engine = get_dev_engine(Files("http://127.0.0.1:1"), "match")
    engine.load()
    spans = telemetry.spans()
    assert "no connection" in spans["ingestify.run"][0].status.description
    assert "no connection" in spans["ingestify.job"][0].status.description
    assert all("error.type" in span.attributes for span in spans["GET"])
    resent = [span.attributes.get("http.request.resend_count", 0) for span in spans["GET"]]
    assert sorted(resent) == list(range(len(resent)))


def test_a_dry_run_is_not_traced(telemetry: Telemetry, provider: DocumentProvider) -> None:
    get_dev_engine(Files(provider.base_url), "match").load(dry_run=True)
    assert telemetry.spans() == {}


def test_a_stream_is_traced_below_the_span_of_its_reader(telemetry: Telemetry, provider: DocumentProvider) -> None:
    engine = get_dev_engine(Files(provider.base_url), "match")
    with trace.get_tracer("caller").start_as_current_span("caller"):
        assert len(list(engine.iter_datasets(auto_ingest={"streaming": True}))) == 2
    spans = telemetry.spans()
    assert spans["ingestify.run"][0].parent.span_id == spans["caller"][0].context.span_id


def test_metrics_have_the_names_and_labels_of_prometheus_with_dots(
    telemetry: Telemetry, provider: DocumentProvider
) -> None:
    engine = get_dev_engine(Files(provider.base_url), "match")
    engine.load()
    engine.load()
    found = telemetry.metrics()
    labels = [
        ("bucket", "main"),
        ("dataset_type", "match"),
        ("outcome", "new"),
        ("provider", "fake"),
        ("source", "mine"),
    ]
    assert found["ingestify.datasets"][tuple(labels)] == 2
    assert found["ingestify.last_run.datasets"][tuple(labels)] == 0
    assert found["ingestify.runs"] == {(("bucket", "main"), ("state", "FINISHED")): 2}
    assert sum(found["ingestify.http.requests"].values()) == 5
    assert found["ingestify.lake.readable"] == {(("bucket", "main"),): 1}
    assert found["ingestify.newest_revision.timestamp"]


@pytest.mark.slow
def test_nothing_of_opentelemetry_is_imported_where_nobody_wants_it() -> None:
    program = """
import sys
from ingestify import get_dev_engine, DatasetResource, Source
class Mine(Source):
    provider = "mine"
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata):
        return [DatasetResource({"match_id": 1}, "match").add_file(None, "events", json_content={})]
engine = get_dev_engine(Mine("mine"), "match")
assert engine.load().totals.new == 1
assert "ingestify_runs_total" in engine.metrics()
print([name for name in sys.modules if name.startswith(("opentelemetry", "prometheus"))])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
