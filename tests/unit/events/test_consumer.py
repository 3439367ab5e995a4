from __future__ import annotations

import logging
import threading

import pytest

from ingestify import DatasetResource, EventLogConsumer, Source, get_dev_engine
from ingestify.errors import ConfigurationError


class Small(Source):
    provider = "small"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        return [
            DatasetResource({"match_id": number}, "match", name=f"match {number}").add_file(
                None, "events", json_content=number
            )
            for number in range(3)
        ]


@pytest.fixture
def log():
    with get_dev_engine(Small("small"), "match") as engine:
        engine.load()
        yield engine.store.catalogue


def test_each_reader_gets_everything_once(log):
    for reader in ("a", "b"):
        got = []
        assert EventLogConsumer(log, reader).run(got.append) == 0
        assert [event.event_type for event in got] == ["dataset_created", "revision_added"] * 3
        assert [event.position for event in got] == sorted(event.position for event in got)
        assert EventLogConsumer(log, reader).run(got.append) == 0
        assert len(got) == 6


def test_an_event_whose_callback_raised_comes_again(log, caplog):
    got = []

    def fail_once(event):
        got.append(event.position)
        if len(got) == 3:
            raise RuntimeError("the dashboard is down")

    assert EventLogConsumer(log, "a").run(fail_once) == 1
    assert "comes again" in caplog.text
    assert EventLogConsumer(log, "a").run(fail_once) == 0
    assert got[2] == got[3]
    assert len(set(got)) == 6


def test_batches(log):
    got = []
    assert EventLogConsumer(log, "a").run_batched(got.append, batch_size=4) == 0
    assert [len(batch) for batch in got] == [4, 2]


def test_a_polling_reader_can_be_stopped(log):
    consumer = EventLogConsumer(log, "a")
    seen = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(lambda event: seen.set(),), kwargs={"poll_interval": 0.01})
    thread.start()
    assert seen.wait(10)
    consumer.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_events_show_the_dataset_also_after_it_is_gone(log):
    (position,) = {
        event.dataset.name: event.dataset.dataset_id for event in log.read_events(0, 100) if "2" in event.dataset.name
    }.values()
    log.delete([position])
    assert any(event.dataset.name == "match 2" for event in log.read_events(0, 100))


def test_a_reader_needs_a_name(log):
    with pytest.raises(ConfigurationError, match="reader_name"):
        EventLogConsumer(log, "")


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_a_pause_between_looks_is_longer_than_nothing(log, interval):
    got = []
    with pytest.raises(ConfigurationError, match="poll_interval"):
        EventLogConsumer(log, "a").run(got.append, poll_interval=interval)
    with pytest.raises(ConfigurationError, match="poll_interval"):
        EventLogConsumer(log, "a").run_batched(got.append, poll_interval=interval)
    assert got == []


@pytest.mark.parametrize("callback", [None, "on_event"])
def test_what_cannot_be_called_is_refused_at_once(callback):
    empty = None  # not even looked at
    with pytest.raises(ConfigurationError, match="on_event is"):
        EventLogConsumer(empty, "a").run(callback)
    with pytest.raises(ConfigurationError, match="on_events is"):
        EventLogConsumer(empty, "a").run_batched(callback)


def test_a_failure_is_one_line_without_secrets_and_its_traceback_is_for_debugging(log, caplog):
    def fail(event):
        raise RuntimeError("the dashboard\nis down: https://me:canary@host/x?token=canary")

    caplog.set_level(logging.DEBUG, "ingestify.events.consumer")
    assert EventLogConsumer(log, "a").run(fail) == 1
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "RuntimeError: the dashboard is down: https://***@host/x?token=***" in said.getMessage()
    assert said.exc_info is None
    (traceback,) = [record for record in caplog.records if record.exc_info]
    assert traceback.levelno == logging.DEBUG


def test_an_interrupted_callback_gets_its_event_again(log):
    got = []

    def interrupt_once(event):
        got.append(event.position)
        if len(got) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        EventLogConsumer(log, "a").run(interrupt_once, poll_interval=5)
    assert EventLogConsumer(log, "a").run(interrupt_once) == 0
    assert got[1] == got[2]
    assert len(set(got)) == 6
