"""The webhook that says what a run came to: what arrives, and that it never changes or delays the run for long."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings import http as cloudevents_http
from standardwebhooks.webhooks import Webhook as Verifier

from ingestify import ConfigurationError, StopProcessing, get_engine
from ingestify.clock import monotonic, now, reading
from ingestify.config.reader import read_settings
from ingestify.main.configuration import check_config
from ingestify.run_hooks import payload
from ingestify.run_hooks.webhook import RunWebhook
from ingestify.testing.loopback import Asked, Given, LoopbackServer
from tests.support.command_line import shared_command_line
from tests.support.lake_in_memory import FunctionSource, Lake, match
from tests.support.passing_time import passing_time  # noqa: F401 - a fixture
from tests.support.waiting import wait_until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SCHEMA = json.loads(Path(payload.__file__).with_name("schemas").joinpath("run_finished.v1.json").read_text())


class Endpoint:
    """Takes what is sent, after the answers that a test plans."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Given | None] = []
        self._server = LoopbackServer(self._answer).__enter__()

    @property
    def url(self) -> str:
        return f"{self._server.url}/runs"

    def close(self) -> None:
        self._server.__exit__()

    def _answer(self, asked: Asked) -> Given | None:
        self.asked.append(asked)
        return self.answers.pop(0) if self.answers else Given(204)

    @property
    def data(self) -> Any:
        """The payload of the last message, which keeps the schema and is signed."""
        asked = self.asked[-1]
        Verifier(SECRET).verify(asked.body, dict(asked.headers))
        message = cloudevents_http.HTTPMessage(headers=asked.headers, body=asked.body)
        event = cloudevents_http.from_http_event(message)
        assert event.get_type() == "ingestify.run_finished.v1"
        assert event.get_dataschema() == SCHEMA["$id"]
        data = event.get_data()
        jsonschema.Draft202012Validator(SCHEMA).validate(data)
        assert set(data) == set(SCHEMA["properties"])
        assert event.get_subject() == data["run_id"]
        assert event.get_id() == f"{data['run_id']}/finished"
        return data


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def add_hook(lake: Lake, endpoint: Endpoint, **arguments: Any) -> None:
    given = {"url": endpoint.url, "secret": SECRET, "allowed_addresses": ["127.0.0.1"], **arguments}
    lake.engine.store.publisher.add_subscriber(RunWebhook(lake.engine.store, **given))


def broken(*_: Any, **__: Any) -> Any:
    raise OSError("no space at the provider; token=hunter2hunter2")


def some_broken(**_: Any) -> Any:
    failing = match(2)
    failing.add_file(None, "lineups", file_loader=broken)
    return [match(1), failing]


@pytest.mark.parametrize("content_mode", ["structured", "binary"])
def test_what_a_run_came_to_arrives_with_a_signature(endpoint, content_mode):
    lake = Lake(FunctionSource(some_broken))
    add_hook(lake, endpoint, content_mode=content_mode)
    report = lake.engine.load(competition_id=1)
    data = endpoint.data
    assert (data["run_id"], data["exit_code"], data["state"]) == (report.run_id, 3, "FINISHED")
    assert data["outcomes"] == ["failed"]
    assert data["narrowed_to"] == {"competition_id": 1}
    assert data["counters"]["new"] == data["counters"]["failed"] == 1
    assert (data["position_before"], data["position"]) == (0, 2)
    assert data["summary"].startswith("2 matches: 1 new, 0 revised, 0 unchanged, 1 failed")
    (problem,) = data["problems"]
    assert (problem["kind"], problem["name"], problem["source"]) == ("failed", "match 2", "fake")
    assert "no space at the provider" in problem["error"]
    assert "hunter2" not in endpoint.asked[-1].body.decode()
    assert len(endpoint.asked) == 1


def test_long_texts_of_a_provider_are_cut(endpoint):
    lake = Lake(FunctionSource(some_broken), selectors=[{"competition_id": "x" * 1_000_000}])
    add_hook(lake, endpoint)
    lake.engine.load()
    assert len(endpoint.data["problems"][0]["selector"]) == 1000
    assert len(endpoint.asked[-1].body) < 10_000


def test_a_clock_that_jumps_back_makes_no_negative_duration(endpoint):
    lake = Lake(FunctionSource(some_broken))
    add_hook(lake, endpoint)
    began, reads = now(), itertools.count()
    with reading(lambda: began - dt.timedelta(seconds=next(reads))):
        report = lake.engine.load()
    assert endpoint.data["began_at"] > endpoint.data["ended_at"]
    assert endpoint.data["duration_seconds"] == round(report.duration_seconds, 6)


def test_a_run_that_was_stopped_and_one_that_failed_are_told_of(endpoint):
    def stopping(**_: Any) -> Any:
        raise StopProcessing("the quota is used up")

    lake = Lake(FunctionSource(stopping))
    add_hook(lake, endpoint)
    with pytest.raises(StopProcessing):
        lake.engine.load()
    data = endpoint.data
    assert (data["outcomes"], data["exit_code"], data["error"]) == (["interrupted"], 2, "the quota is used up")
    lake.source.find = broken
    lake.engine.load()
    assert endpoint.data["selectors"][0]["state"] == "FAILED"
    assert endpoint.data["error"].startswith("OSError: no space at the provider")


def test_many_problems_are_counted_and_the_first_are_listed(endpoint):
    def all_broken(**_: Any) -> Any:
        for number in range(payload.MOST_LISTED + 5):
            yield match(number).add_file(None, "lineups", file_loader=broken)

    lake = Lake(FunctionSource(all_broken))
    add_hook(lake, endpoint)
    lake.engine.load()
    assert len(endpoint.data["problems"]) == payload.MOST_LISTED
    assert endpoint.data["problem_count"] == payload.MOST_LISTED + 5


def test_what_shrank_is_named(endpoint):
    lake = Lake(FunctionSource(lambda **_: [match(1, ["pass"] * 9000), *(match(number) for number in range(2, 9))]))
    add_hook(lake, endpoint)
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, ["pass"], at=1), *(match(number) for number in range(3, 9))]
    lake.engine.load()
    assert endpoint.data["outcomes"] == ["failed", "shrunk"]
    assert [(one["kind"], one["has_shrunk"]) for one in endpoint.data["problems"]] == [("quarantined", True)]
    assert [(one["selector"], one["missing"]) for one in endpoint.data["selectors"]] == [("competition_id=1", 1)]


# ---- endpoints that do not take it ---------------------------------------------------------------------


@pytest.mark.usefixtures("passing_time")
def test_an_endpoint_that_is_not_ready_is_tried_again_with_the_same_id(endpoint):
    endpoint.answers = [Given(503), None, Given(429, headers={"Retry-After": "7"})]
    lake = Lake(FunctionSource(some_broken))
    add_hook(lake, endpoint)
    began = monotonic()
    lake.engine.load()
    assert len(endpoint.asked) == 4
    assert len({asked.headers["webhook-id"] for asked in endpoint.asked}) == 1
    assert monotonic() - began >= 7
    assert endpoint.data["exit_code"] == 3


@pytest.mark.usefixtures("passing_time")
@pytest.mark.parametrize(
    ("status", "tries", "said"),
    [(503, 5, "answers with the status 503"), (410, 1, "410 Gone"), (422, 1, "cannot process"), (404, 1, "check url")],
)
def test_an_endpoint_that_refuses_holds_the_run_for_a_bounded_time_and_changes_nothing(
    endpoint, caplog, status, tries, said
):
    endpoint.answers = [Given(status)] * 1000
    lake = Lake(FunctionSource(lambda **_: [match(1)]))
    add_hook(lake, endpoint, patience=30)
    began = monotonic()
    report = lake.engine.load()
    assert (report.exit_code, report.totals.new) == (0, 1)
    assert len(endpoint.asked) == tries
    assert monotonic() - began <= 30 + 10
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert said in record.getMessage()
    assert "its exit code" in record.getMessage()


@pytest.mark.usefixtures("passing_time")
def test_nothing_is_sent_to_an_address_that_is_not_public(endpoint, caplog):
    lake = Lake(FunctionSource(some_broken))
    add_hook(lake, endpoint, allowed_addresses=[])
    lake.engine.load()
    assert endpoint.asked == []
    assert "add allowed_addresses: [127.0.0.1] to" in caplog.text


# ---- the settings --------------------------------------------------------------------------------------

CONFIG = """
main: {{name: club, metadata_url: "sqlite:///catalog.db", file_url: "file://files"}}
sources: {{own: {{type: own_source.OwnSource}}}}
ingestion_plans: [{{source: own, dataset_type: match}}]
freshness: {{stale_after: 36h}}
run_hooks:
  - type: ingestify.webhook
    configuration: {{url: "{url}", secret: "{secret}", allowed_addresses: [127.0.0.1], patience: 1}}
    when: [failed, stale]
"""

OWN_SOURCE = """
import os
from ingestify import DatasetResource, Source

class OwnSource(Source):
    provider = "own"

    def find_datasets(self, dataset_type, **selector):
        if os.path.exists("broken"):
            raise OSError("no route")
        yield DatasetResource({"match_id": 1}, "match", name="a match").add_file(None, "events", json_content=[1])
"""


@pytest.fixture
def project(tmp_path: Path, endpoint: Endpoint) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=endpoint.url, secret=SECRET))
    (tmp_path / "own_source.py").write_text(OWN_SOURCE)
    return tmp_path


def test_the_command_tells_the_endpoint_of_the_outcomes_that_the_settings_name(project, endpoint):
    command_line = shared_command_line()
    assert command_line.run(project, "run").code == 0
    assert endpoint.asked == []
    (project / "broken").touch()
    assert command_line.run(project, "run", "--disable-events").code == 1
    assert command_line.run(project, "plan").code == 1
    assert endpoint.asked == []
    assert command_line.run(project, "run").code == 1
    assert (endpoint.data["lake_name"], endpoint.data["outcomes"]) == ("club", ["failed"])


def test_an_endpoint_that_fails_is_said_on_stderr_and_the_exit_code_is_that_of_the_run(project, endpoint):
    endpoint.answers = [Given(503)] * 1000
    ended = shared_command_line().run(project, "run", "source=own")
    assert ended.code == 2  # wrong usage: no run
    assert endpoint.asked == []
    (project / "broken").touch()
    ended = shared_command_line().run(project, "run", "--quiet")
    assert ended.code == 1
    assert f"{endpoint.url} answers with the status 503" in ended.err


def test_a_run_that_is_interrupted_tells_the_endpoint(project, endpoint):
    text = (project / "config.yaml").read_text()
    (project / "config.yaml").write_text(text.replace("when: [failed, stale]", "when: [interrupted]"))
    waiting = "open('begun', 'w').close()\n        while not os.path.exists('go'): time.sleep(0.02)\n        "
    source = OWN_SOURCE.replace("import os\n", "import os, time\n").replace(
        'if os.path.exists("broken")', f"{waiting}if False"
    )
    (project / "own_source.py").write_text(source)
    command = [sys.executable, "-m", "ingestify.cli", "run"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as process:
        wait_until((project / "begun").exists)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "Stopping" in process.stderr.readline()
        (project / "go").touch()
        process.stderr.read()
    assert process.returncode == 130
    assert (endpoint.data["outcomes"], endpoint.data["exit_code"]) == (["interrupted", "stale"], 130)
    assert len(endpoint.asked) == 1


def test_the_check_of_the_settings_makes_a_webhook_and_sends_nothing(project, endpoint):
    _, found = check_config(project / "config.yaml")
    assert found.endswith("1 run hook")
    text = (project / "config.yaml").read_text()
    (project / "config.yaml").write_text(text.replace(SECRET, "whsec_short"))
    with pytest.raises(ConfigurationError, match=r"run_hooks\[0\]: secret is none of Standard Webhooks"):
        check_config(project / "config.yaml")
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("{type: ingestify.webhok}", "There is no run hook 'ingestify.webhok'; did you mean 'ingestify.webhook'?"),
        ("{type: own_source.OwnSource}", "The run hook 'own_source.OwnSource' is"),
        ("{type: ingestify.webhook, configuration: {adress: x}}", "cannot be made from its configuration"),
        ("{type: ingestify.webhook, when: [late]}", "should be 'finished', 'failed'"),
        ("{type: ingestify.webhook, when: []}", "is empty"),
    ],
)
def test_a_wrong_hook_is_refused(project, hook, message):
    text = (project / "config.yaml").read_text().partition("run_hooks:")[0]
    (project / "config.yaml").write_text(f"{text}run_hooks: [{hook}]\n")
    with pytest.raises(ConfigurationError) as caught:
        check_config(project / "config.yaml")
    assert message in str(caught.value)


def test_a_hook_for_what_is_stale_needs_an_age(project):
    text = (project / "config.yaml").read_text()
    (project / "config.yaml").write_text(text.replace("freshness: {stale_after: 36h}\n", ""))
    with pytest.raises(ConfigurationError, match=r"add  freshness: \{stale_after: 36h\}"):
        read_settings(project / "config.yaml")


def test_a_class_of_a_users_is_a_run_hook(project, monkeypatch):
    (project / "own_hooks.py").write_text(
        "from ingestify import Subscriber\n\n"
        "class Told(Subscriber):\n"
        "    def on_run_finished(self, run):\n"
        "        print(self.configuration['channel'], *sorted(run.outcomes), run.lake, flush=True)\n"
    )
    text = (project / "config.yaml").read_text().partition("run_hooks:")[0]
    hook = "{type: own_hooks.Told, configuration: {channel: '#data'}, when: [finished]}"
    (project / "config.yaml").write_text(f"{text}run_hooks: [{hook}]\n")
    check_config(project / "config.yaml")
    ended = shared_command_line().run(project, "run")
    assert (ended.code, "#data finished club" in ended.err) == (0, True)
    with get_engine(project / "config.yaml") as engine:
        assert engine.store.publisher.tells_of_runs
