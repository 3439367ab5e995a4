"""Kafka: librdkafka's mock cluster, which other processes could use too."""

from __future__ import annotations

import time

import confluent_kafka
import pytest

from ingestify.errors import ConfigurationError, MessagesRefused, PublishUnavailable
from ingestify.publishers.kafka import Kafka
from ingestify.testing.publisher_contract import (
    PublisherContract,
    _check_order,
    _publish,
    make_messages,
    read_binary,
    read_structured,
)
from tests.support.kafka_mock import (
    MSG_SIZE_TOO_LARGE,
    NOT_ENOUGH_REPLICAS,
    OUT_OF_ORDER_SEQUENCE_NUMBER,
    TOPIC_AUTHORIZATION_FAILED,
    UNKNOWN_TOPIC_OR_PART,
    KafkaMock,
)
from tests.support.tcp_relay import TcpRelay

TOPIC = "football.match"


class KafkaDestination:
    too_large = 1_000_000

    def __init__(self, mock, mode="binary"):
        self.mock = mock
        self.mode = mode
        self.records = []
        self._consumer = None

    def make(self, topic="football.{dataset_type}", **settings):
        options = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100} | settings.pop("options", {})
        settings = {"timeout": 3, "content_mode": self.mode} | settings
        return Kafka(self.mock.bootstrap_servers, topic, options=options, **settings)

    def receive(self, count):
        consumer = self._consume()
        end = time.monotonic() + 20
        while (len(self.records) < count or not self._is_all()) and time.monotonic() < end:
            self.records += [one for one in consumer.consume(1000, 0.02) if one.error() is None]
        return [self.read(one) for one in self.records]

    def _consume(self):
        if self._consumer is None:
            self._consumer = confluent_kafka.Consumer(
                {
                    "bootstrap.servers": self.mock.bootstrap_servers,
                    "group.id": "test",
                    "auto.offset.reset": "earliest",
                    "fetch.wait.max.ms": 10,
                    "log_level": 0,
                }
            )
            count = len(self._consumer.list_topics(TOPIC, 10).topics[TOPIC].partitions)
            beginning = confluent_kafka.OFFSET_BEGINNING
            self._partitions = [confluent_kafka.TopicPartition(TOPIC, one, beginning) for one in range(count)]
            self._consumer.assign(self._partitions)
        return self._consumer

    def _is_all(self):
        """Whether the broker has no more messages than came."""
        return len(self.records) == sum(self._consumer.get_watermark_offsets(one, 5)[1] for one in self._partitions)

    def read(self, record):
        headers = {name: value.decode() for name, value in record.headers()}
        if self.mode == "structured":
            assert headers == {"content-type": "application/cloudevents+json; charset=UTF-8"}
            return read_structured(record.value())
        assert headers["content-type"] == "application/json"
        return read_binary(headers, record.value(), prefix="ce_")

    def stop(self):
        self.mock.stop()

    def start(self):
        self.mock.start()

    def close(self):
        if self._consumer is not None:
            self._consumer.close()


@pytest.fixture
def mock():
    with KafkaMock() as mock:
        mock.create_topic(TOPIC)
        yield mock


@pytest.fixture
def kafka(mock):
    destination = KafkaDestination(mock)
    yield destination
    destination.close()


class TestKafka(PublisherContract):
    @pytest.fixture
    def destination(self, kafka):
        return kafka


class TestStructuredKafka(PublisherContract):
    # Only what a message holds is another than in the binary mode.
    test_while_the_server_is_down_it_is_unavailable_and_then_it_goes_on = None
    test_a_server_that_was_restarted_between_two_batches_loses_nothing = None

    @pytest.fixture
    def destination(self, kafka):
        kafka.mode = "structured"
        return kafka


def test_the_key_is_the_dataset_so_its_messages_are_in_one_partition(kafka):
    messages = make_messages(40, datasets=8)
    _publish(kafka.make(), messages)
    kafka.receive(40)
    partitions = {}
    for record in kafka.records:
        partitions.setdefault(record.key().decode(), set()).add(record.partition())
    assert partitions.keys() == {one.key for one in messages}
    assert all(len(one) == 1 for one in partitions.values())
    assert len(set.union(*partitions.values())) > 1


def test_a_broker_without_enough_replicas_is_asked_again(kafka):
    kafka.mock.fail_produce(NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS)
    messages = make_messages(10)
    kafka.make().publish(messages)
    assert len(kafka.receive(10)) == 10


def test_what_shared_a_request_with_a_message_that_is_too_large_is_not_refused(kafka):
    messages = make_messages(20, datasets=20)
    publisher = kafka.make()
    publisher.publish(messages[:1])
    kafka.mock.fail_produce(MSG_SIZE_TOO_LARGE, MSG_SIZE_TOO_LARGE)
    publisher.publish(messages)
    assert {one.id for one in kafka.receive(21)} == {one.id for one in messages}


def test_a_message_that_the_broker_finds_too_large_is_refused(kafka):
    (message,) = make_messages(1)
    kafka.mock.fail_produce(MSG_SIZE_TOO_LARGE)
    with pytest.raises(MessagesRefused, match="size too large"):
        kafka.make().publish([message])


def test_after_a_fatal_error_there_is_a_new_producer(kafka):
    publisher = kafka.make()
    messages = make_messages(20, datasets=20)
    publisher.publish(messages[:10])
    kafka.mock.fail_produce(OUT_OF_ORDER_SEQUENCE_NUMBER)
    with pytest.raises(PublishUnavailable, match=r"out of order|desynchronization") as failure:
        publisher.publish(messages[10:])
    left = [one for one in messages[10:] if one.id not in failure.value.acknowledged]
    assert left
    publisher.publish(left)
    assert {one.id for one in kafka.receive(20)} == {one.id for one in messages}


@pytest.mark.parametrize("code", [UNKNOWN_TOPIC_OR_PART, TOPIC_AUTHORIZATION_FAILED])
def test_a_topic_that_is_not_there_or_not_allowed_is_named(kafka, code):
    kafka.mock.fail_topic("closed", code)
    publisher = kafka.make("closed", options={"topic.metadata.propagation.max.ms": 200})
    with pytest.raises(ConfigurationError, match="the topic 'closed': Broker: "):
        publisher.publish(make_messages(3))
    # Somebody makes it.
    kafka.mock.fail_topic("closed", 0)
    publisher.publish(make_messages(3))


def test_if_other_topics_are_there_only_some_messages_are_refused(kafka):
    kafka.mock.fail_topic("match.2", TOPIC_AUTHORIZATION_FAILED)
    messages = make_messages(3)
    with pytest.raises(MessagesRefused) as refused:
        kafka.make("match.{match_id}").publish(messages)
    assert list(refused.value.refused) == [messages[1].id]
    assert "the topic 'match.2'" in refused.value.refused[messages[1].id]


def test_an_address_without_a_broker_is_unavailable_and_says_why():
    with KafkaMock() as gone:
        address = gone.bootstrap_servers
    began = time.monotonic()
    with pytest.raises(PublishUnavailable, match="refused"):
        Kafka(address, "t", timeout=0.5).publish(make_messages(2))
    assert time.monotonic() - began < 5


def test_a_login_that_is_not_accepted_is_an_error_of_the_configuration_at_once(mock):
    options = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"}
    options |= {"sasl.username": "lake", "sasl.password": "kafka-secret-1"}
    publisher = Kafka(mock.bootstrap_servers, "t", options=options)
    began = time.monotonic()
    with pytest.raises(ConfigurationError, match="does not accept the login") as error:
        publisher.publish(make_messages(2))
    assert time.monotonic() - began < 10
    assert "kafka-secret-1" not in str(error.value)


def test_an_option_that_librdkafka_does_not_know_is_named():
    with pytest.raises(ConfigurationError, match=r'options.*No such configuration property: "sasl.user"'):
        Kafka("127.0.0.1:1", "t", options={"sasl.user": "lake"}).publish(make_messages(1))


def test_a_full_queue_of_the_client_is_waited_for(kafka):
    messages = make_messages(100, datasets=100)
    kafka.make(options={"queue.buffering.max.messages": 7}).publish(messages)
    assert len(kafka.receive(100)) == 100


@pytest.mark.parametrize("is_answer", [False, True])
def test_a_connection_that_is_cut_in_mid_batch_loses_nothing_and_keeps_the_order(kafka, is_answer):
    messages = make_messages(1000, datasets=7)
    with TcpRelay(kafka.mock.port) as relay:
        kafka.mock.advertise(relay.port)
        publisher = Kafka(f"127.0.0.1:{relay.port}", TOPIC, timeout=20)
        _publish(publisher, messages[:100])
        before = relay.accepted
        for start in range(100, 1000, 100):
            relay.cut_after(700 if is_answer else 20_000, answers=is_answer)
            _publish(publisher, messages[start : start + 100])
            assert relay.is_cut
        assert relay.accepted > before
        publisher.close()
        kafka.mock.advertise(kafka.mock.port)
    _check_order(kafka.receive(1000), messages)
    assert {one.id for one in kafka.receive(1000)} == {one.id for one in messages}
