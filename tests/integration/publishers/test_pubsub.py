"""The publisher of Google Cloud Pub/Sub against Google's emulator.

The emulator keeps nothing on disk, as Google does, so a relay refuses connections while it is "down".
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from ingestify.domain.message import STRUCTURED_TYPE
from ingestify.errors import ConfigurationError
from ingestify.publishers.pubsub import Pubsub
from ingestify.testing.publisher_contract import (
    PublisherContract,
    Received,
    make_messages,
    read_binary,
    read_structured,
)
from tests.support.tcp_relay import TcpRelay

from .faults import check_cut_connections
from .own_server import OwnServer

EMULATOR = Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator")
PROJECT = "club-project"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """The port of the emulator. It is no package, so it is missing in most images: the test is skipped in CI, too."""
    if not EMULATOR.exists() or shutil.which("java") is None:
        pytest.skip("there is no emulator of Pub/Sub; Debian's google-cloud-cli-pubsub-emulator brings it")
    folder = tmp_path_factory.mktemp("pubsub")
    quick = os.environ | {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}  # to start, and for a minute
    server = OwnServer(folder, str(EMULATOR), lambda port: ["--host=127.0.0.1", f"--port={port}"], environment=quick)
    server.start()
    yield server.port
    server.kill()


class Topic:
    """A topic, and a subscription that keeps the order of each key."""

    too_large = 10_000_000

    def __init__(self, port, content_mode="binary", ordered=True):
        self.content_mode, self.ordered = content_mode, ordered
        self.name = f"football.statsbomb-{time.time_ns()}-{next(_numbers)}"
        path = f"projects/{PROJECT}/topics/{self.name}"
        self._channels = [grpc.insecure_channel(f"127.0.0.1:{port}", options=[("n", n)]) for n in range(2)]
        with contextlib.suppress(exceptions.AlreadyExists):
            PublisherClient(transport=PublisherGrpcTransport(channel=self._channels[0])).create_topic(name=path)
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channels[1]))
        self._subscription = f"projects/{PROJECT}/subscriptions/{self.name}"
        self._subscriber.create_subscription(
            request={"name": self._subscription, "topic": path, "enable_message_ordering": ordered}
        )
        self.received: list[Received] = []
        self.keys: list[str] = []
        self._last = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._pull, daemon=True).start()
        self.server = SimpleNamespace(port=port)
        self.relay = TcpRelay(port)
        self.relay.__enter__()

    def make(self, port=None, **arguments):
        os.environ["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{port or self.relay.port}"  # which `_topic` restores
        defaults = {"topic": self.name, "content_mode": self.content_mode, "ordered": self.ordered}
        return Pubsub(PROJECT, **(defaults | arguments))

    def receive(self, count):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            # After repeats, the last ones may be still to come.
            is_complete = len({one.id for one in self.received}) >= count
            if len(self.received) >= count and time.monotonic() - self._last > (0.3 if is_complete else 3):
                break
            time.sleep(0.05)
        return list(self.received)

    def _pull(self):
        """Take all messages as they come. A pull that is given up would keep some from the next ones for a while."""
        first = {"subscription": self._subscription, "stream_ack_deadline_seconds": 60}
        with contextlib.suppress(exceptions.GoogleAPICallError):  # the channel is closed
            for answer in self._subscriber.streaming_pull(requests=self._requests(first), retry=None):
                for one in answer.received_messages:
                    self.keys.append(one.message.ordering_key)
                    self.received.append(_read(one.message))
                self._last = time.monotonic()
                ids = [one.ack_id for one in answer.received_messages]
                self._subscriber.acknowledge(request={"subscription": self._subscription, "ack_ids": ids})

    def _requests(self, first):
        yield types.StreamingPullRequest(first)
        self._over.wait()

    def stop(self):
        self.relay.refuse()

    def start(self):
        self.relay.accept()

    def close(self):
        self.relay.__exit__()
        self._over.set()
        for channel in self._channels:
            channel.close()


def _read(message):
    attributes = dict(message.attributes)
    if attributes["content-type"] == STRUCTURED_TYPE:
        assert attributes.keys() == {"content-type"}
        return read_structured(message.data)
    assert attributes["content-type"] == "application/json"
    return read_binary(attributes, message.data, prefix="ce-")


@pytest.fixture
def topic(emulator, monkeypatch):
    with _topic(emulator, monkeypatch) as topic:
        yield topic


@contextlib.contextmanager
def _topic(emulator, monkeypatch, **arguments):
    topic = Topic(emulator, **arguments)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "")
    try:
        yield topic
    finally:
        topic.close()


@pytest.mark.parametrize("content_mode", ["binary", "structured"])
class TestPubsub(PublisherContract):
    @pytest.fixture
    def destination(self, content_mode, emulator, monkeypatch):  # type: ignore[override]
        with _topic(emulator, monkeypatch, content_mode=content_mode) as topic:
            yield topic


class TestWithoutOrder(PublisherContract):
    @pytest.fixture
    def destination(self, emulator, monkeypatch):  # type: ignore[override]
        with _topic(emulator, monkeypatch, ordered=False) as topic:
            yield topic


def test_the_ordering_key_is_the_dataset(topic):
    messages = make_messages(6, datasets=3)
    with contextlib.closing(topic.make()) as publisher:
        publisher.publish(messages)
    topic.receive(6)
    assert sorted(topic.keys) == sorted(one.key for one in messages)


def test_a_topic_that_is_not_there_is_a_wrong_configuration(topic):
    command = f"gcloud pubsub topics create projects/{PROJECT}/topics/gone"
    with (
        contextlib.closing(topic.make(topic="gone")) as publisher,
        pytest.raises(ConfigurationError, match=re.escape(command)),
    ):
        publisher.publish(make_messages(1))


def test_the_topic_has_fields_of_the_message(topic):
    name = topic.name.replace("statsbomb", "{provider}")
    messages = make_messages(1)
    messages[0].fields["provider"] = "statsbomb"  # type: ignore[index]
    with contextlib.closing(topic.make(topic=name)) as publisher:
        publisher.publish(messages)
    assert [one.id for one in topic.receive(1)] == [messages[0].id]


def test_connections_that_are_cut_lose_nothing(topic):
    check_cut_connections(topic, answer_bytes=300, seed=5)
