from __future__ import annotations

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
