"""RabbitMQ, on a node of the tests' own."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid

import pytest

from ingestify.errors import ConfigurationError, MessagesRefused, PublishUnavailable
from ingestify.publishers.rabbitmq import RabbitMQ
from ingestify.testing.publisher_contract import PublisherContract, make_messages, read_binary, read_structured
from tests.integration.publishers.faults import check_cut_connections, check_killed_server
from tests.integration.publishers.rabbitmq_server import LARGEST
from tests.support.sizes import sizes
from tests.support.tcp_relay import TcpRelay
from tests.support.waiting import wait_until

QUORUM = {"x-queue-type": "quorum"}


class RabbitDestination:
    """An exchange of the type topic, and a queue for all that it gets."""

    too_large = LARGEST

    def __init__(self, node, mode="binary"):
        self.server = node
        self.mode = mode
        self.name = f"lake-{uuid.uuid4().hex[:8]}"
        self.messages = []
        with self.channel() as channel:
            channel.exchange_declare(self.name, "topic", durable=True)
            channel.queue_declare(self.name, durable=True, arguments=QUORUM)
            channel.queue_bind(self.name, self.name, "#")

    @contextlib.contextmanager
    def channel(self):
        connection = self.server.connect()
        yield connection.channel()
        connection.close()

    def url(self, port=None, login="guest:guest", rest="%2F"):
        return f"amqp://{login}@127.0.0.1:{port or self.server.port}/{rest}"

    def make(self, port=None, **settings):
        if "queue" not in settings:
            settings = {"exchange": self.name, "routing_key": "lake.{dataset_type}"} | settings
        url = settings.pop("url", self.url(port))
        return RabbitMQ(url, **{"timeout": 10, "content_mode": self.mode} | settings)

    def receive(self, count):
        end = time.monotonic() + 20
        with self.channel() as channel:
            while len(self.messages) < count and time.monotonic() < end:
                if not self._take(channel):
                    time.sleep(0.05)
            time.sleep(0.1)
            while self._take(channel):
                pass
        return [self.read(*one) for one in self.messages]

    def _take(self, channel):
        method, properties, body = channel.basic_get(self.name, auto_ack=True)
        if method is not None:
            self.messages.append((method, properties, body))
        return method is not None

    def read(self, _, properties, body):
        assert properties.delivery_mode == 2
        if self.mode == "structured":
            assert properties.content_type == "application/cloudevents+json; charset=UTF-8"
            assert not [name for name in properties.headers if name.startswith("cloudEvents:")]
            received = read_structured(body)
        else:
            assert properties.content_type == "application/json"
            received = read_binary(properties.headers, body, prefix="cloudevents:")
        assert properties.message_id == received.id
        assert properties.type == "ingestify.revision_added.v1"
        return received

    def stop(self):
        self.server.stop()

    def start(self):
        self.server.start()

    def remove(self):
        with self.channel() as channel:
            channel.queue_delete(self.name)
            channel.exchange_delete(self.name)


@pytest.fixture
def rabbit(node):
    destination = RabbitDestination(node)
    yield destination
    destination.remove()


class TestRabbitMQ(PublisherContract):
    @pytest.fixture
    def destination(self, rabbit):
        return rabbit


def test_a_message_in_the_structured_mode_is_the_cloudevent(rabbit):
    rabbit.mode = "structured"
    messages = make_messages(3)
    rabbit.make().publish(messages)
    assert [one.id for one in rabbit.receive(3)] == [one.id for one in messages]


def test_a_queue_takes_messages_without_an_exchange(rabbit):
    rabbit.make(queue=rabbit.name).publish(make_messages(3))
    assert len(rabbit.receive(3)) == 3


def test_the_routing_key_has_fields_of_the_message(rabbit):
    rabbit.make(routing_key="lake.{match_id}.{event_type}").publish(make_messages(2))
    rabbit.receive(2)
    assert [method.routing_key for method, _, _ in rabbit.messages] == [
        "lake.1.revision_added",
        "lake.2.revision_added",
    ]


# ---- faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", sizes(1, 2))
def test_a_connection_that_is_cut_in_mid_batch_loses_nothing_and_keeps_the_order(rabbit, seed):
    check_cut_connections(rabbit, answer_bytes=300, seed=seed)


@pytest.mark.parametrize("kills", sizes(1, 2))
def test_a_node_that_is_killed_in_mid_stream_loses_nothing(rabbit, kills):
    # Else the node writes some time later that there is an exchange, and a queue.
    rabbit.server.control("eval", "mnesia:sync_log(), [dets:sync(Table) || Table <- dets:all()].")
    assert check_killed_server(rabbit, kills=kills) > 0


def test_a_connection_that_was_idle_too_long_is_replaced(rabbit, caplog):
    messages = make_messages(4)
    with TcpRelay(rabbit.server.port) as relay:
        publisher = rabbit.make(url=rabbit.url(relay.port, rest="%2F?heartbeat=1"))
        publisher.publish(messages[:2])
        assert not relay.is_unused
        wait_until(lambda: relay.is_unused, 20)  # the node ends it
        with caplog.at_level(logging.WARNING):
            publisher.publish(messages[2:])
        publisher.close()
    assert not caplog.records
    assert [one.id for one in rabbit.receive(4)] == [one.id for one in messages]


def test_a_node_that_does_not_answer_is_given_up_after_the_time_out(rabbit):
    with TcpRelay(rabbit.server.port) as relay:
        publisher = rabbit.make(relay.port, timeout=1)
        publisher.publish(make_messages(1))
        for _ in range(2):  # with an open connection, and with a new one
            relay.stall()
            began = time.monotonic()
            with pytest.raises(PublishUnavailable, match="answer"):
                publisher.publish(make_messages(3, first=2))
            assert time.monotonic() - began < 5
        relay.resume()
        publisher.publish(make_messages(3, first=2))
        publisher.close()
    assert {one.id for one in rabbit.receive(4)} == {one.id for one in make_messages(4)}


def test_a_node_without_memory_says_so_and_takes_the_messages_later(rabbit):
    publisher = rabbit.make(timeout=2)
    publisher.publish(make_messages(1))
    rabbit.server.control("set_vm_memory_high_watermark", "0")
    try:
        with pytest.raises(PublishUnavailable, match=r"takes no messages at the moment \(low on memory\)"):
            publisher.publish(make_messages(3, first=2))
    finally:
        rabbit.server.control("set_vm_memory_high_watermark", "0.4")
    publisher.publish(make_messages(3, first=2))
    publisher.close()
    assert {one.id for one in make_messages(4)} == {one.id for one in rabbit.receive(4)}


def test_a_full_queue_delays_the_messages_that_it_has_no_room_for(rabbit):
    full = f"{rabbit.name}-full"
    arguments = {"x-max-length": 5, "x-overflow": "reject-publish"}
    publisher = rabbit.make(queue=full)
    messages = make_messages(8)
    with rabbit.channel() as channel:
        channel.queue_declare(full, durable=True, arguments=arguments)
        with pytest.raises(PublishUnavailable, match="could not keep them") as error:
            publisher.publish(messages)
        waiting = [one for one in messages if one.id not in error.value.acknowledged]
        assert 0 < len(waiting) < 8
        channel.queue_purge(full)
        publisher.publish(waiting)
        assert channel.queue_delete(full).method.NAME == "Queue.DeleteOk"
    publisher.close()


# ---- which error is which ------------------------------------------------------------------------------


def test_messages_that_no_queue_takes_are_an_error_of_the_configuration_if_all_are(rabbit):
    with rabbit.channel() as channel:
        channel.queue_unbind(rabbit.name, rabbit.name, "#")
        channel.queue_bind(rabbit.name, rabbit.name, "lake.2")
    publisher = rabbit.make(routing_key="lake.{match_id}")
    first, second, third = make_messages(3)
    expected = f"the exchange '{rabbit.name}' with the routing key 'lake.1': 312 NO_ROUTE"
    with pytest.raises(ConfigurationError, match=expected):
        publisher.publish([first, third])
    with pytest.raises(MessagesRefused) as refused:
        publisher.publish([first, second, third])
    assert refused.value.refused.keys() == {first.id, third.id}
    assert expected in refused.value.refused[first.id]
    assert [one.id for one in rabbit.receive(1)] == [second.id]


def test_an_exchange_that_is_not_there_is_named(rabbit):
    publisher = rabbit.make(exchange="nowhere")
    with pytest.raises(ConfigurationError, match=r"the exchange 'nowhere' .* no exchange 'nowhere'.* \(and 499 more\)"):
        publisher.publish(make_messages(500))
    with rabbit.channel() as channel:
        channel.exchange_declare("nowhere", "fanout")
        channel.queue_bind(rabbit.name, "nowhere")
        publisher.publish(make_messages(3))
        channel.exchange_delete("nowhere")
    assert len(rabbit.receive(3)) == 3
    with pytest.raises(ConfigurationError, match="no exchange 'nowhere'"):
        publisher.publish(make_messages(1))


def test_if_other_exchanges_are_there_only_some_messages_are_refused(rabbit):
    with rabbit.channel() as channel:
        channel.exchange_declare("lake.1", "fanout")
        channel.queue_bind(rabbit.name, "lake.1")
        messages = make_messages(4)
        with pytest.raises(MessagesRefused) as refused:
            rabbit.make(exchange="lake.{match_id}").publish(messages[1:] + messages[:1])
        channel.exchange_delete("lake.1")
    assert refused.value.refused.keys() == {one.id for one in messages[1:]}
    assert [one.id for one in rabbit.receive(1)] == [messages[0].id]


def test_a_queue_that_is_not_there_is_named(rabbit):
    with pytest.raises(ConfigurationError, match=r"messages of 'no\.queue': 312 NO_ROUTE"):
        rabbit.make(queue="no.queue").publish(make_messages(2))


def test_a_wrong_password_is_an_error_of_the_configuration_and_not_shown(rabbit):
    publisher = rabbit.make(url=rabbit.url(login="guest:rabbit-secret-1"))
    with pytest.raises(ConfigurationError, match="does not accept user and password") as error:
        publisher.publish(make_messages(1))
    assert "rabbit-secret-1" not in str(error.value)


def test_a_virtual_host_that_is_not_there_is_named(rabbit):
    with pytest.raises(ConfigurationError, match=r"virtual host.*nobody"):
        rabbit.make(url=rabbit.url(rest="nobody")).publish(make_messages(1))


def test_a_user_who_may_not_write_is_told(rabbit):
    rabbit.server.control("add_user", "reader", "reader")
    rabbit.server.control("set_permissions", "reader", "", "", ".*")
    try:
        with pytest.raises(ConfigurationError, match=f"the exchange '{rabbit.name}'.*ACCESS_REFUSED"):
            rabbit.make(url=rabbit.url(login="reader:reader")).publish(make_messages(2))
    finally:
        rabbit.server.control("delete_user", "reader")


def test_tls_trusts_the_named_certificates_only(rabbit, tmp_path):
    url = f"amqps://guest:guest@127.0.0.1:{rabbit.server.tls_port}/"
    with pytest.raises(ConfigurationError, match=r"certificate that is not trusted: self.signed"):
        rabbit.make(url=url).publish(make_messages(1))
    certificate = rabbit.server.environment["HOME"] + "/certificate.pem"
    publisher = rabbit.make(url=url, ca_file=certificate)
    publisher.publish(make_messages(50, datasets=50))
    publisher.close()
    assert len(rabbit.receive(50)) == 50
    with pytest.raises(PublishUnavailable, match=r"127\.0\.0\.1"):
        rabbit.make(rabbit.server.tls_port).publish(make_messages(1))


def test_nobody_at_the_address_is_unavailable_and_says_why(rabbit, caplog):
    with TcpRelay(rabbit.server.port) as relay:
        port = relay.port
    with pytest.raises(PublishUnavailable, match="refused"):
        rabbit.make(port).publish(make_messages(1))
    assert not caplog.records
