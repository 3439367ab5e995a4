"""The relay: every event of the log reaches a publisher, in order, whatever the other system does."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import json
import random
import threading
import time
from unittest import mock

import pytest
from hypothesis import strategies as st

from ingestify import DatasetResource, Source, clock, get_dev_engine
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.publisher import Publisher
from ingestify.domain.retention import Retention
from ingestify.errors import (
    ConfigurationError,
    MessagesRefused,
    PublisherSwitchedOff,
    PublishUnavailable,
    StoreError,
)
from ingestify.events.relay import PublishRules, Relay, reader_name_of
from ingestify.failpoints import installed
from tests.support.passing_time import PassingTime, passing_time  # noqa: F401 - a fixture
from tests.support.sizes import check_examples, sizes

READER = reader_name_of("bus")


class Small(Source):
    provider = "small"

    def __init__(self, name, count=3, changes=1):
        super().__init__(name)
        self.count = count
        self.content = 0

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        return [
            DatasetResource({"match_id": number}, "match", name=f"match {number}", metadata={"score": number}).add_file(
                None, "events", json_content=[number, self.content]
            )
            for number in range(self.count)
        ]


class Lake:
    def __init__(self, engine, source):
        self.engine = engine
        self.source = source
        self.catalogue = engine.store.catalogue

    def change(self):
        self.source.content += 1
        self.engine.load()

    @property
    def events(self):
        return self.catalogue.event_log.read(0, 10_000)

    def failed(self):
        return self.catalogue.event_readers.find_failed(READER)


@pytest.fixture
def lake():
    source = Small("small")
    with get_dev_engine(source, "match") as engine:
        engine.load()
        yield Lake(engine, source)


class Bus(Publisher):
    """A system in memory.

    `script` says what each call does: None takes all, an error is raised, and a number takes so many and then breaks.
    """

    keeps_order = True

    def __init__(self, *script, refuses=lambda message: None, keeps_order=True):
        self.script = list(script)
        self.refuses = refuses
        self.keeps_order = keeps_order
        self.taken = []
        self.calls = []

    def publish(self, messages):
        self.calls.append([message.id for message in messages])
        action = self.script.pop(0) if self.script else None
        if isinstance(action, BaseException):
            raise action
        some = messages if action is None else messages[:action]
        refused = {one.id: why for one in some if (why := self.refuses(one))}
        self.taken += [one for one in some if one.id not in refused]
        if action is not None:
            raise PublishUnavailable("the connection broke")
        if refused:
            raise MessagesRefused(refused)

    @property
    def positions(self):
        return [int(one.id.rpartition("/")[2]) for one in self.taken]

    @property
    def without_repeats(self):
        return list(dict.fromkeys(self.positions))


def relay(lake, bus, **rules):
    return Relay(lake.catalogue, "bus", bus, PublishRules(**rules))


def test_all_events_arrive_in_the_log_s_order_and_once(lake):
    bus = Bus()
    result = relay(lake, bus).run()
    assert bus.positions == [event.position for event in lake.events]
    assert (result.published, result.refused, result.error) == (6, 0, None)
    assert relay(lake, bus).run().published == 0
    lake.change()
    assert relay(lake, bus).run().published == 3


def test_a_page_is_read_while_the_one_before_is_delivered(lake, monkeypatch):
    monkeypatch.setattr("ingestify.events.relay._PAGE", 2)
    asked = []
    began = threading.Event()
    read = lake.catalogue.event_log.read

    def note(position, *rest, **options):
        asked.append(position)
        if position == 2:
            began.set()
        return read(position, *rest, **options)

    class Waiting(Bus):
        def publish(self, messages):
            assert began.wait(10), "the next page is not read before this one is delivered"
            super().publish(messages)

    monkeypatch.setattr(lake.catalogue.event_log, "read", note)
    bus = Waiting()
    assert relay(lake, bus).run().published == 6
    assert bus.positions == [1, 2, 3, 4, 5, 6]
    # The page behind the last one is read once more, as it may have been empty too early.
    assert asked == [0, 2, 4, 6, 6]


def test_what_is_logged_after_an_empty_page_was_read_ahead_is_not_missed(lake, monkeypatch):
    monkeypatch.setattr("ingestify.events.relay._PAGE", 6)
    is_ahead = threading.Event()
    read = lake.catalogue.event_log.read

    def note(position, *rest, **options):
        events = read(position, *rest, **options)
        if position == 6:
            is_ahead.set()
        return events

    class Slow(Bus):
        def publish(self, messages):
            if not self.calls:
                assert is_ahead.wait(10)
                lake.change()
            super().publish(messages)

    monkeypatch.setattr(lake.catalogue.event_log, "read", note)
    bus = Slow()
    relay(lake, bus).run()
    assert bus.positions == list(range(1, 10))


def test_the_two_messages_of_a_new_dataset_have_the_same_dataset_and_their_own_attributes(lake):
    bus = Bus()
    relay(lake, bus).run()
    first, second = (json.loads(message.data) for message in bus.taken[:2])
    assert first["dataset"] == second["dataset"]
    assert [one["event_type"] for one in (first, second)] == ["dataset_created", "revision_added"]
    assert [one.fields["event_type"] for one in bus.taken[:2]] == ["dataset_created", "revision_added"]
    assert [one.extensions["sequence"] for one in bus.taken[:2]] == [f"{1:020d}", f"{2:020d}"]


def test_a_message_has_what_a_consumer_needs_and_no_content(lake):
    bus = Bus()
    relay(lake, bus).run()
    message = bus.taken[1]
    data = json.loads(message.data)
    event = lake.events[1]
    assert message.id == f"{event.lake_id}/{event.epoch}/{event.position}"
    assert message.type == "ingestify.revision_added.v1"
    assert message.key == message.attributes["subject"] == event.dataset.dataset_id
    assert message.extensions["sequence"] == f"{event.position:020d}"
    (file,) = event.dataset.files.values()
    assert [(one["storage_path"], one["sha256"]) for one in data["dataset"]["files"]] == [(file.storage_path, file.tag)]
    assert data["dataset"]["metadata"] == event.dataset.metadata
    assert data["dataset"]["revision"]["changed_file_ids"] == ["events__v1"]
    assert message.fields["match_id"] == str(event.dataset.identifier["match_id"])


def test_metadata_and_files_can_be_left_out(lake):
    bus = Bus()
    relay(lake, bus, include_metadata=False, include_files=False).run()
    assert {"metadata", "files"}.isdisjoint(json.loads(bus.taken[1].data)["dataset"])


def test_only_the_events_that_are_wanted(lake):
    bus = Bus()
    rules = {"events": frozenset({"revision_added"}), "where": DatasetCondition.parse("match_id == 1")}
    result = relay(lake, bus, **rules).run()
    assert [one.fields["match_id"] for one in bus.taken] == ["1"]
    assert (result.published, result.passed_over, result.position) == (1, 5, lake.events[-1].position)


def test_a_condition_that_can_decide_about_no_dataset_is_an_error_and_passes_over_nothing(lake):
    bus = Bus()
    result = relay(lake, bus, where=DatasetCondition.parse("match_id > 'abc'")).run()
    assert isinstance(result.error, ConfigurationError)
    assert (result.position, lake.catalogue.event_readers.find_position(READER)) == (0, 0)
    assert relay(lake, bus, where=DatasetCondition.parse("match_id > 0")).run().published == 4


def test_a_key_that_no_dataset_has_is_told(lake, caplog):
    assert relay(lake, Bus(), where=DatasetCondition.parse("mach_id == 1")).run().passed_over == 6
    assert "no dataset has the identifier key 'mach_id'; did you mean 'match_id'?" in caplog.text


def test_a_publisher_without_order_gets_each_dataset_once_in_a_call(lake):
    lake.change()
    bus = Bus(keeps_order=False)
    relay(lake, bus).run()
    key_of = {f"{one.lake_id}/{one.epoch}/{one.position}": one.dataset.dataset_id for one in lake.events}
    assert all(len({key_of[one] for one in call}) == len(call) for call in bus.calls)
    for key in set(key_of.values()):
        got = [one for one in bus.positions if key_of[bus.taken[bus.positions.index(one)].id] == key]
        assert got == sorted(got)


def test_the_calls_of_a_publisher_are_bounded_by_number_and_bytes(lake, monkeypatch):
    bus = Bus()
    bus.batch_size = 4
    relay(lake, bus).run()
    assert [len(call) for call in bus.calls] == [4, 2]
    size_of = {message.id: len(message.data) for message in bus.taken}

    most = max(size_of.values()) * 2
    monkeypatch.setattr("ingestify.events.relay._MOST_BYTES", most)
    again = Bus()
    Relay(lake.catalogue, "other", again, PublishRules()).run()
    assert all(sum(size_of[one] for one in call) <= most for call in again.calls)
    assert [one for call in again.calls for one in call] == list(size_of)
    assert len(again.calls) == 3

    monkeypatch.setattr("ingestify.events.relay._MOST_BYTES", 10)
    alone = Bus()
    Relay(lake.catalogue, "third", alone, PublishRules()).run()
    assert [len(call) for call in alone.calls] == [1] * 6


def test_a_new_publisher_can_begin_now(lake):
    bus = Bus()
    relay(lake, bus, start_at="now").run()
    lake.change()
    assert relay(lake, bus, start_at="now").run().published == 3


def test_a_system_that_is_down_for_a_while_delays_and_loses_nothing(lake, passing_time, caplog):  # noqa: F811
    bus = Bus(*[PublishUnavailable("it restarts.")] * 12, 2)
    result = relay(lake, bus).run(patience=3600)
    assert result.error is None
    assert bus.without_repeats == [event.position for event in lake.events]
    assert not lake.failed()
    assert caplog.text.count("does not deliver: PublishUnavailable: it restarts. It is tried again.") == 1


def test_the_relay_gives_up_after_its_patience_and_says_why(lake, passing_time):  # noqa: F811
    bus = Bus(*[PublishUnavailable("no route to https://user:secret@host/")] * 100)
    result = relay(lake, bus).run(patience=60)
    assert isinstance(result.error, PublishUnavailable)
    assert 3 < len(bus.calls) < 20
    (failed,) = lake.failed()
    assert not failed.is_parked
    assert "no route" in failed.error
    assert "secret" not in failed.error
    bus.script.clear()
    assert relay(lake, bus).run().published == 6
    assert not lake.failed()


def test_the_pause_that_the_other_system_asks_for_is_kept(lake, passing_time):  # noqa: F811
    began = passing_time.monotonic()
    relay(lake, Bus(PublishUnavailable("too many", retry_after=120))).run(patience=3600)
    assert passing_time.monotonic() - began >= 120


def test_messages_that_were_acknowledged_are_not_sent_again(lake, passing_time):  # noqa: F811
    first = f"{lake.events[0].lake_id}/{lake.events[0].epoch}/{lake.events[0].position}"
    bus = Bus(PublishUnavailable("throttled", acknowledged=[first]))
    relay(lake, bus).run()
    assert first in bus.calls[0]
    assert first not in bus.calls[1]


def test_wrong_settings_end_the_relay_at_once_and_are_tried_again_by_one_that_waits(lake, passing_time):  # noqa: F811
    wrong = ConfigurationError("no such topic")
    bus = Bus(wrong)
    assert relay(lake, bus).run().error is wrong
    assert "no such topic" in lake.failed()[0].error
    bus = Bus(wrong, wrong)
    assert relay(lake, bus).run(patience=None).published == 6


def test_a_message_that_is_refused_becomes_a_dead_letter_and_the_others_go_on(lake, caplog):
    lake.change()
    second = lake.events[1].position
    bus = Bus(refuses=lambda one: "too large" if one.id.endswith(f"/{second}") else None)
    result = relay(lake, bus).run()
    assert (result.published, result.refused) == (8, 1)
    assert [(one.position, one.is_parked) for one in lake.failed()] == [(second, True)]
    assert "dead letter" in caplog.text
    assert [event.position for event in lake.events if event.position != second] == bus.positions


def test_later_messages_of_its_dataset_can_wait_with_it_and_a_retry_sends_them_in_order(lake):
    lake.change()
    dataset_id = lake.events[1].dataset.dataset_id
    own = [event.position for event in lake.events if event.dataset.dataset_id == dataset_id]
    broken = [True]
    bus = Bus(refuses=lambda one: "too large" if broken[0] and one.id.endswith(f"/{own[1]}") else None)
    relay(lake, bus, holds=True).run()
    assert own[0] in bus.positions
    assert [one.position for one in lake.failed()] == own[1:]
    lake.change()
    own.append(max(e.position for e in lake.events if e.dataset.dataset_id == dataset_id))
    relay(lake, bus, holds=True).run()
    assert [one.position for one in lake.failed()] == own[1:]
    retry(lake, own[2])  # a later one alone waits still
    relay(lake, bus, holds=True).run()
    assert [one.position for one in lake.failed()] == own[1:]
    broken[0] = False
    retry(lake, *own[1:])
    relay(lake, bus, holds=True).run()
    assert not lake.failed()
    assert [one for one in bus.positions if one in own] == own


def test_retention_removes_no_event_that_a_publisher_or_a_dead_letter_needs(lake):
    oldest = Retention(events=dt.timedelta(0))  # all that is older than the newest event
    bus = Bus(refuses=lambda message: "no" if message.id.endswith(f"/{dead}") else None)
    dead = lake.events[1].position
    relay(lake, bus).run()
    had = lake.events[-1].position
    lake.change()
    waiting = [event.position for event in lake.events if event.position > had]
    assert len(waiting) == 3
    lake.catalogue.retention.enforce(oldest, dry_run=False)
    assert {dead, *waiting} <= {event.position for event in lake.events} < set(range(1, had + 4))

    (failed,) = lake.failed()
    lake.catalogue.event_readers.save_failure(
        READER, dataclasses.replace(failed, is_parked=False)
    )  # a retry is asked for
    lake.catalogue.retention.enforce(oldest, dry_run=False)
    after = Bus()
    relay(lake, after).run()
    assert after.positions == [dead, *waiting]
    lake.catalogue.retention.enforce(oldest, dry_run=False)
    assert dead not in {event.position for event in lake.events}


def test_a_dead_letter_that_a_replay_delivers_is_one_no_more(lake):
    second = f"/{lake.events[1].position}"
    relay(lake, Bus(refuses=lambda one: "too large" if one.id.endswith(second) else None)).run()
    lake.catalogue.event_readers.set_position(READER, 0)
    assert relay(lake, Bus()).run().published == 6
    assert not lake.failed()


def retry(lake, *positions):
    for one in lake.failed():
        if one.position in positions:
            lake.catalogue.event_readers.save_failure(
                READER, type(one)(one.position, 1, False, one.error, one.failed_at)
            )


def test_a_system_that_refuses_all_does_not_fill_the_log(lake, caplog, monkeypatch):
    monkeypatch.setattr("ingestify.events.relay._MOST_TOLD", 2)
    assert relay(lake, Bus(refuses=lambda one: "too large")).run().refused == 6
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 3
    assert "4 more messages, up to event 6, are dead letters. publishing.iter_dead_letters() lists them." in errors[-1]


def test_the_dead_letter_that_others_wait_for_can_be_retried_alone(lake):
    lake.change()
    own = positions_of(lake, lake.events[1].dataset.dataset_id)
    relay(lake, Bus(refuses=lambda one: "too large" if one.id.endswith(f"/{own[1]}") else None), holds=True).run()
    bus = Bus()
    retry(lake, own[1])
    relay(lake, bus, holds=True).run()
    assert bus.positions == [own[1]]
    assert [one.position for one in lake.failed()] == own[2:]


def test_a_replay_delivers_the_dead_letters_that_wait_in_their_order(lake):
    lake.change()
    own = positions_of(lake, lake.events[1].dataset.dataset_id)
    relay(lake, Bus(refuses=lambda one: "too large" if one.id.endswith(f"/{own[1]}") else None), holds=True).run()
    lake.catalogue.event_readers.set_position(READER, 0)
    bus = Bus()
    relay(lake, bus, holds=True).run()
    assert [one for one in bus.positions if one in own] == own
    assert sorted(bus.positions) == [event.position for event in lake.events]
    assert not lake.failed()


def test_a_dead_letter_that_was_asked_for_is_sent_also_if_the_cursor_moves_on(lake):
    relay(lake, Bus(refuses=lambda one: "too large" if one.id.endswith("/2") else None)).run()
    lake.change()
    retry(lake, 2)
    lake.catalogue.event_readers.set_position(READER, lake.events[-1].position)
    bus = Bus()
    relay(lake, bus).run()
    assert bus.positions == [2]


def positions_of(lake, dataset_id):
    return [event.position for event in lake.events if event.dataset.dataset_id == dataset_id]


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("no answer")])
def test_a_connection_that_breaks_is_no_fault_of_a_message(lake, passing_time, error):  # noqa: F811
    bus = Bus(*[error] * 8)
    result = relay(lake, bus).run(patience=3600)
    assert (result.published, result.refused) == (6, 0)
    assert not lake.failed()
    result = relay(lake, Bus(*[error] * 50)).run(patience=60)
    assert result.error is None, "there was nothing to publish"
    lake.change()
    result = relay(lake, Bus(*[error] * 50)).run(patience=60)
    assert isinstance(result.error, PublishUnavailable)
    assert (result.published, result.refused) == (0, 0)


def test_a_publisher_that_ends_the_process_ends_only_its_messages(lake, passing_time):  # noqa: F811
    bus = Bus(*[SystemExit(3)] * 5)
    result = relay(lake, bus).run(patience=3600)
    assert (result.published, result.refused) == (4, 2)
    assert {one.error for one in lake.failed()} == {"SystemExit: 3"}


def test_messages_that_failed_alone_are_not_sent_behind_later_ones(lake, passing_time):  # noqa: F811
    lake.change()
    own = positions_of(lake, lake.events[1].dataset.dataset_id)
    bug = ZeroDivisionError("a bug")
    # Alone: the first message of the dataset fails, the second is taken, and then the connection breaks.
    bus = Bus(bug, bug, bug, bug, None, PublishUnavailable("the connection broke"))
    relay(lake, bus).run(patience=3600)
    assert [one.position for one in lake.failed()] == [own[0]]
    assert own[0] not in bus.positions
    assert bus.positions == [event.position for event in lake.events if event.position != own[0]]


def test_all_were_acknowledged_though_it_says_that_it_takes_none(lake, passing_time):  # noqa: F811
    ids = [f"{one.lake_id}/{one.epoch}/{one.position}" for one in lake.events]
    bus = Bus(PublishUnavailable("after the last", acknowledged=ids))
    assert relay(lake, bus).run().published == 6
    assert bus.calls == [ids]
    assert not lake.failed()


def test_what_was_published_is_known_also_if_the_relay_ends_with_an_error(lake, monkeypatch):
    one = relay(lake, Bus())
    monkeypatch.setattr(lake.catalogue.event_readers, "advance", lambda name, seen, position: position == 0)
    with pytest.raises(StoreError, match="moved"):
        one.run()
    assert one.result.published == 6


def test_an_error_that_no_publisher_should_raise_is_found_at_its_message(lake, passing_time):  # noqa: F811
    third = f"/{lake.events[2].position}"

    class Faulty(Bus):
        def publish(self, messages):
            if any(one.id.endswith(third) for one in messages):
                raise ZeroDivisionError("a bug")
            super().publish(messages)

    bus = Faulty()
    result = relay(lake, bus).run(patience=3600)
    assert (result.published, result.refused) == (5, 1)
    (failed,) = lake.failed()
    assert failed.is_parked
    assert "ZeroDivisionError" in failed.error


def test_a_system_that_wants_no_more_is_left_alone_until_it_is_switched_on(lake):
    bus = Bus(PublisherSwitchedOff("410 Gone"))
    assert isinstance(relay(lake, bus).run().error, PublisherSwitchedOff)
    result = relay(lake, bus).run()
    assert isinstance(result.error, PublisherSwitchedOff)
    assert "410 Gone" in str(result.error)
    assert len(bus.calls) == 1
    lake.catalogue.event_readers.switch_off(READER, "")
    assert relay(lake, bus).run().published == 6


def test_one_process_at_a_time_and_the_next_takes_over(lake):
    inside, release = threading.Event(), threading.Event()

    class Slow(Bus):
        def publish(self, messages):
            inside.set()
            assert release.wait(20)
            super().publish(messages)

    slow, other = Slow(), Bus()
    first = threading.Thread(target=relay(lake, slow).run)
    first.start()
    assert inside.wait(10)
    with pytest.raises(StoreError, match="Another process publishes for 'bus'"):
        relay(lake, other).run()
    waiting = relay(lake, other)
    second = threading.Thread(target=waiting.run, kwargs={"poll_interval": 0.05})
    second.start()
    release.set()
    first.join(10)
    lake.change()
    end = time.monotonic() + 10
    while len(other.taken) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    waiting.stop()
    second.join(10)
    assert slow.positions + other.positions == [event.position for event in lake.events]


def test_a_cursor_that_somebody_moved_is_not_overwritten(lake):
    class Moving(Bus):
        def publish(self, messages):
            super().publish(messages)
            lake.catalogue.event_readers.set_position(READER, 2)

    with pytest.raises(StoreError, match="somebody has moved it"):
        relay(lake, Moving()).run()
    assert lake.catalogue.event_readers.find_position(READER) == 2


class Killed(BaseException):
    """The process was killed."""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("point", ["publish.sent", "publish.acknowledged", "publish.cursor_saved"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_a_failpoint_nothing_is_lost_and_the_order_holds(lake, point, number):
    lake.change()
    bus = Bus(keeps_order=False)
    counter = itertools.count(1)

    def kill():
        if next(counter) == number:
            raise Killed

    for _ in range(2):
        with contextlib.suppress(Killed), installed({point: kill}):
            relay(lake, bus).run()
    relay(lake, bus).run()
    assert sorted(bus.without_repeats) == [event.position for event in lake.events]


@pytest.mark.parametrize("examples", sizes(12, 100))
def test_whatever_the_other_system_does_each_event_arrives_in_its_dataset_s_order(examples):
    check_examples(check_order, examples, st.integers(0, 1 << 32))


def check_order(seed):
    chance = random.Random(seed)
    source = Small("small", count=chance.randint(1, 5))
    pages = mock.patch("ingestify.events.relay._PAGE", chance.choice([1, 2, 5, 1000]))
    with pages, get_dev_engine(source, "match") as engine:
        lake = Lake(engine, source)
        bus = Bus(keeps_order=chance.random() < 0.5)
        engine.load()
        for _ in range(chance.randint(1, 6)):
            if chance.random() < 0.6:
                lake.change()
            bus.script = [chance.choice([PublishUnavailable("busy"), 0, 1, 2]) for _ in range(chance.randint(0, 1))]
            actions = {chance.choice(["publish.sent", "publish.acknowledged"]): _maybe(chance)}
            with contextlib.suppress(Killed), installed(actions):
                relay(lake, bus).run(patience=0)
        bus.script = []
        assert relay(lake, bus).run().error is None
        dataset_of = {event.position: event.dataset.dataset_id for event in lake.events}
        arrived = bus.without_repeats
        assert sorted(arrived) == sorted(dataset_of)
        for dataset_id in set(dataset_of.values()):
            own = [position for position in arrived if dataset_of[position] == dataset_id]
            assert own == sorted(own)


def _maybe(chance, often=0.3):
    def act():
        if chance.random() < often:
            raise Killed

    return act


class Moody(Bus):
    """Refuses some positions, fails without a reason at others, and takes a part of a batch at times."""

    def __init__(self, chance, keeps_order):
        super().__init__(keeps_order=keeps_order)
        self.chance = chance
        self.refused, self.faulty, self.ever_failed = set(), set(), set()
        self.is_well = False

    def change_mood(self, positions):
        for moods in (self.refused, self.faulty):
            moods.clear()
            moods.update(one for one in positions if self.chance.random() < 0.1)

    def publish(self, messages):
        positions = {one.id: int(one.id.rpartition("/")[2]) for one in messages}
        some = list(messages)
        if not self.is_well:
            if wrong := self.faulty.intersection(positions.values()):
                self.ever_failed |= wrong
                raise ZeroDivisionError("a bug")
            if self.chance.random() < 0.2:
                some = some[: self.chance.randint(0, len(some))]
        refused = {} if self.is_well else {key: "never" for key, one in positions.items() if one in self.refused}
        taken = [one for one in some if one.id not in refused]
        self.taken += taken
        if len(some) < len(messages):
            known = [one.id for one in taken] if self.chance.random() < 0.5 else ()
            raise PublishUnavailable("it takes no more", acknowledged=known)
        self.ever_failed |= {positions[one] for one in refused}
        if refused:
            raise MessagesRefused(refused)


@pytest.mark.parametrize("examples", sizes(12, 300))
def test_dead_letters_that_are_retried_and_discarded_in_any_order(examples):
    check_examples(check_dead_letters, examples, st.integers(0, 1 << 32))


def check_dead_letters(seed):
    """Each event is taken, or is a dead letter, or was discarded; a dataset's are in the order that is promised."""
    chance = random.Random(seed)
    source = Small("small", count=chance.randint(1, 4))
    with get_dev_engine(source, "match") as engine, clock.passing(PassingTime()):
        lake = Lake(engine, source)
        readers = lake.catalogue.event_readers
        bus = Moody(chance, keeps_order=chance.random() < 0.5)
        holds = chance.random() < 0.6
        discarded, decided = set(), set()

        def decide():
            dead = [one.position for one in lake.failed() if one.is_parked]
            some = chance.sample(dead, chance.randint(0, len(dead)))
            match chance.choice(["retry", "retry", "discard", "replay", "nothing"]):
                case "retry":
                    retry(lake, *some)
                case "discard":
                    discarded.update(some)
                    for position in some:
                        readers.forget_failure(READER, position)
                case "replay":
                    readers.set_position(READER, chance.randint(0, readers.find_position(READER) or 0))

        for number in range(chance.randint(3, 10)):
            if number == 0 or chance.random() < 0.5:
                lake.change()
            dataset_of = {event.position: event.dataset.dataset_id for event in lake.events}
            bus.change_mood(dataset_of)
            decide()
            pages = mock.patch("ingestify.events.relay._PAGE", chance.choice([1, 2, 5, 1000]))
            with pages, contextlib.suppress(Killed), installed({"publish.acknowledged": _maybe(chance, 0.1)}):
                relay(lake, bus, holds=holds).run(patience=chance.choice([0, 1000]))
            _check_order(bus, holds, dataset_of, discarded, decided)
            dead = {one.position for one in lake.failed()}
            done = {one for one in dataset_of if one <= (readers.find_position(READER) or 0)}
            assert done <= dead | discarded | set(bus.positions)
        bus.is_well = True
        retry(lake, *(one.position for one in lake.failed()))
        assert relay(lake, bus, holds=holds).run().error is None
        _check_order(bus, holds, dataset_of, discarded, decided)
        assert not lake.failed()
        assert dataset_of.keys() <= discarded | set(bus.positions)


def _check_order(bus, holds, dataset_of, discarded, decided):
    """Look whether each dataset's messages came in order.

    Args:
        decided: The positions that were taken or discarded before this run; those of this run are added.
    """
    decided |= discarded
    for position in bus.without_repeats:
        if position not in decided:
            own = {one for one in dataset_of if dataset_of[one] == dataset_of[position] and one < position}
            assert own <= decided if holds else own <= decided | bus.ever_failed, position
            decided.add(position)
