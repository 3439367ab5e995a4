from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import threading
import time

import pytest

from ingestify import DatasetResource, EventLogConsumer, Source, clock, get_dev_engine
from ingestify.catalogue.events import event_log
from ingestify.errors import ConfigurationError, StoreError
from ingestify.events import consumer


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


def take(log, reader, number=100, batch_size=4):
    with EventLogConsumer(log, reader).unread(batch_size) as events:
        return [event.position for event in itertools.islice(events, number)]


def test_unread_events_are_those_that_no_block_took(log):
    first = take(log, "a", number=5)
    assert len(first) == 5
    second = take(log, "a")
    assert sorted(first + second) == take(log, "b")
    assert take(log, "a") == []


def test_the_unread_events_of_a_block_that_raised_come_again(log):
    def fail():
        with EventLogConsumer(log, "a").unread() as events:
            assert len(list(events)) == 6
            raise RuntimeError("the dashboard is down")

    with pytest.raises(RuntimeError):
        fail()
    assert len(take(log, "a")) == 6


def test_unread_events_that_are_logged_during_the_block_are_those_of_the_next_one(log):
    with EventLogConsumer(log, "a").unread(batch_size=4) as events:
        log.changes.delete([next(events).dataset.dataset_id])
        assert len(list(events)) == 5
    assert len(take(log, "a")) == 1


def test_a_failure_that_unread_events_made_up_for_is_forgotten(log):
    def fail(event):
        raise RuntimeError("the dashboard is down")

    assert EventLogConsumer(log, "a").run(fail) == 1
    assert log.event_readers.find_failed("a")
    assert len(take(log, "a")) == 6
    assert log.event_readers.find_failed("a") == []


def test_unread_events_are_taken_by_one_process_at_a_time(log):
    with EventLogConsumer(log, "a").unread(), pytest.raises(StoreError, match="Another process reads for 'a'"):
        take(log, "a")
    with pytest.raises(ConfigurationError, match="batch_size: 0"):
        take(log, "a", batch_size=0)


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
        event.dataset.name: event.dataset.dataset_id
        for event in log.event_log.read(0, 100)
        if "2" in event.dataset.name
    }.values()
    log.changes.delete([position])
    assert any(event.dataset.name == "match 2" for event in log.event_log.read(0, 100))


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


# ---- one at a time, and only forward -----------------------------------------------------------------------


def test_a_second_reader_of_a_name_is_refused_while_the_first_one_reads(log):
    got = []

    def read_beside(event):
        got.append(event.position)
        with pytest.raises(StoreError, match="Another process reads for 'a'"):
            EventLogConsumer(log, "a").run(got.append)
        assert EventLogConsumer(log, f"b{event.position}").run(lambda _: None) == 0

    assert EventLogConsumer(log, "a").run(read_beside) == 0
    assert len(got) == 6
    assert EventLogConsumer(log, "a").run(got.append) == 0


def test_a_polling_reader_waits_for_the_one_that_reads(log):
    got, second = [], EventLogConsumer(log, "a")
    waiting = threading.Thread(target=second.run, args=(got.append,), kwargs={"poll_interval": 0.01})

    def start_beside(event):
        if event.position == 1:
            waiting.start()
            time.sleep(0.1)
        assert got == []

    assert EventLogConsumer(log, "a").run(start_beside) == 0
    second.stop()
    waiting.join(10)
    assert got == []


def test_a_reader_that_was_moved_meanwhile_ends_and_overwrites_nothing(log):
    with pytest.raises(StoreError, match="somebody has moved it"):
        EventLogConsumer(log, "a").run(lambda event: event.position == 4 and log.event_readers.set_position("a", 2))
    assert log.event_readers.find_position("a") == 2
    got = []
    assert EventLogConsumer(log, "a").run(got.append) == 0
    assert [event.position for event in got] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    "move", [lambda log: log.event_readers.set_position("a", 2), lambda log: log.event_readers.forget("a")]
)
def test_a_polling_reader_that_was_moved_while_nothing_came_ends(log, move):
    seen = []

    def find_position(name, find=log.event_readers.find_position):
        seen.append(name)
        if len(seen) == 3:
            move(log)
        assert len(seen) < 10, "it goes on as if nobody had moved it"
        return find(name)

    log.event_readers.find_position = find_position
    with pytest.raises(StoreError, match="somebody has moved it"):
        EventLogConsumer(log, "a").run(lambda _: None, poll_interval=0.01)


def test_a_batch_is_written_down_once_and_also_when_the_run_ends_within_it(log, monkeypatch):
    written = []
    advance = log.event_readers.advance
    monkeypatch.setattr(log.event_readers, "advance", lambda *args: written.append(args[1:]) or advance(*args))
    assert EventLogConsumer(log, "a").run(lambda _: None, batch_size=3) == 0
    assert written == [(None, 0), (0, 3), (3, 6)]

    def leave(event):
        if event.position == 5:
            raise SystemExit

    with pytest.raises(SystemExit):
        EventLogConsumer(log, "b").run(leave)
    assert log.event_readers.find_position("b") == 4


def test_what_a_slow_callback_had_is_written_down_within_its_batch(log, monkeypatch):
    monkeypatch.setattr(consumer, "_SAVED_AFTER_SECONDS", 0.0)
    seen = []
    assert EventLogConsumer(log, "a").run(lambda _: seen.append(log.event_readers.find_position("a"))) == 0
    assert seen == [0, 1, 2, 3, 4, 5]


def test_stop_ends_a_run_within_a_batch(log):
    reader = EventLogConsumer(log, "a")
    got = []
    assert reader.run(lambda event: got.append(event.position) or reader.stop(), poll_interval=0.01) == 0
    assert got == [1]
    assert log.event_readers.find_position("a") == 1


# ---- where a new one begins --------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("start_at", "first"), [("beginning", 1), (4, 5), ("now", None), ("end", None), ("moment", 3), ("after it", None)]
)
def test_a_new_reader_begins_where_it_is_told(log, start_at, first):
    if start_at == "moment":
        start_at = log.event_log.read(2, 1)[0].occurred_at
        first = next(one.position for one in log.event_log.read(0, 10) if one.occurred_at >= start_at)
    elif start_at == "after it":
        start_at = clock.now()
    got = []
    assert EventLogConsumer(log, "a", start_at=start_at).run(got.append) == 0
    assert (got[0].position if got else None) == first
    assert log.event_readers.find_position("a") == 6
    assert EventLogConsumer(log, "a", start_at="beginning").run(got.append) == 0
    assert len(got) == (0 if first is None else 7 - first), "it is known by now"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("start_at", ["yesterday", -1, True, None, 1.5])
def test_a_beginning_that_is_none_is_refused(log, start_at):
    with pytest.raises(ConfigurationError, match="start_at is"):
        EventLogConsumer(log, "a", start_at=start_at).run(lambda _: None)
    assert log.event_readers.find_position("a") is None


def test_a_moment_that_has_not_come_is_refused_as_events_before_it_would_be_delivered(log):
    with pytest.raises(ConfigurationError, match="2999-01-01 00:00:00 UTC has not come yet"):
        EventLogConsumer(log, "a", start_at=dt.datetime(2999, 1, 1)).run(lambda _: None)
    assert log.event_readers.find_position("a") is None


def test_large_events_are_read_a_few_at_a_time(log, monkeypatch):
    every = [event.position for event in log.event_log.read(0, 100)]
    monkeypatch.setattr(event_log, "_MOST_AT_ONCE", 1)
    got = []
    after = 0
    while events := log.event_log.read(after, 100):
        assert len(events) < 3
        got += [event.position for event in events]
        after = got[-1]
    assert got == every


# ---- events that a reader fails on -------------------------------------------------------------------------


def poison(position, got):
    def on_event(event):
        if event.position == position:
            raise ValueError("a match without a ball")
        got.append(event.position)

    return on_event


def test_an_event_is_parked_after_so_many_failures_and_may_be_tried_again(log, caplog):
    got = []
    reader = EventLogConsumer(log, "a", park_after=3)
    for failures in (1, 2):
        assert reader.run(poison(3, got)) == 1
        assert got == [1, 2]
        (failed,) = log.event_readers.find_failed("a")
        assert (failed.position, failed.failures, failed.is_parked) == (3, failures, False)
    assert reader.run(poison(3, got)) == 0
    assert got == [1, 2, 4, 5, 6]
    assert "the event 3 is parked after 3 failures" in caplog.text
    (parked,) = log.event_readers.find_failed("a")
    assert (parked.failures, parked.is_parked, parked.error) == (3, True, "ValueError: a match without a ball")

    assert reader.retry_parked(poison(3, got)) == 1
    assert log.event_readers.find_failed("a")[0].failures == 4
    assert reader.retry_parked(lambda event: got.append(event.position)) == 0
    assert got[-1] == 3
    assert log.event_readers.find_failed("a") == []
    assert log.event_readers.find_position("a") == 6


def test_without_being_told_no_event_is_ever_parked(log):
    got = []
    for _ in range(5):
        assert EventLogConsumer(log, "a").run(poison(3, got)) == 1
    assert got == [1, 2]
    (failed,) = log.event_readers.find_failed("a")
    assert (failed.failures, failed.is_parked) == (5, False)
    assert EventLogConsumer(log, "a").run(lambda event: got.append(event.position)) == 0
    assert log.event_readers.find_failed("a") == []


def test_of_a_list_that_fails_the_one_is_found_that_does(log):
    got = []

    def on_events(events):
        if any(event.position == 4 for event in events):
            raise ValueError("no")
        got.extend(event.position for event in events)

    assert EventLogConsumer(log, "a", park_after=1).run_batched(on_events) == 0
    assert got == [1, 2, 3, 5, 6]
    assert [one.position for one in log.event_readers.find_failed("a")] == [4]


@pytest.mark.parametrize("times", [0, -1])
def test_parking_needs_a_number_of_failures(log, times):
    with pytest.raises(ConfigurationError, match="park_after"):
        EventLogConsumer(log, "a", park_after=times)


# ---- opened from a configuration ---------------------------------------------------------------------------


class Shots(Small):
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        return [resource.add_file(None, "events", json_content=[{"minute": 3}, {"minute": 87}])]


@pytest.fixture
def config(tmp_path):
    with get_dev_engine(Shots("small"), "match", dev_dir=tmp_path) as engine:
        engine.load()
    path = tmp_path / "config.yaml"
    path.write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    return path


def test_a_dataset_of_an_event_knows_its_lake(config):
    read = []
    with EventLogConsumer.from_config(config, "a", start_at="beginning") as reader:

        def on_event(event):
            if event.event_type == "revision_added":
                read.append(event.dataset.to_polars("events")["minute"].to_list())
                with reader.load_files(event.dataset) as files:
                    read.append(json.loads(files.get_file("events").read()))

        assert reader.run(on_event) == 0
    assert read == [[3, 87], [{"minute": 3}, {"minute": 87}]]
    with pytest.raises(StoreError, match="is closed"):
        EventLogConsumer.run(reader, on_event)
    reader.close()


def test_a_reader_that_reads_no_files_needs_no_storage(config):
    config.write_text("main: {metadata_url: sqlite:///catalog.db, file_url: nobodys://files/}\n")
    got = []
    with EventLogConsumer.from_config(config, "a") as reader:
        assert reader.run(got.append) == 0
        assert len(got) == 2
        with pytest.raises(ConfigurationError, match="nobodys"):
            got[-1].dataset.to_polars("events")


def test_a_reader_of_a_log_alone_says_where_files_are_read(log):
    reader = EventLogConsumer(log, "a")
    with pytest.raises(ConfigurationError, match="from_config"):
        reader.load_files(log.event_log.read(0, 1)[0].dataset)
