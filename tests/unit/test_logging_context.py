"""What a log line is about, for users of Python's logging and of structlog."""

from __future__ import annotations

import io
import logging
import threading

import pytest

import ingestify
from ingestify.logging_context import FIELDS, bound
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.lake_in_memory import FunctionSource, Lake, match


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(ingestify.LogContextFilter())
    handler.setFormatter(logging.Formatter("|".join(f"%({name})s" for name in (*FIELDS, "message"))))
    loggers = [logging.getLogger(name) for name in ("ingestify", "their")]
    before = [(logger.level, logger) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)

    def read(text: str) -> list[dict[str, str]]:
        found = [
            dict(zip((*FIELDS, "message"), line.split("|"), strict=False)) for line in stream.getvalue().split("\n")
        ]
        return [one for one in found if text in one.get("message", "")]

    yield read
    for level, logger in before:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_outside_of_a_run_nothing_is_known(lines):
    logging.getLogger("their").info("alone")
    (line,) = lines("alone")
    assert set(line.values()) == {"", "alone"}
    assert ingestify.log_context() == {}


def test_what_is_bound_is_known_until_the_end_of_the_block():
    with bound(run="r", source="s"):
        with bound(dataset=7, source="t"):
            assert ingestify.log_context() == {"run": "r", "source": "t", "dataset": "7"}
        assert ingestify.log_context() == {"run": "r", "source": "s"}
    assert ingestify.log_context() == {}


def test_a_long_text_of_a_provider_is_cut(lines):
    with bound(selector="x" * 1_000_000):
        logging.getLogger("their").info("inside")
        assert len(ingestify.log_context()["selector"]) == 1000
    (line,) = lines("inside")
    assert len(line["selector"]) == 1000


def test_a_record_keeps_the_fields_that_it_came_with(lines):
    with bound(source="s"):
        logging.getLogger("their").info("own", extra={"dataset": "mine", "source": "yours"})
    (line,) = lines("own")
    assert (line["dataset"], line["source"]) == ("mine", "yours")


def test_lines_of_loaders_and_of_the_run_know_their_dataset(lines):
    said = []

    def load(*_, number: int, **__):
        logging.getLogger("their").info("loading %d", number)
        said.append(ingestify.log_context())
        raise OSError("gone")

    def find(**selector):
        logging.getLogger("their").info("finding")
        for number in range(2):
            resource = match(number)
            yield resource.add_file(None, "lineups", file_loader=load, loader_kwargs={"number": number})

    lake = Lake(FunctionSource(find))
    report = lake.engine.load()
    (finding,) = lines("finding")
    (job,) = report.jobs
    about = {"run": report.run_id, "job": job.job_id, "source": "fake", "selector": "competition_id=1"}
    assert about.items() <= finding.items()
    assert finding["dataset"] == ""
    for number in range(2):
        (loading,), (failed,) = lines(f"loading {number}"), lines(f"match {number} failed")
        assert about.items() <= loading.items()
        assert loading["dataset"] == failed["dataset"] != ""
        assert str(number) in loading["dataset"]
        assert about.items() <= failed.items()
    assert {one["dataset_type"] for one in said} == {"match"}
    assert ingestify.log_context() == {}


def test_subscribers_and_other_threads_of_a_run_know_the_run():
    told = {}

    class Told(ingestify.Subscriber):
        def on_run_started(self, run):
            told["started"] = ingestify.log_context()

        def on_revision_added(self, event):
            told["event"] = ingestify.log_context()

        def on_run_finished(self, run):
            told["finished"] = ingestify.log_context()

    lake = Lake(FunctionSource(lambda **_: [match(1)]))
    lake.engine.store.publisher.add_subscriber(Told(lake.engine.store))
    report = lake.engine.load()
    assert {name: one["run"] for name, one in told.items()} == dict.fromkeys(
        ("started", "event", "finished"), report.run_id
    )
    assert told["finished"] == {"run": report.run_id}


def test_lines_about_requests_know_the_host(lines, tmp_path):
    with Simulator(Season(matches=1, seed=3, competition_id=43, season_id=106)) as simulator:
        (tmp_path / "config.yaml").write_text(
            'main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files"}\n'
            "sources: {open: {type: ingestify.statsbomb_github, "
            f'configuration: {{base_url: "{simulator.base_url}"}}}}}}\n'
            "ingestion_plans: [{source: open, dataset_type: match}]\n"
        )
        with ingestify.get_engine(tmp_path / "config.yaml") as engine:
            assert engine.load().totals.new == 1
    requests = lines("GET http")
    assert {line["host"] for line in requests} == {simulator.base_url.split("/")[2]}
    assert any("match_id" in line["dataset"] for line in requests)
    assert all(line["run"] and line["source"] == "open" for line in requests)


def test_a_thread_of_ones_own_knows_nothing_unless_it_is_told():
    said = []
    with bound(run="r"):
        thread = threading.Thread(target=lambda: said.append(ingestify.log_context()))
        thread.start()
        thread.join()
    assert said == [{}]
