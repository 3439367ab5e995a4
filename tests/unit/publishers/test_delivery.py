"""A call of several requests: how it is split, and what becomes of it as a whole."""

from __future__ import annotations

import threading

import pytest

from ingestify.errors import ConfigurationError, MessagesRefused, PublisherSwitchedOff, PublishUnavailable
from ingestify.publishers.delivery import deliver, split
from ingestify.testing.publisher_contract import make_messages

MESSAGES = make_messages(6, datasets=6)
IDS = [one.id for one in MESSAGES]


class Sender:
    """Does what is planned for the message of each part, by its number from 1: an error to raise."""

    def __init__(self, planned):
        self.planned = planned
        self.sent = []

    def __call__(self, part):
        self.sent += [one.id for one in part]
        for one in part:
            if (error := self.planned.get(IDS.index(one.id) + 1)) is not None:
                raise error


def send(planned, *, parallelism=1, size=1):
    sender = Sender(planned)
    parts = [MESSAGES[start : start + size] for start in range(0, len(MESSAGES), size)]
    deliver(parts, sender, parallelism=parallelism)
    return sender


@pytest.mark.parametrize("parallelism", [1, 3, 16])
def test_each_part_is_sent_once(parallelism):
    assert sorted(send({}, parallelism=parallelism).sent) == sorted(IDS)


def test_nothing_is_to_send():
    deliver([], Sender({}), parallelism=4)
    with pytest.raises(MessagesRefused, match="too large"):
        deliver([], Sender({}), parallelism=4, refused={"1": "too large"})


def test_refused_messages_of_all_parts_are_said_together():
    with pytest.raises(MessagesRefused) as failed:
        send({1: MessagesRefused({IDS[0]: "a"}), 5: MessagesRefused({IDS[4]: "b"})}, parallelism=3, size=2)
    assert failed.value.refused == {IDS[0]: "a", IDS[4]: "b"}


def test_after_a_failure_no_further_part_is_begun():
    with pytest.raises(PublishUnavailable) as failed:
        send({1: MessagesRefused({IDS[0]: "a"}), 3: PublishUnavailable("busy", retry_after=3), 4: MessagesRefused({})})
    assert failed.value.acknowledged == {IDS[1]}
    assert failed.value.retry_after == 3


def test_a_part_that_failed_can_be_acknowledged_in_part():
    with pytest.raises(PublishUnavailable) as failed:
        send({4: PublishUnavailable("busy", acknowledged=[IDS[2]])}, size=2)
    assert failed.value.acknowledged == {*IDS[:2], IDS[2]}


def test_what_stops_all_messages_comes_before_what_passes():
    barrier = threading.Barrier(4)

    def fail(part):
        barrier.wait(10)
        raise {
            IDS[0]: PublishUnavailable("busy", retry_after=1),
            IDS[1]: PublishUnavailable("busy", retry_after=9),
            IDS[2]: ConfigurationError("wrong"),
            IDS[3]: PublisherSwitchedOff("gone"),
        }[part[0].id]

    def deliver_first(count):
        nonlocal barrier
        barrier = threading.Barrier(count)
        deliver([[one] for one in MESSAGES[:count]], fail, parallelism=count)

    with pytest.raises(PublisherSwitchedOff):
        deliver_first(4)
    with pytest.raises(ConfigurationError):
        deliver_first(3)
    with pytest.raises(PublishUnavailable) as failed:
        deliver_first(2)
    assert failed.value.retry_after == 9


@pytest.mark.parametrize("parallelism", [1, 3])
def test_an_error_that_no_publisher_should_raise_is_not_lost(parallelism):
    with pytest.raises(KeyError):
        send({2: KeyError("Records")}, parallelism=parallelism)


def test_requests_are_split_by_number_and_by_bytes():
    sizes = dict(zip(IDS, [4, 4, 4, 11, 1, 1], strict=True))
    parts, refused = split(
        MESSAGES,
        lambda one: sizes[one.id],
        most_messages=3,
        most_bytes=10,
        most_message_bytes=10,
        limit="max_message_bytes",
    )
    assert [[one.id for one in part] for part in parts] == [IDS[:2], [IDS[2], IDS[4], IDS[5]]]
    assert refused == {IDS[3]: "it has 11 bytes, and max_message_bytes is 10"}
