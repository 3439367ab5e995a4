"""The contract of publishers: a test suite to subclass, for pytest.

    class TestMyPublisher(PublisherContract):
        @pytest.fixture
        def destination(self):
            return MyDestination(…)  # an empty one for each test: a Destination

It needs pytest, which the extra `test` brings.
"""

from __future__ import annotations

import dataclasses
import json
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pytest

from ingestify.clock import monotonic, sleep
from ingestify.domain.message import Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import MessagesRefused, PublishUnavailable

__all__ = ["Destination", "PublisherContract", "Received", "make_messages", "read_binary", "read_structured"]

_LAKE = "0a1b2c3d-0000-4000-8000-000000000000"


@dataclasses.dataclass(frozen=True)
class Received:
    """A message as a consumer got it.

    Attributes:
        attributes: The attributes of the CloudEvent; each value as text.
        data: The payload.
    """

    attributes: Mapping[str, str]
    data: Any

    @property
    def id(self) -> str:
        """The id of the CloudEvent."""
        return self.attributes["id"]


def read_structured(content: bytes | str) -> Received:
    """Return a CloudEvent of the structured mode: the whole of it is JSON."""
    event = json.loads(content)
    data = event.pop("data")
    return Received({name: str(value) for name, value in event.items()}, data)


def read_binary(headers: Mapping[str, str], body: bytes | str, *, prefix: str, is_encoded: bool = False) -> Received:
    """Return a CloudEvent of the binary mode.

    Args:
        headers: The headers or properties of the message; those without the prefix are left out.
        body: The payload.
        prefix: Of the names of the attributes, such as `ce-`; compared without case.
        is_encoded: Whether the values are percent-encoded, as in HTTP.
    """
    attributes = {
        name[len(prefix) :].lower(): urllib.parse.unquote(value) if is_encoded else value
        for name, value in headers.items()
        if name.lower().startswith(prefix)
    }
    return Received({**attributes, "datacontenttype": "application/json"}, json.loads(body))


class Destination(Protocol):
    """The other system, with an empty topic, queue or endpoint for one test.

    Attributes:
        too_large: More bytes than a message may have; None: there is no limit below 20 MB.
    """

    too_large: int | None

    def make(self) -> Publisher:
        """Return a new publisher to it. The suite closes it."""

    def receive(self, count: int) -> Sequence[Received]:
        """Wait until so many messages came, for at most 20 seconds, then for a moment longer, and return all in order.

        It returns all messages since the beginning of the test, also those that an earlier call returned.
        """

    def stop(self) -> None:
        """Stop the server. A connection breaks, and a new one is refused."""

    def start(self) -> None:
        """Start the server again, at the same address."""


def make_messages(count: int, *, datasets: int = 10, first: int = 1, size: int = 300, run: str = "") -> list[Message]:
    """Return messages at rising positions, whose datasets take turns.

    Args:
        count: How many.
        datasets: Of how many datasets.
        first: The first position.
        size: About how many bytes the payload has.
        run: Part of each dataset's id.
    """
    messages = []
    for position in range(first, first + count):
        dataset_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run}{position % datasets}"))
        payload = {
            "event_type": "revision_added",
            "position": position,
            "dataset": {"dataset_id": dataset_id, "name": "Ünïcode – 日本 \U0001f3df “match”", "filler": "x" * size},
        }
        messages.append(
            Message(
                id=f"{_LAKE}/1/{position}",
                source=f"urn:ingestify:lake:{_LAKE}",
                type="ingestify.revision_added.v1",
                time="2026-01-31T12:00:00.000000Z",
                key=dataset_id,
                dataschema="urn:ingestify:event:revision_added:v1",
                extensions={
                    "partitionkey": dataset_id,
                    "sequence": f"{position:020d}",
                    "lakeid": _LAKE,
                    "epoch": 1,
                    "provider": "provider ü",
                    "datasettype": "match",
                },
                fields={
                    "provider": "provider ü",
                    "dataset_type": "match",
                    "event_type": "revision_added",
                    "bucket": "main",
                    "dataset_id": dataset_id,
                    "match_id": str(position),
                },
                data=json.dumps(payload, ensure_ascii=False).encode(),
            )
        )
    return messages


class PublisherContract:
    """The suite. Override `destination`."""

    @pytest.fixture
    def destination(self) -> Destination:
        """Return an empty destination, whose server runs."""
        raise NotImplementedError("a subclass has a fixture 'destination', which returns an empty one")

    @pytest.fixture
    def publisher(self, destination: Destination) -> Any:
        """A publisher to the destination, which is closed after the test."""
        publisher = destination.make()
        yield publisher
        publisher.close()
        publisher.close()

    def test_every_message_arrives_once(self, destination: Destination, publisher: Publisher) -> None:
        messages = make_messages(300, datasets=300)
        _publish(publisher, messages)
        received = destination.receive(300)
        assert sorted(one.id for one in received) == sorted(one.id for one in messages)

    def test_a_message_is_the_cloudevent(self, destination: Destination, publisher: Publisher) -> None:
        (message,) = make_messages(1)
        publisher.publish([message])
        (received,) = destination.receive(1)
        assert received.attributes == {name: str(value) for name, value in message.attributes.items()}
        assert received.data == json.loads(message.data)

    def test_an_empty_batch_is_nothing(self, destination: Destination, publisher: Publisher) -> None:
        publisher.publish([])
        assert not destination.receive(0)

    def test_the_messages_of_a_dataset_arrive_in_order(self, destination: Destination, publisher: Publisher) -> None:
        messages = make_messages(200, datasets=5)
        _publish(publisher, messages)
        _check_order(destination.receive(200), messages)

    def test_large_payloads_arrive_whole(self, destination: Destination, publisher: Publisher) -> None:
        messages = make_messages(5, datasets=5, size=100_000)
        _publish(publisher, messages)
        received = {one.id: one.data for one in destination.receive(5)}
        assert received == {one.id: json.loads(one.data) for one in messages}

    def test_a_repeat_is_dropped_only_where_the_publisher_says_so(
        self, destination: Destination, publisher: Publisher
    ) -> None:
        messages = make_messages(10)
        _publish(publisher, messages)
        _publish(publisher, messages)
        count = 10 if publisher.drops_repeats else 20
        received = destination.receive(count)
        assert len(received) == count
        assert {one.id for one in received} == {one.id for one in messages}

    def test_a_message_that_is_too_large_is_refused_alone(self, destination: Destination, publisher: Publisher) -> None:
        small = make_messages(4, datasets=10)
        if destination.too_large is None:
            large = make_messages(1, datasets=10, first=100, size=2_000_000)
            _publish(publisher, [*small, *large])
            assert len(destination.receive(5)) == 5
            return
        large = make_messages(1, datasets=10, first=5, size=destination.too_large)
        with pytest.raises(MessagesRefused) as refused:
            publisher.publish([*small[:2], *large, *small[2:]])
        assert list(refused.value.refused) == [large[0].id]
        assert sorted(one.id for one in destination.receive(4)) == sorted(one.id for one in small)

    def test_while_the_server_is_down_it_is_unavailable_and_then_it_goes_on(
        self, destination: Destination, publisher: Publisher
    ) -> None:
        before, after = make_messages(3), make_messages(3, first=4)
        publisher.publish(before)
        destination.receive(3)
        destination.stop()
        began = monotonic()
        with pytest.raises(PublishUnavailable):
            publisher.publish(after)
        assert monotonic() - began < 40, "the publisher has no time-out"
        destination.start()
        _publish(publisher, after)
        ids = {one.id for one in destination.receive(6 if publisher.is_persistent else 3)}
        assert {one.id for one in after} <= ids
        assert not publisher.is_persistent or {one.id for one in before} <= ids

    def test_a_server_that_was_restarted_between_two_batches_loses_nothing(
        self, destination: Destination, publisher: Publisher
    ) -> None:
        messages = make_messages(20, datasets=20)
        publisher.publish(messages[:10])
        destination.receive(10)
        destination.stop()
        destination.start()
        _publish(publisher, messages[10:])
        received = destination.receive(20 if publisher.is_persistent else 10)
        expected = messages if publisher.is_persistent else messages[10:]
        assert {one.id for one in expected} <= {one.id for one in received}


def _publish(publisher: Publisher, messages: Sequence[Message]) -> None:
    """Publish messages as the relay does: with a pause after each failure, and one of each dataset in a call."""
    rounds: list[list[Message]] = [] if not publisher.keeps_order else [list(messages)]
    if not publisher.keeps_order:
        seen: dict[str, int] = {}
        for message in messages:
            number = seen[message.key] = seen.get(message.key, -1) + 1
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(message)
    for one in rounds:
        for start in range(0, len(one), publisher.batch_size):
            _publish_batch(publisher, one[start : start + publisher.batch_size])


def _publish_batch(publisher: Publisher, messages: Sequence[Message]) -> None:
    waiting = list(messages)
    end = monotonic() + 60
    while True:
        try:
            return publisher.publish(waiting)
        except PublishUnavailable as error:
            if monotonic() > end:
                raise
            waiting = [one for one in waiting if one.id not in error.acknowledged]
            sleep(0.05)


def _check_order(received: Sequence[Received], messages: Sequence[Message]) -> None:
    """Check that the first arrivals of each dataset's messages are in the order of the log."""
    first = list(dict.fromkeys(one.id for one in received))
    key_of = {one.id: one.key for one in messages}
    for key in set(key_of.values()):
        expected = [one.id for one in messages if one.key == key]
        assert [one for one in first if key_of[one] == key] == expected
