"""The publishers of a config.yaml: publishing, status, replay, dead letters."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ingestify import MessagesRefused, Publisher, PublisherSwitchedOff, Publishing, get_engine
from ingestify.clock import now
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.errors import ConfigurationError
from ingestify.events.cursor import lock_of
from ingestify.main.configuration import check_config
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.passing_time import passing_time  # noqa: F401 - a fixture

CONFIG = """
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files"}}
sources: {{open: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{base_url}"}}}}}}
ingestion_plans: [{{source: open, dataset_type: match, selectors: [{{competition_id: 43, season_id: 106}}]}}]
event_publishers:
  - {{name: file, type: ingestify.json_lines, configuration: {{path: "{folder}/out.jsonl"}}, events: [revision_added]}}
  - {{name: bus, type: {module}.{kind}}}
  - {{name: idle, type: ingestify.json_lines, enabled: false}}
"""


class Refusing(Publisher):
    refused: tuple[str, ...] = ("1",)

    def publish(self, messages: Any) -> None:
        refused = {one.id: "too large" for one in messages if one.id.rpartition("/")[2] in self.refused}
        if refused:
            raise MessagesRefused(refused)


class Gone(Publisher):
    def publish(self, messages: Any) -> None:
        raise PublisherSwitchedOff("410 Gone.")


@pytest.fixture(scope="module")
def provider() -> Any:
    with Simulator(Season(matches=2, seed=3, competition_id=43, season_id=106)) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, provider: Any) -> Any:
    def write(kind: str) -> Path:
        path = tmp_path / "config.yaml"
        text = CONFIG.format(base_url=provider.base_url, folder=tmp_path, module=__name__, kind=kind)
        path.write_text(text)
        with get_engine(path) as engine:
            engine.load()
        return path

    return write


def test_each_publisher_gets_the_events_and_one_that_fails_does_not_stop_the_others(config, tmp_path):
    with Publishing.from_config(config("Gone")) as publishing:
        assert publishing.names == ["file", "bus"]
        (before, *_) = publishing.status()
        assert (before.position, before.behind, before.is_enabled) == (None, 4, True)
        assert before.lag_seconds > 0
        assert before.type == "ingestify.json_lines"
        file, bus = publishing.publish()
        assert (file.published, file.passed_over, file.error) == (2, 2, None)
        assert isinstance(bus.error, PublisherSwitchedOff)
        file_state, bus_state, idle = publishing.status()
        assert (file_state.position, file_state.behind, file_state.lag_seconds) == (4, 0, 0)
        assert bus_state.switched_off == "410 Gone."
        assert not idle.is_enabled
        assert file_state.holder == ""
        assert publishing.switch_on("bus")
        assert not publishing.switch_on("bus")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["type"] for one in lines] == ["ingestify.revision_added.v1"] * 2


def test_a_publisher_that_follows_the_log_begins_again_after_an_error(config, tmp_path, passing_time, caplog):  # noqa: F811
    with Publishing.from_config(config("Gone")) as publishing:
        thread = threading.Thread(target=publishing.publish, kwargs={"poll_interval": 0.01})
        thread.start()
        _wait_for(lambda: publishing.status()[1].switched_off)
        _wait_for(lambda: publishing.status()[0].position == 4)
        publishing.replay("file", 2)  # the relay notices that its cursor was moved
        _wait_for(lambda: len((tmp_path / "out.jsonl").read_text().splitlines()) == 3)
        publishing.switch_on("bus")
        _wait_for(lambda: publishing.status()[1].switched_off)
        publishing.stop()
        thread.join(20)
        assert not thread.is_alive()
    assert "The publisher 'bus' ended: 410 Gone. It begins again." in caplog.text
    assert caplog.text.count("is switched off") < 3, "an error that stays is logged once"


def _wait_for(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_replay_sends_the_same_ids_again(config, tmp_path):
    with Publishing.from_config(config("Gone")) as publishing:
        publishing.publish("file")
        assert publishing.replay("file", "beginning") == 0
        publishing.publish("file")
    ids = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert ids[:2] == ids[2:]


def test_dead_letters_are_listed_retried_and_discarded(config, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    with Publishing.from_config(config("Refusing")) as publishing:
        (result,) = publishing.publish("bus")
        assert (result.published, result.refused) == (3, 1)
        (dead,) = publishing.iter_dead_letters()
        assert (dead.publisher, dead.position, dead.is_requested) == ("bus", 1, False)
        assert dead.event is not None
        assert dead.event.event_type == "dataset_created"
        assert "too large" in dead.error
        assert publishing.status()[1].dead_letters == 1
        with pytest.raises(ConfigurationError, match="has no dead letter of the event 2; it has 1"):
            publishing.retry_dead_letters("bus", [2])
        assert publishing.retry_dead_letters("bus") == 1
        assert next(publishing.iter_dead_letters("bus")).is_requested
        publishing.publish("bus")
        assert not next(publishing.iter_dead_letters("bus")).is_requested
        monkeypatch.setattr(Refusing, "refused", ())
        publishing.retry_dead_letters("bus", [1])
        assert publishing.publish("bus")[0].published == 1
        assert not list(publishing.iter_dead_letters())
        publishing.replay("bus", 2)
        monkeypatch.setattr(Refusing, "refused", ("3", "4"))
        publishing.publish("bus")
        assert publishing.discard_dead_letters("bus", [3]) == 1
        assert [one.position for one in publishing.iter_dead_letters()] == [4]


def test_a_dead_letter_that_was_asked_for_is_no_publisher_that_does_not_deliver(config):
    with Publishing.from_config(config("Refusing")) as publishing:
        publishing.publish("bus")
        publishing.retry_dead_letters("bus")
        state = publishing.status()[1]
        assert (state.dead_letters, state.error, state.failures) == (1, "", 0)


def test_a_publisher_that_was_killed_publishes_no_more(config):
    with Publishing.from_config(config("Gone")) as publishing:
        publishing.publish("file")
        path = Path(publishing._catalogue.job_locks._path(lock_of("publisher file")))  # type: ignore[attr-defined]
        holder = JobHolder(ProcessIdentity("host", 1, ""), now())
        lock = publishing._catalogue.job_locks.try_lock(lock_of("publisher file"), holder)
        assert lock is not None
        assert "process 1 on host" in publishing.status()[0].holder
        left = path.read_bytes()
        lock.release()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(left)
        assert publishing.status()[0].holder == ""


class Leaving(Publisher):
    def publish(self, messages: Any) -> None:
        raise KeyboardInterrupt

    def close(self) -> None:
        raise ValueError("it cannot be closed")


def test_a_publisher_that_leaves_its_thread_is_told_and_the_others_go_on(config, caplog):
    with Publishing.from_config(config("Leaving")) as publishing:
        file, bus = publishing.publish()
    assert (file.published, file.error) == (2, None)
    assert isinstance(bus.error, KeyboardInterrupt)
    assert "The publisher 'bus' could not be closed: ValueError: it cannot be closed." in caplog.text


class Stopping(Publisher):
    """Somebody stops the publishing while the publishers are made, which can take seconds."""

    stop: Any = None

    def __init__(self) -> None:
        if Stopping.stop is not None:
            Stopping.stop()

    def publish(self, messages: Any) -> None:
        pass


def test_a_stop_before_the_first_message_is_kept(config, monkeypatch):
    with Publishing.from_config(config("Stopping")) as publishing:
        monkeypatch.setattr(Stopping, "stop", publishing.stop)
        assert [one.published for one in publishing.publish(poll_interval=0.01)] == [0, 0]
        monkeypatch.setattr(Stopping, "stop", None)
        assert [one.published for one in publishing.publish()] == [2, 4]
        publishing.replay("bus", "beginning")
        publishing.stop()
        assert [one.published for one in publishing.publish("bus", poll_interval=0.01)] == [0]


def test_a_publisher_that_is_not_there_is_refused(config):
    with Publishing.from_config(config("Gone")) as publishing:
        for call in (publishing.publish, publishing.switch_on, publishing.retry_dead_letters):
            with pytest.raises(ConfigurationError, match=r"There is no publisher 'fil'.*'file'"):
                call("fil")
        with pytest.raises(ConfigurationError, match="'idle' gets no events: it is not enabled"):
            publishing.publish("file", "idle")
        with pytest.raises(ConfigurationError, match="poll_interval"):
            publishing.publish(poll_interval=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{name: a, type: ingestify.kafkaa}", "no publisher type 'ingestify.kafkaa'"),
        ("{name: a, type: ingestify.json_lines, configuration: {pat: x}}", "pat"),
        ("{name: a, type: ingestify.json_lines, events: [revision_aded]}", "revision_added"),
        ("{name: a b, type: ingestify.json_lines}", "name"),
        ("{name: file, type: ingestify.json_lines}", "second publisher 'file'"),
        ("{name: a, type: ingestify.json_lines, where: match_id >}", "'a': where, column 11"),
        ("{name: a, type: ingestify.json_lines, configuration: {path: 5}}", "event_publishers 'a': path is 5"),
        ("{name: a, type: ingestify.json_lines, events: []}", "events: is empty, so it gets none"),
        *(
            (
                f"{{name: a, type: ingestify.json_lines, start_at: {place}}}",
                "start_at: should be beginning, now, the pos",
            )
            for place in ("yesterday", -1, "true")
        ),
        ("{name: a, type: pathlib.Path}", "must be a subclass of ingestify.Publisher"),
    ],
)
def test_wrong_settings_are_refused_by_config_check(config, wrong, message):
    path = config("Gone")
    path.write_text(path.read_text() + f"  - {wrong}\n")
    with pytest.raises(ConfigurationError, match=message):
        check_config(path)
