"""The publisher to MQTT without a server of MQTT: its settings, and what reason codes mean."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

import pytest

from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.publishers.mqtt import Mqtt
from ingestify.testing.publisher_contract import make_messages

URL = "mqtt://127.0.0.1:1883"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": ""}, "url is empty"),
        ({"url": "http://me:secret@host"}, r"url is http://\*\*\*@host; write one such as mqtt://"),
        ({"url": "mqtt://host:port"}, "write one such as mqtt://"),
        ({"url": "mqtt://host/topic"}, "write one such as mqtt://"),
        ({"topic": "a b"}, "topic: 'a b' has ' '"),
        ({"topic": "football/#"}, "topic: .* has '#'"),
        ({"topic": "football/+"}, r"topic: .* has '\+'"),
        ({"topic": "$SYS/a"}, r"topic: .* has '\$'"),
        ({"content_mode": "both"}, "content_mode is 'both'; it must be binary or structured"),
        ({"without_subscribers": "fail"}, "without_subscribers is 'fail'; it must be accept or wait"),
        ({"max_in_flight": 0}, "max_in_flight is 0; it must be a whole number from 1 to 65,535"),
        ({"username": 1}, "username is a int"),
        ({"password": ""}, "password is empty"),
        ({"timeout": "30"}, "timeout is '30'"),
        ({"ca_file": "ca.pem"}, "with files of TLS it begins with mqtts"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Mqtt(**{"url": URL, "topic": "football"} | settings)


def test_a_value_with_a_slash_is_one_level():
    publisher = Mqtt(URL, "football/{provider}/{match_id}")
    (message,) = make_messages(1)
    message.fields["provider"] = "a/b+c#"
    assert publisher._topic_of(message) == "football/a_b_c_/1"


# ---- reason codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "error", "message"),
    [
        (0x80, PublishUnavailable, "'Unspecified error'"),
        (0x83, PublishUnavailable, "'Implementation specific error'"),
        (
            0x97,
            PublishUnavailable,
            r"does not take a message of 'football': the server's reason is 'Quota exceeded' \(0x97\)",
        ),
        (0xEE, PublishUnavailable, r"one that the protocol does not have \(0xEE\)"),
        (0x87, ConfigurationError, "'Not authorized'"),
        (0x90, ConfigurationError, "'Topic name invalid'"),
        (0x95, MessagesRefused, "'Packet too large'"),
        (0x99, MessagesRefused, "'Payload format invalid'"),
    ],
)
def test_what_the_reason_code_of_a_puback_means(reason, error, message):
    with serving(pubacks=[reason]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(error, match=message):
            publisher.publish(make_messages(1))
        publisher.close()


def test_what_was_acknowledged_beside_a_failure_is_said():
    one, two, three = make_messages(3)
    with serving(pubacks=[0, 0x97, 0x10]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(PublishUnavailable) as raised:
            publisher.publish([one, two, three])
        publisher.close()
    assert raised.value.acknowledged == {one.id, three.id}


def test_a_refused_message_after_which_the_connection_ends_is_refused_alone():
    """As Mosquitto 2.0 does it."""
    one, two, three = make_messages(3)
    with serving(pubacks=[0, 0x95, None, 0]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5, max_in_flight=2)
        with pytest.raises(MessagesRefused) as raised:
            publisher.publish([one, two, three])
        publisher.close()
    assert list(raised.value.refused) == [two.id]


def test_a_refusal_that_is_lost_with_its_connection_is_found_one_by_one():
    """Mosquitto ends the connection after a refusal; what else was on its way resets it, so its answer can be lost."""
    one, two, three = make_messages(3)
    most = []
    with serving(pubacks=[None, 0, 0x95, 0], most_in_flight=most) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(MessagesRefused) as raised:
            publisher.publish([one, two, three])
        publisher.close()
    assert list(raised.value.refused) == [two.id]
    assert most == [3, 1, 1, 1]


def test_a_connection_that_is_lost_again_and_again_is_an_error():
    one, two, three = make_messages(3)
    with serving(pubacks=[None, 0, None, None]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(PublishUnavailable, match="the connection was lost") as raised:
            publisher.publish([one, two, three])
        publisher.close()
    assert raised.value.acknowledged == {one.id}


@pytest.mark.parametrize(
    ("reason", "error", "message"),
    [
        (0x84, ConfigurationError, "does not accept the connection: Unsupported protocol version"),
        (0x85, ConfigurationError, "Client identifier not valid"),
        (0x86, ConfigurationError, "Bad user name or password"),
        (0x87, ConfigurationError, "Not authorized"),
        (0x8A, ConfigurationError, "Banned"),
        (0x9D, ConfigurationError, "Server moved"),
        (0x88, PublishUnavailable, "Server unavailable"),
        (0x89, PublishUnavailable, "Server busy"),
        (0x97, PublishUnavailable, "Quota exceeded"),
        (0x9F, PublishUnavailable, "Connection rate exceeded"),
    ],
)
def test_what_the_reason_code_of_a_connack_means(reason, error, message):
    with serving(connack=reason) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(error, match=message):
            publisher.publish(make_messages(1))
        publisher.close()


def test_the_reason_of_a_disconnect_is_said():
    with serving(pubacks=[b"\xe0\x02\x8b\x00"]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(PublishUnavailable, match="the server ended the connection: Server shutting down"):
            publisher.publish(make_messages(1))
        publisher.close()
    with serving(pubacks=[b"\xe0\x02\x87\x00"]) as port:
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(ConfigurationError, match="the server ended the connection: Not authorized"):
            publisher.publish(make_messages(1))
        publisher.close()


def test_never_more_is_in_flight_than_the_server_takes():
    most = []
    with serving(properties=b"\x21\x00\x03", most_in_flight=most) as port:  # Receive Maximum: 3
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        publisher.publish(make_messages(20))
        publisher.close()
    assert max(most) == 3


def test_a_server_without_qos_1_is_an_error_of_the_configuration():
    with serving(properties=b"\x24\x00") as port:  # Maximum QoS: 0
        publisher = Mqtt(f"mqtt://127.0.0.1:{port}", "football", timeout=5)
        with pytest.raises(ConfigurationError, match="has no QoS 1"):
            publisher.publish(make_messages(1))
        publisher.close()


def test_files_of_tls_that_are_not_there_are_named(tmp_path):
    publisher = Mqtt("mqtts://127.0.0.1:1", "football", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"none\.pem.*No such file"):
        publisher.publish(make_messages(1))


def test_without_the_client_the_extra_is_named(monkeypatch):
    for name in ("paho", "paho.mqtt", "paho.mqtt.client"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="extra 'mqtt'"):
        Mqtt(URL, "football").publish(make_messages(1))


@contextlib.contextmanager
def serving(connack=0, properties=b"", pubacks=(), most_in_flight=None):
    """A server that answers PUBLISH packets in turn, with 0 after the last of `pubacks`.

    Each of these is a reason code, the bytes of another packet after which the connection ends, or None: it ends.
    It answers when no further packet comes at the moment, so that the test sees how many are in flight.
    """
    waiting = list(pubacks)

    def answer(connection):
        connection.settimeout(0.05)
        numbers = []
        with contextlib.suppress(OSError), connection:
            while True:
                try:
                    kind, body = read_packet(connection)
                except TimeoutError:
                    if numbers and most_in_flight is not None:
                        most_in_flight.append(len(numbers))
                    for number in numbers:
                        reason = waiting.pop(0) if waiting else 0
                        if not isinstance(reason, int):
                            connection.sendall(reason or b"")
                            return
                        connection.sendall(b"\x40\x03" + number + bytes([reason]))
                    numbers.clear()
                    continue
                if kind == 1:
                    rest = bytes([0, connack, len(properties)]) + properties
                    connection.sendall(bytes([0x20, len(rest)]) + rest)
                elif kind == 3:
                    at = 2 + int.from_bytes(body[:2], "big")
                    numbers.append(body[at : at + 2])

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def read_packet(connection):
    kind = read_bytes(connection, 1)[0] >> 4
    length = shift = 0
    while True:
        (byte,) = read_bytes(connection, 1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, read_bytes(connection, length)


def read_bytes(connection, count):
    found = b""
    while len(found) < count:
        data = connection.recv(count - len(found))
        if not data:
            raise ConnectionError
        found += data
    return found
