"""MQTT 5, on a Mosquitto of the test's own."""

from __future__ import annotations

import getpass
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingestify.errors import ConfigurationError, MessagesRefused, PublishUnavailable
from ingestify.publishers.mqtt import Mqtt
from ingestify.testing.publisher_contract import (
    PublisherContract,
    _publish,
    make_messages,
    read_binary,
    read_structured,
)
from tests.integration.publishers.faults import check_cut_connections, check_killed_server
from tests.integration.publishers.own_server import OwnServer
from tests.support.tcp_relay import TcpRelay
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

TOPIC = "football/{dataset_type}"
MAX_PACKET = 500_000

SETTINGS = f"""
persistence true
set_tcp_nodelay true
max_packet_size {MAX_PACKET}
max_inflight_messages 0
max_queued_messages 0
"""


class Subscriber:
    """A session that the server keeps while it is away, as that of a consumer that must not miss anything."""

    def __init__(self, port, topic="football/#", **login):
        self._port = port
        self._guard = threading.Lock()
        self._messages = []
        self.is_subscribed = threading.Event()
        self._topic = topic
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="consumer", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(0.05, 0.1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self.is_subscribed.set()
        self._client.on_message = self._keep
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self.come()

    def come(self):
        self.is_subscribed.clear()
        self.is_away = False
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self.is_subscribed.wait(20)

    def leave(self):
        """Close the connection, not the session."""
        self.is_away = True
        self._client.disconnect()
        self._client.loop_stop()

    def _keep(self, client, data, message):
        with self._guard:
            self._messages.append(message)

    def messages(self, count):
        end = time.monotonic() + 20
        while time.monotonic() < end and len(self._messages) < count:
            time.sleep(0.01)
        # It answers after what it has sent before.
        self.is_subscribed.clear()
        self._client.subscribe(self._topic, qos=1)
        assert self.is_subscribed.wait(20)
        with self._guard:
            return list(self._messages)


def read(message):
    if message.properties.ContentType.startswith("application/cloudevents"):
        return read_structured(message.payload)
    return read_binary(dict(message.properties.UserProperty), message.payload, prefix="")


class MqttDestination:
    too_large = MAX_PACKET

    def __init__(self, folder, settings="", has_subscriber=True, **publisher):
        folder.mkdir()
        self._config = folder / "mosquitto.conf"
        self._settings = settings
        self._folder = folder
        self.server = OwnServer(folder, "mosquitto", self._arguments)
        self.server.start()
        self._publisher = publisher
        self.subscriber = Subscriber(self.server.port) if has_subscriber else None

    def _arguments(self, port):
        user = f"user {getpass.getuser()}\n"  # else it becomes another one where root starts it
        anonymous = "" if "allow_anonymous" in self._settings else "allow_anonymous true\n"
        listener = f"listener {port} 127.0.0.1\n{user}{anonymous}persistence_location {self._folder}/\n"
        self._config.write_text(listener + SETTINGS + self._settings)
        return ["-c", str(self._config)]

    def make(self, port=None, **settings):
        url = f"mqtt://127.0.0.1:{port or self.server.port}"
        return Mqtt(url, TOPIC, **{"timeout": 10} | self._publisher | settings)

    def receive(self, count):
        return [read(one) for one in self.subscriber.messages(count)]

    def ids(self, count):
        return [one.id for one in self.receive(count)]

    def stop(self):
        self.server.stop()

    def start(self):
        if self.subscriber is not None:
            self.subscriber.is_subscribed.clear()
        self.server.start()
        if self.subscriber is not None and not self.subscriber.is_away:
            assert self.subscriber.is_subscribed.wait(20)

    def end(self):
        if self.subscriber is not None:
            self.subscriber.leave()
        self.server.kill()


@pytest.fixture
def make_destination(tmp_path):
    made = []

    def make(*arguments, **settings):
        made.append(MqttDestination(tmp_path / f"mqtt-{len(made)}", *arguments, **settings))
        return made[-1]

    yield make
    for one in made:
        one.end()


class TestMqtt(PublisherContract):
    @pytest.fixture
    def destination(self, make_destination):
        return make_destination()


class TestMqttStructured(PublisherContract):
    @pytest.fixture
    def destination(self, make_destination):
        return make_destination(content_mode="structured", max_in_flight=1)


def test_a_connection_that_is_cut_in_mid_batch_loses_nothing(make_destination):
    check_cut_connections(make_destination(), answer_bytes=300, seed=3)


def test_a_publisher_goes_on_after_its_server_was_killed_in_mid_stream(make_destination):
    """Mosquitto saves later than it acknowledges, so a killed one may lose what it has acknowledged."""
    assert check_killed_server(make_destination(), kills=3, is_saved=False) > 0


def test_a_server_that_is_stopped_keeps_what_waits_for_a_subscriber(make_destination):
    made = make_destination()
    made.subscriber.leave()
    publisher = made.make()
    messages = make_messages(60, datasets=60)
    publisher.publish(messages[:30])
    made.stop()
    made.start()
    publisher.publish(messages[30:])
    publisher.close()
    made.subscriber.come()
    assert made.ids(60) == [one.id for one in messages]


def test_a_message_is_as_the_binding_says(make_destination):
    made = make_destination()
    (message,) = make_messages(1)
    for mode in ("binary", "structured"):
        publisher = made.make(content_mode=mode)
        publisher.publish([message])
        publisher.close()
    binary, structured = made.subscriber.messages(2)
    assert (binary.topic, binary.qos, binary.retain, binary.payload) == ("football/match", 1, False, message.data)
    assert binary.properties.ContentType == "application/json"
    expected = {name: str(value) for name, value in message.attributes.items() if name != "datacontenttype"}
    assert dict(binary.properties.UserProperty) == expected
    assert len(binary.properties.UserProperty) == len(expected)
    assert structured.properties.ContentType == "application/cloudevents+json; charset=UTF-8"
    assert structured.payload == message.structured()


def test_a_packet_of_exactly_the_most_bytes_is_sent_and_one_byte_more_is_refused(make_destination):
    made = make_destination()
    publisher = made.make()
    (probe,) = make_messages(1, size=400_000)
    with pytest.raises(MessagesRefused) as raised:
        publisher.publish(make_messages(1, size=2 * MAX_PACKET))
    (reason,) = raised.value.refused.values()
    assert "the server takes 500,000" in reason
    size = int(reason.split()[3].replace(",", ""))
    room = MAX_PACKET - size
    with pytest.raises(MessagesRefused, match="its packet has 500,001 bytes"):
        publisher.publish(make_messages(1, size=2 * MAX_PACKET + room + 1))
    publisher.publish(make_messages(1, size=2 * MAX_PACKET + room))
    publisher.close()
    assert made.ids(1) == [probe.id]


def test_a_message_above_the_servers_limit_of_payloads_is_refused_alone(make_destination):
    made = make_destination("message_size_limit 5000\n")
    publisher = made.make()
    small = make_messages(3)
    (large,) = make_messages(1, first=4, size=5000)
    with pytest.raises(MessagesRefused) as raised:
        publisher.publish([large, *small])
    publisher.close()
    assert raised.value.refused == {large.id: "the server's reason is 'Packet too large' (0x95)"}
    assert made.ids(3) == [one.id for one in small]


def test_that_nobody_subscribes_is_a_warning_or_waits(make_destination, caplog):
    made = make_destination(has_subscriber=False)
    accepting, waiting = made.make(), made.make(without_subscribers="wait")
    accepting.publish(make_messages(3))
    accepting.publish(make_messages(3))
    (warning,) = [one.getMessage() for one in caplog.records]
    assert warning.startswith("Nobody subscribes to the topic 'football/match'")
    with pytest.raises(PublishUnavailable, match="Nobody subscribes to the topic 'football/match'") as raised:
        waiting.publish(make_messages(3))
    assert raised.value.acknowledged == set()
    made.subscriber = Subscriber(made.server.port)
    waiting.publish(make_messages(3))
    for one in (accepting, waiting):
        one.close()
    assert len(made.ids(3)) == 3


def test_a_server_that_does_not_answer_is_transient_within_the_timeout(make_destination):
    made = make_destination()
    with TcpRelay(made.server.port) as relay:
        publisher = made.make(relay.port, timeout=0.5)
        _publish(publisher, make_messages(1))
        relay.stall()
        for _ in range(2):  # a connection that is there, and a new one
            with pytest.raises(PublishUnavailable, match=r"no answer in time|does not answer"):
                publisher.publish(make_messages(5))
        relay.resume()
        _publish(publisher, make_messages(5))
        publisher.close()
    assert {one.id for one in make_messages(5)} <= set(made.ids(5))


def test_another_client_with_the_same_id_ends_the_connection_and_nothing_is_lost(make_destination):
    made = make_destination()
    one, other = made.make(client_id="lake"), made.make(client_id="lake")
    one.publish(make_messages(1))
    other.publish(make_messages(1, first=2))
    one.publish(make_messages(1, first=3))
    one.close()
    other.close()
    assert len(made.ids(3)) == 3


@pytest.fixture
def with_users(tmp_path, make_destination):
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    passwords.touch(0o600)
    for user in ("lake", "reader", "consumer"):
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), user, "the right one"], check=True)
    rights.write_text(
        "user lake\ntopic write football/match\ntopic write football/season\n\n"
        "user reader\ntopic write football/season\n\nuser consumer\ntopic read #\n"
    )
    made = make_destination(
        f"allow_anonymous false\npassword_file {passwords}\nacl_file {rights}\n", has_subscriber=False
    )
    made.subscriber = Subscriber(made.server.port, username="consumer", password="the right one")
    return made


@pytest.mark.parametrize("login", [{}, {"username": "lake", "password": "the wrong one"}])
def test_a_wrong_login_is_an_error_of_the_configuration_that_does_not_show_it(login, with_users):
    publisher = with_users.make(**login)
    with pytest.raises(ConfigurationError, match="does not accept the connection: Not authorized") as raised:
        publisher.publish(make_messages(1))
    publisher.close()
    assert "the wrong one" not in str(raised.value)


def test_the_login_may_stand_in_the_url(with_users):
    publisher = Mqtt(f"mqtt://lake:the%20right%20one@127.0.0.1:{with_users.server.port}", TOPIC)
    publisher.publish(make_messages(1))
    publisher.close()
    assert len(with_users.ids(1)) == 1


def test_a_topic_without_the_right_is_an_error_of_the_configuration_after_the_others_were_sent(with_users):
    publisher = with_users.make(username="reader", password="the right one")
    allowed, denied = make_messages(2)
    allowed.fields["dataset_type"] = "season"
    with pytest.raises(
        PublishUnavailable, match=r"a message of 'football/match': .* 'Not authorized' \(0x87\)"
    ) as raised:
        publisher.publish([allowed, denied])
    assert raised.value.acknowledged == {allowed.id}
    with pytest.raises(ConfigurationError, match=r"does not take a message of 'football/match'"):
        publisher.publish([denied])
    publisher.close()
    assert with_users.ids(1) == [allowed.id]


def test_tls_is_verified(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)
    made = MqttDestination(tmp_path / "tls", f"certfile {certificate}\nkeyfile {key}\n", has_subscriber=False)
    try:
        url = f"mqtts://127.0.0.1:{made.server.port}"
        publisher = Mqtt(url, TOPIC, ca_file=str(certificate))
        publisher.publish(make_messages(3))
        publisher.close()
        with pytest.raises(ConfigurationError, match="a certificate that is not trusted: self"):
            Mqtt(url, TOPIC).publish(make_messages(1))
        with pytest.raises(PublishUnavailable, match="the connection was lost"):
            Mqtt(url.replace("mqtts", "mqtt"), TOPIC, timeout=5).publish(make_messages(1))
    finally:
        made.end()
