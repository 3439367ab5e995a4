"""What a lineage service gets of runs, and that it never changes or delays a run for long."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import ConfigurationError, StopProcessing, asset_uri, get_engine
from ingestify.errors import MissingExtraError
from ingestify.main.configuration import check_config
from ingestify.run_hooks.openlineage import OpenLineage
from ingestify.testing.loopback import Asked, Given, LoopbackServer
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.lake_in_memory import FunctionSource, Lake, match
from tests.support.waiting import wait_until

pytest.importorskip("openlineage.client", reason="the extra openlineage is not installed")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE_DISABLED", "OPENLINEAGE_PARENT_ID"):
        monkeypatch.delenv(name, raising=False)


class Told(Lake):
    """A lake whose runs are written to a file."""

    def __init__(self, find: Any, path: Path, **arguments: Any) -> None:
        super().__init__(FunctionSource(find))
        self.path = path
        transport = {"type": "file", "log_file_path": str(path), "append": True}
        hook = OpenLineage(self.engine.store, **{"transport": transport, **arguments})
        self.engine.store.publisher.add_subscriber(hook)

    def take(self) -> list[Any]:
        """The events since the last call, as JSON."""
        events = read(self.path)
        self.path.unlink(missing_ok=True)
        return events


def read(path: Path) -> list[Any]:
    """Events that keep what OpenLineage's specification requires of each."""
    events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for event in events:
        check(event)
    return events


def check(event: Any) -> None:
    assert event["eventType"] in ("START", "COMPLETE", "FAIL", "ABORT")
    assert event["eventTime"].endswith("+00:00")
    assert event["producer"].startswith("urn:ingestify:")
    assert event["schemaURL"].startswith("https://openlineage.io/spec/2-")
    uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"]
    assert event["job"]["name"]
    assert event["job"]["facets"]["jobType"]["integration"] == "INGESTIFY"
    facets = [event["run"]["facets"], event["job"]["facets"]]
    for one in [*event["inputs"], *event["outputs"]]:
        assert one["namespace"]
        assert one["name"]
        facets += [one.get("facets") or {}, one.get("outputFacets") or {}]
    for facet in (one for several in facets for one in several.values()):
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/")
        assert facet["_producer"]


def two_matches(**_: Any) -> list[Any]:
    return [match(1), match(2)]


def broken(*_: Any, **__: Any) -> Any:
    raise OSError("no space at the provider; token=hunter2hunter2")


def kinds(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["eventType"], event["job"]["name"]) for event in events]


def test_a_run_and_its_plans_start_and_complete(tmp_path):
    lake = Told(two_matches, tmp_path / "events.jsonl")
    report = lake.engine.load()
    events = lake.take()
    # A new lake without a name has no id when it starts, so all of its events come with the last ones.
    assert kinds(events) == [
        ("START", "run"),
        ("START", "fake/match"),
        ("COMPLETE", "fake/match"),
        ("COMPLETE", "run"),
    ]
    assert {event["run"]["runId"] for event in events if event["job"]["name"] == "run"} == {report.run_id}
    start, complete = (event for event in events if event["job"]["name"] == "fake/match")
    assert start["run"]["runId"] == complete["run"]["runId"] != report.run_id
    assert start["eventTime"] < complete["eventTime"]
    parent = complete["run"]["facets"]["parent"]
    identity = lake.engine.store.catalogue.lake.find()
    namespace = f"ingestify://{identity.lake_id}"
    assert parent["run"] == {"facets": {}, "runId": report.run_id} or parent["run"]["runId"] == report.run_id
    assert (parent["job"]["namespace"], parent["job"]["name"]) == (namespace, "run")
    assert complete["job"]["namespace"] == namespace

    (output,) = complete["outputs"]
    assert f"{output['namespace']}/{output['name']}" == asset_uri(identity.lake_id, "fake", "match")
    assert output["facets"]["version"]["datasetVersion"] == "1/4"
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"]) == (2, 2)
    sizes = [file.size for dataset in lake.datasets for file in dataset.files.values()]
    assert statistics["size"] == sum(sizes) > 0
    (given,) = complete["inputs"]
    assert (given["namespace"], given["name"]) == ("fake", "fake/match")


def test_a_run_in_which_nothing_changed_writes_nothing_to_the_same_version(tmp_path):
    lake = Told(two_matches, tmp_path / "events.jsonl")
    lake.engine.load()
    first = lake.take()
    lake.engine.load()
    second = lake.take()
    assert kinds(second) == kinds(first)
    (output,) = second[2]["outputs"]
    assert output["facets"]["version"]["datasetVersion"] == "1/4"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 0
    assert output["outputFacets"]["outputStatistics"]["fileCount"] == 0


def test_datasets_that_failed_are_named_and_a_selector_that_failed_fails_its_plan(tmp_path):
    def find(**_: Any) -> list[Any]:
        failing = match(2)
        failing.add_file(None, "lineups", file_loader=broken)
        return [match(1), failing]

    lake = Told(find, tmp_path / "events.jsonl")
    lake.engine.load()
    *_, of_plan, of_run = lake.take()
    for event in (of_plan, of_run):
        assert event["eventType"] == "COMPLETE"
        message = event["run"]["facets"]["errorMessage"]["message"]
        assert message.startswith("match 2: ")
        assert "hunter2" not in json.dumps(event)
    lake.source.find = broken
    lake.engine.load()
    *_, of_plan, of_run = lake.take()
    assert (of_plan["eventType"], of_run["eventType"]) == ("FAIL", "FAIL")
    assert "no space at the provider" in of_run["run"]["facets"]["errorMessage"]["message"]
    assert "no space at the provider" in of_plan["run"]["facets"]["errorMessage"]["message"]


def test_a_run_that_was_stopped_is_aborted(tmp_path):
    def stopping(**_: Any) -> Any:
        raise StopProcessing("the quota is used up")

    lake = Told(stopping, tmp_path / "events.jsonl")
    with pytest.raises(StopProcessing):
        lake.engine.load()
    *_, of_plan, of_run = lake.take()
    assert (of_plan["eventType"], of_run["eventType"]) == ("ABORT", "ABORT")
    assert of_run["run"]["facets"]["errorMessage"]["message"] == "the quota is used up"


def test_a_dry_run_emits_nothing(tmp_path):
    lake = Told(two_matches, tmp_path / "events.jsonl")
    lake.engine.load(dry_run=True)
    assert lake.take() == []


# ---- transports ----------------------------------------------------------------------------------------


class Service:
    """A lineage service."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 201
        self.held = threading.Event()
        self.held.set()
        self._server = LoopbackServer(self._answer).__enter__()
        self.url = self._server.url

    def _answer(self, asked: Asked) -> Given:
        self.held.wait(60)
        given = Given(self.status)
        self.asked.append(asked)
        return given

    def close(self) -> None:
        self.held.set()
        self._server.__exit__()

    @property
    def events(self) -> list[Any]:
        events = [json.loads(asked.body) for asked in self.asked]
        for event in events:
            check(event)
        return events


@pytest.fixture
def service() -> Iterator[Service]:
    with contextlib.closing(Service()) as service:
        yield service


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=2, seed=3, competition_id=43, season_id=106)) as simulator:
        yield simulator


def configure(folder: Path, provider: Simulator, configuration: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        'main: {name: club, metadata_url: "sqlite:///catalog.db", file_url: "file://files", default_bucket: women}\n'
        "sources: {open: {type: ingestify.statsbomb_github, "
        f'configuration: {{base_url: "{provider.base_url}"}}}}}}\n'
        "ingestion_plans: [{source: open, dataset_type: match}]\n"
        f"run_hooks: [{{type: ingestify.openlineage{configuration}}}]\n"
    )
    return path


def test_events_go_to_a_service_by_the_settings(tmp_path, provider, service):
    transport = (
        f', configuration: {{transport: {{type: http, url: "{service.url}", auth: {{type: api_key, apiKey: k}}}}}}'
    )
    path = configure(tmp_path, provider, transport)
    check_config(path)
    assert service.asked == []
    with get_engine(path) as engine:
        engine.load()
        files = sum(len(dataset.files) for dataset in engine.list_datasets())
    assert kinds(service.events) == [
        ("START", "run"),
        ("START", "open/match"),
        ("COMPLETE", "open/match"),
        ("COMPLETE", "run"),
    ]
    assert {asked.target for asked in service.asked} == {"/api/v1/lineage"}
    assert {asked.headers["authorization"] for asked in service.asked} == {"Bearer k"}
    start, complete = service.events[1:3]
    scheme, _, rest = provider.base_url.partition("://")
    for event in (start, complete):
        (given,), (output,) = event["inputs"], event["outputs"]
        assert (given["namespace"], given["name"]) == (f"{scheme}://{rest.partition('/')[0]}", "statsbomb/match")
        assert (output["namespace"], output["name"]) == ("ingestify://club", "statsbomb/match?bucket=women")
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["fileCount"] == files


def test_events_go_where_openlineages_own_variables_say(tmp_path, provider, service, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", service.url)
    with get_engine(configure(tmp_path, provider, "")) as engine:
        engine.load()
    assert len(service.events) == 4


def test_events_go_where_openlineages_own_file_says(tmp_path, provider):
    (tmp_path / "openlineage.yml").write_text("transport: {type: file, log_file_path: own.jsonl, append: true}\n")
    with get_engine(configure(tmp_path, provider, "")) as engine:
        engine.load()
    assert len(read(tmp_path / "own.jsonl")) == 4


def test_a_namespace_of_ones_own_is_that_of_the_jobs(tmp_path):
    lake = Told(two_matches, tmp_path / "events.jsonl", namespace="football")
    lake.engine.load()
    events = lake.take()
    assert {event["job"]["namespace"] for event in events} == {"football"}
    assert events[1]["run"]["facets"]["parent"]["job"]["namespace"] == "football"
    assert events[2]["outputs"][0]["namespace"].startswith("ingestify://")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.ERROR and record.name.startswith("ingestify")
    ]


def test_a_service_that_does_not_answer_holds_a_run_for_a_bounded_time(tmp_path, service, caplog):
    service.held.clear()
    lake = Told(two_matches, tmp_path / "x", transport={"type": "http", "url": service.url}, patience=0.2)
    report = lake.engine.load()
    assert (report.exit_code, report.totals.new) == (0, 2)
    (message,) = errors(caplog)
    assert "did not take the events within 0.2 seconds" in message


def test_a_service_that_is_slow_at_the_beginning_does_not_delay_the_run(tmp_path, service, caplog):
    service.held.clear()

    def find(**_: Any) -> list[Any]:
        service.held.set()  # the run goes on while START is on its way
        return two_matches()

    transport = {"type": "http", "url": service.url}
    lake = Told(find, tmp_path / "x", transport=transport, namespace="football", patience=30)
    lake.engine.load()
    assert errors(caplog) == []
    assert [kind for kind, _ in kinds(service.events)] == ["START", "START", "COMPLETE", "COMPLETE"]


def test_a_service_that_is_back_at_the_end_gets_the_end(tmp_path, service, caplog):
    service.status = 400

    def find(**_: Any) -> list[Any]:
        wait_until(lambda: service.asked)
        service.status = 201
        return two_matches()

    transport = {"type": "http", "url": service.url}
    lake = Told(find, tmp_path / "x", transport=transport, namespace="football")
    lake.engine.load()
    (message,) = errors(caplog)
    assert "400" in message
    assert [kind for kind, _ in kinds(service.events)] == ["START", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_the_run_that_started_it_is_its_parent(tmp_path, monkeypatch, by):
    run_id = str(uuid.uuid4())
    if by == "variable":
        monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/dag/task/{run_id}")
    arguments = {"parent": f"airflow/dag/task/{run_id}"} if by == "argument" else {}
    lake = Told(two_matches, tmp_path / "events.jsonl", **arguments)
    lake.engine.load()
    for event in lake.take():
        parent = event["run"]["facets"]["parent"]
        if event["job"]["name"] == "run":
            assert (parent["job"]["namespace"], parent["job"]["name"]) == ("airflow", "dag/task")
            assert parent["run"]["runId"] == run_id
        else:
            assert parent["job"]["name"] == "run"


@pytest.mark.parametrize("status", [400, 401])
def test_a_service_that_refuses_changes_nothing(tmp_path, service, caplog, status):
    service.status = status
    lake = Told(two_matches, tmp_path / "x", transport={"type": "http", "url": service.url})
    report = lake.engine.load()
    assert report.exit_code == 0
    (message,) = errors(caplog)
    assert str(status) in message


def test_without_any_transport_it_is_said_and_nothing_is_printed(tmp_path, caplog, capsys):
    lake = Lake(FunctionSource(two_matches))
    lake.engine.store.publisher.add_subscriber(OpenLineage(lake.engine.store))
    assert lake.engine.load().exit_code == 0
    (message,) = errors(caplog)
    assert "set OPENLINEAGE_URL" in message
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("{transport: http}", "transport is no mapping with a type"),
        ("{transport: {url: x}}", "transport is no mapping with a type"),
        ("{transport: {type: htp}}", "transport has the type 'htp'; there are .*, http, "),
        ("{transport: {type: http}}", "not accepted by OpenLineage's client: .*`url`"),
        ("{transport: {type: nowhere.Transport}}", "not accepted by OpenLineage's client: "),
        ("{patience: 0}", "patience is 0"),
        ("{namespace: ''}", "namespace is empty"),
        ("{parent: airflow/task}", "write it as namespace/job/run id"),
    ],
)
def test_a_wrong_argument_is_refused(tmp_path, provider, configuration, message):
    path = configure(tmp_path, provider, f", configuration: {configuration}")
    with pytest.raises(ConfigurationError, match=message):
        check_config(path)


def test_the_configuration_in_the_docs_is_valid(tmp_path):
    text = Path(__file__).parents[3].joinpath("docs", "operations.md").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(
        text.partition("<!-- openlineage: config -->\n```yaml\n")[2].partition("```")[0]
    )
    _, found = check_config(tmp_path / "config.yaml")
    assert found.startswith("0 sources")


def test_without_its_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openlineage.client.event_v2", None)
    with pytest.raises(MissingExtraError, match="openlineage"):
        OpenLineage(Lake(FunctionSource(two_matches)).engine.store)
