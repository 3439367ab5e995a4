"""MQTT 5.

Protocol: https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html. Format: the CloudEvents binding,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/mqtt-protocol-binding.md.
"""

from __future__ import annotations

import contextlib
import math
import queue
import socket
import ssl
import urllib.parse
from collections.abc import Sequence
from typing import Any

from ingestify.clock import monotonic
from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, IngestifyError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.masking import hide_url, mask_text, mask_url
from ingestify.progress.printable import PrintableLogger
from ingestify.publishers.arguments import check_choice, check_count, check_optional_text, check_seconds, check_text
from ingestify.publishers.template import Template
from ingestify.publishers.tls import Tls, find_certificate_error

__all__ = ["Mqtt"]

logger = PrintableLogger(__name__)

_PORTS = {"mqtt": 1883, "mqtts": 8883}

_LONGEST_PACKET = 268_435_460
"""The most bytes of a packet, by the protocol."""

_NO_SUBSCRIBERS = 0x10
_FAILURE = 0x80
"""The reason codes from here on are failures."""
_WRONG = frozenset({0x87, 0x90})
"""Not authorized; the name of the topic is not valid."""
_TOO_LARGE = 0x95
_REFUSED = frozenset({_TOO_LARGE, 0x99})
"""The packet is too large; the payload is not what it says."""
_WRONG_LOGIN = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x9C, 0x9D})
"""Protocol version, client id, user or password, rights, banned, method; the server is another one now."""

_LONGEST_KEEP_ALIVE = 60.0
_SHORTEST_KEEP_ALIVE = 5.0
_CLOSING_SECONDS = 1.0


class Mqtt(Publisher):
    """Publishes each message to a topic with QoS 1, and waits for its PUBACK. No message is retained.

    Args:
        url: `mqtt://host:1883`, or `mqtts://host:8883` for TLS.
        topic: The topic, which may have fields of the message: `football/{provider}/{dataset_type}`.
        content_mode: `binary`: the attributes are user properties; `structured`: the payload is the whole CloudEvent.
        username: The user.
        password: The password.
        client_id: The id of the client; left out: the server makes one.
        max_in_flight: How many messages are sent before the first of them was acknowledged.
        without_subscribers: What happens when the server says that nobody subscribes to a topic: `accept`, the message
            counts as delivered; `wait`, it is sent again later.
        ca_file: The certificates that are trusted.
        client_certificate: The certificate that this side shows.
        client_key: Its key.
        timeout: Seconds that a batch may take.

    Raises:
        ConfigurationError: One of them is wrong.
    """

    is_persistent = False

    def __init__(
        self,
        url: str,
        topic: str,
        *,
        content_mode: str = "binary",
        username: str | None = None,
        password: str | None = None,
        client_id: str | None = None,
        max_in_flight: int = 100,
        without_subscribers: str = "accept",
        ca_file: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._url = check_text(url, "url", "mqtt://127.0.0.1:1883")
        hide_url(self._url)
        parts = _split(self._url)
        self._host, self._port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
        self._uses_tls = parts.scheme == "mqtts"
        self._tls = Tls.of(ca_file, client_certificate, client_key)
        if self._tls.is_set and not self._uses_tls:
            raise ConfigurationError(f"url is {mask_url(self._url)}; with files of TLS it begins with mqtts://.")
        self._topic = Template(topic, "topic", allowed="[A-Za-z0-9._/-]")
        self._is_binary = check_choice(content_mode, "content_mode", ("binary", "structured")) == "binary"
        unquote = urllib.parse.unquote
        self._username = check_optional_text(username, "username", "lake") or (
            parts.username and unquote(parts.username)
        )
        given = check_optional_text(password, "password", '"${MQTT_PASSWORD}"')
        self._password = given or (parts.password and unquote(parts.password))
        self._client_id = check_optional_text(client_id, "client_id", "lake") or ""
        self._max_in_flight = check_count(max_in_flight, "max_in_flight", most=65_535)
        self._waits = check_choice(without_subscribers, "without_subscribers", ("accept", "wait")) == "wait"
        self._timeout = check_seconds(timeout, "timeout")
        self._connection: _Connection | None = None
        self._has_warned = False

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages, and wait for the PUBACK of each."""
        if not messages:
            return
        end = monotonic() + self._timeout
        reasons: dict[str, int] = {}
        refused: dict[str, str] = {}
        waiting = list(messages)
        most = self._max_in_flight
        try:
            while waiting:
                try:
                    refused |= self._send(self._connected(end, reasons), waiting, most, reasons, end)
                except _Lost as lost:
                    self._drop()
                    new = self._check(waiting, reasons)
                    refused |= new
                    if not new:
                        if most == 1 or lost.reason or monotonic() >= end:
                            text = f"MQTT at {mask_url(self._url)}: {lost}."
                            raise self._failure(text, lost.reason, reasons) from lost
                        most = 1
                    # Mosquitto 2.0 ends the connection after it refused a message: the others are sent again. While
                    # more of them are on their way, its answer can be lost, so then they are sent one by one.
                    waiting = [message for message in waiting if message.id not in reasons]
                else:
                    refused |= self._check(waiting, reasons)
                    waiting = []
        except BaseException:  # also Ctrl-C: answers to these messages may still come
            self._drop()
            raise
        if refused:
            raise MessagesRefused(refused)

    def close(self) -> None:
        """Say goodbye, and close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()

    # ---- connecting ------------------------------------------------------------------------------------

    def _connected(self, end: float, reasons: dict[str, int]) -> _Connection:
        if self._connection is not None and not self._connection.is_open:
            self._drop()
        if self._connection is None:
            try:
                self._connection = self._connect(end)
            except PublishUnavailable as error:
                raise PublishUnavailable(str(error), acknowledged=self._acknowledged(reasons)) from error
        return self._connection

    def _connect(self, end: float) -> _Connection:
        client_module = _import()
        client = _client_class()(
            client_module.CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=client_module.MQTTv5,
            reconnect_on_failure=False,
        )
        if self._username is not None or self._password is not None:
            client.username_pw_set(self._username, self._password)
        if self._uses_tls:
            client.tls_set_context(self._tls.context())
        client.max_inflight_messages_set(self._max_in_flight)
        client.connect_timeout = max(0.1, end - monotonic())
        connection = _Connection(client)
        # The client waits for the handshake of TLS for as long as this.
        keep_alive = math.ceil(min(max(self._timeout, _SHORTEST_KEEP_ALIVE), _LONGEST_KEEP_ALIVE))
        title = f"MQTT at {mask_url(self._url)}"
        try:
            reason, text = connection.open(self._host, self._port, keep_alive, end)
        except (OSError, ValueError) as error:
            connection.drop()
            if certificate := find_certificate_error(error):
                raise ConfigurationError(
                    f"{title} has a certificate that is not trusted: {certificate.verify_message}."
                ) from error
            if isinstance(error, ssl.SSLError):
                raise ConfigurationError(f"{title}: TLS failed: {mask_text(str(error))}.") from error
            raise PublishUnavailable(f"{title}: {mask_text(str(error)) or type(error).__name__}.") from error
        except IngestifyError:
            connection.drop()
            raise
        if reason >= _FAILURE:
            connection.drop()
            if reason in _WRONG_LOGIN:
                raise ConfigurationError(f"{title} does not accept the connection: {text}.")
            raise PublishUnavailable(f"{title} does not accept the connection: {text}.")
        if connection.max_qos < 1:
            connection.drop()
            raise ConfigurationError(f"{title} has no QoS 1, so it acknowledges no message.")
        return connection

    # ---- sending ---------------------------------------------------------------------------------------

    def _send(
        self, connection: _Connection, messages: Sequence[Message], most: int, reasons: dict[str, int], end: float
    ) -> dict[str, str]:
        """Send messages, and note the reason code of each. Returns those that are too large, each with why."""
        refused = {}
        packets = []
        for message in messages:
            packet = (self._topic_of(message), *self._contents(message))
            size = _packet_size(*packet)
            if size > connection.max_packet_size:
                refused[message.id] = (
                    f"its packet has {size:,} bytes, and the server takes {connection.max_packet_size:,}"
                )
            else:
                packets.append((message.id, packet))
        self._exchange(connection, packets, min(most, connection.receive_maximum), reasons, end)
        return refused

    def _exchange(
        self,
        connection: _Connection,
        packets: Sequence[tuple[str, tuple[str, bytes, Any]]],
        most: int,
        reasons: dict[str, int],
        end: float,
    ) -> None:
        """Send packets, never more than `most` without an answer, and note what comes back.

        Raises:
            _Lost: The connection broke. What came back before is noted.
        """
        in_flight: dict[int, str] = {}
        is_broken = False
        for message_id, packet in packets:
            while len(in_flight) >= most:
                number, reason = connection.wait_for_answer(end)
                reasons[in_flight.pop(number)] = reason
            sent = connection.publish(*packet)
            if sent is None:
                is_broken = True
                end = min(end, monotonic() + _CLOSING_SECONDS)
                break
            in_flight[sent] = message_id
        while in_flight or is_broken:
            number, reason = connection.wait_for_answer(end)
            reasons[in_flight.pop(number)] = reason

    def _check(self, messages: Sequence[Message], reasons: dict[str, int]) -> dict[str, str]:
        """Raise what the reason codes mean. Returns the refused messages, each with why."""
        refused = {}
        for message in messages:
            reason = reasons.get(message.id, 0)
            if reason == 0:
                continue
            text = f"the server's reason is {_name_of(reason)} (0x{reason:02X})"
            topic = self._topic_of(message)
            if reason in _REFUSED:
                refused[message.id] = text
            elif reason >= _FAILURE:
                title = f"MQTT at {mask_url(self._url)} does not take a message of '{topic}'"
                raise self._failure(f"{title}: {text}.", reason, reasons)
            elif reason == _NO_SUBSCRIBERS:
                self._note_no_subscriber(topic, reasons)
        return refused

    def _failure(self, text: str, reason: int, reasons: dict[str, int]) -> Exception:
        """Return the error for a reason code. A wrong configuration is one when nothing else is left to send."""
        acknowledged = self._acknowledged(reasons)
        if reason in _WRONG and not acknowledged:
            return ConfigurationError(text)
        return PublishUnavailable(text, acknowledged=acknowledged)

    def _note_no_subscriber(self, topic: str, reasons: dict[str, int]) -> None:
        if self._waits:
            raise PublishUnavailable(
                f"Nobody subscribes to the topic '{topic}' of MQTT.", acknowledged=self._acknowledged(reasons)
            )
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Nobody subscribes to the topic '%s' of MQTT, so its messages are gone. To keep them back, write "
                "without_subscribers: wait.",
                topic,
            )

    def _acknowledged(self, reasons: dict[str, int]) -> set[str]:
        return {
            one
            for one, reason in reasons.items()
            if reason < _FAILURE and not (reason == _NO_SUBSCRIBERS and self._waits)
        }

    def _topic_of(self, message: Message) -> str:
        """Return the topic, in which a value is one level."""
        return self._topic.fill({name: value.replace("/", "_") for name, value in message.fields.items()})

    def _contents(self, message: Message) -> tuple[bytes, Any]:
        """Return the payload and the properties."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.PUBLISH)
        if not self._is_binary:
            properties.ContentType = STRUCTURED_TYPE
            return message.structured(), properties
        properties.ContentType = JSON_TYPE
        properties.UserProperty = list(message.headers("").items())
        return message.data, properties


class _Lost(Exception):
    """The connection broke.

    Attributes:
        reason: The reason code of the server; 0: it gave none.
    """

    def __init__(self, text: str, reason: int = 0) -> None:
        super().__init__(text)
        self.reason = reason


class _Connection:
    """One connection, which is not opened again after it broke. What the client's thread is told comes in a queue."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._greetings: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, int] | _Lost] = queue.SimpleQueue()
        self.max_packet_size = _LONGEST_PACKET
        self.receive_maximum = 65_535
        self.max_qos = 2
        client.reasons = {}
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of its end."""
        return bool(self._client.is_connected())

    def open(self, host: str, port: int, keep_alive: int, end: float) -> tuple[int, str]:
        """Connect. Returns the server's reason code, and what it means.

        Raises:
            OSError: There is no connection.
            PublishUnavailable: The server does not answer in time.
        """
        self._client.connect(host, port, keep_alive, clean_start=True)
        self._client.loop_start()
        try:
            return self._greetings.get(timeout=max(0.0, end - monotonic()))
        except queue.Empty:
            raise PublishUnavailable("the server of MQTT does not answer to the connection.") from None

    def publish(self, topic: str, payload: bytes, properties: Any) -> int | None:
        """Send a message. Returns its number; None: the connection broke."""
        sent = self._client.publish(topic, payload, qos=1, retain=False, properties=properties)
        return sent.mid if sent.rc == 0 else None

    def wait_for_answer(self, end: float) -> tuple[int, int]:
        """Return the number of a message, and the reason code of its PUBACK.

        Raises:
            _Lost: The connection broke, or there is no answer in time.
        """
        try:
            answer = self._answers.get(timeout=max(0.0, end - monotonic()))
        except queue.Empty:
            raise _Lost("there is no answer in time") from None
        if isinstance(answer, _Lost):
            raise answer
        return answer

    def close(self) -> None:
        """Say goodbye, and end the client's thread."""
        self._client.disconnect()
        with contextlib.suppress(_Lost):
            self.wait_for_answer(monotonic() + _CLOSING_SECONDS)
        self.drop()

    def drop(self) -> None:
        """End the connection at once, and the client's thread."""
        open_socket = self._client.socket()
        if open_socket is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    # ---- in the client's thread ------------------------------------------------------------------------

    def _on_socket_open(self, _client: Any, _data: Any, opened: socket.socket) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        self.max_packet_size = getattr(properties, "MaximumPacketSize", self.max_packet_size)
        self.receive_maximum = getattr(properties, "ReceiveMaximum", self.receive_maximum)
        self.max_qos = getattr(properties, "MaximumQoS", self.max_qos)
        self._greetings.put((reason.value, str(reason)))

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._answers.put(_Lost(f"the server ended the connection: {reason}", reason.value))
        else:
            self._answers.put(_Lost("the connection was lost"))
        self._greetings.put((_FAILURE, "the connection was lost"))

    def _on_publish(self, client: Any, _data: Any, number: int, _reason: Any, _properties: Any) -> None:
        self._answers.put((number, client.reasons.pop(number, 0)))


def _client_class() -> Any:
    """Return a client that gives every reason code of a PUBACK to `on_publish`, in `reasons` of itself.

    The client's own class ends the connection at a code that the protocol does not have there, as Mosquitto's 0x95.
    """

    class Client(_import().Client):  # type: ignore[misc] # the package is not typed here
        def _handle_pubackcomp(self, kind: Any) -> Any:
            packet = self._in_packet["packet"]
            if len(packet) > 2:
                self.reasons[int.from_bytes(packet[:2], "big")] = packet[2]
                self._in_packet |= {"packet": packet[:2], "remaining_length": 2}
            return super()._handle_pubackcomp(kind)

    return Client


def _packet_size(topic: str, payload: bytes, properties: Any) -> int:
    """Return how many bytes a PUBLISH packet has (section 3.3 of the protocol)."""
    size = 1 + _text_size(properties.ContentType)
    size += sum(1 + _text_size(name) + _text_size(value) for name, value in getattr(properties, "UserProperty", ()))
    rest = _text_size(topic) + 2 + _number_size(size) + size + len(payload)
    return 1 + _number_size(rest) + rest


def _text_size(text: str) -> int:
    return 2 + len(text.encode())


def _number_size(number: int) -> int:
    """Return the bytes of a Variable Byte Integer, of which each has 7 bits."""
    return max(1, (number.bit_length() + 6) // 7)


def _name_of(reason: int) -> str:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    try:
        return f"'{ReasonCode(PacketTypes.PUBACK, identifier=reason)}'"
    except (KeyError, ValueError):
        return "'Packet too large'" if reason == _TOO_LARGE else "one that the protocol does not have"


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        if (
            parts.scheme in _PORTS
            and parts.hostname
            and parts.port != 0
            and parts.path in ("", "/")
            and not parts.query
        ):
            return parts
    except ValueError:
        pass
    raise ConfigurationError(f"url is {mask_url(url)}; write one such as mqtt://127.0.0.1:1883 or mqtts://….")


def _import() -> Any:
    try:
        import paho.mqtt.client
    except ImportError as error:
        raise MissingExtraError("mqtt", "The publisher ingestify.mqtt") from error
    return paho.mqtt.client
