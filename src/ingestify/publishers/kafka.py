"""Kafka, through librdkafka, whose idempotent producer writes no message twice when it repeats a request.

Format: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md. Settings of
librdkafka: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.clock import monotonic
from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.publishers.arguments import check_choice, check_seconds, check_text
from ingestify.publishers.template import Template

__all__ = ["Kafka"]

_OWN = {
    "bootstrap.servers": "bootstrap_servers",
    "metadata.broker.list": "bootstrap_servers",
    "message.timeout.ms": "timeout",
    "delivery.timeout.ms": "timeout",
    "enable.idempotence": "",
    "acks": "",
    "request.required.acks": "",
    "transactional.id": "",
}
"""The properties that `options` cannot have, each with the setting in its place; empty: none."""

# By the names of librdkafka, as the client is not imported here.
_TOO_LARGE = {"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"}
"""Of a message, or of the request that it shares with others."""
_SHARED = _TOO_LARGE | {"_INVALID_DIFFERENT_RECORD"}
_REFUSED = _TOO_LARGE | {"POLICY_VIOLATION"}
_WRONG_TOPIC = {
    "UNKNOWN_TOPIC_OR_PART",
    "_UNKNOWN_TOPIC",
    "TOPIC_EXCEPTION",
    "TOPIC_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "UNSUPPORTED_COMPRESSION_TYPE",
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
}
_WRONG_LOGIN = {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"}

_SLICE = 0.2
_GRACE = 5.0
"""Seconds after the time-out in which librdkafka says what has become of the last messages."""
_LONGEST_WAIT_FOR_TOPIC = 10.0


class Kafka(Publisher):
    """Sends each message to a topic; its key is the id of the dataset, so a dataset's messages are in one partition.

    Args:
        bootstrap_servers: `host:9092`, several with commas between them, or a list.
        topic: The topic, which may have fields of the message: `football.{provider}.{dataset_type}`.
        content_mode: `binary`: the value is the data, and the attributes of the CloudEvent are headers; `structured`:
            the value is the whole CloudEvent.
        timeout: Seconds until messages that nobody has acknowledged count as not sent.
        options: Properties of librdkafka, such as `security.protocol`, `sasl.username` and `compression.type`.
    """

    batch_size = 1000

    def __init__(
        self,
        bootstrap_servers: str | Sequence[str],
        topic: str,
        *,
        content_mode: str = "binary",
        timeout: float = 30.0,
        options: Mapping[str, str | float | bool] | None = None,
    ) -> None:
        given = bootstrap_servers if isinstance(bootstrap_servers, (list, tuple)) else [bootstrap_servers]
        self._servers = ",".join(check_text(one, "bootstrap_servers", "localhost:9092") for one in given)
        if not self._servers:
            raise ConfigurationError("bootstrap_servers is empty; write a text such as localhost:9092.")
        self._topic = Template(topic, "topic")
        self._is_structured = check_choice(content_mode, "content_mode", ("binary", "structured")) == "structured"
        self._timeout = check_seconds(timeout, "timeout")
        self._options = _checked({} if options is None else options)
        self._producer: Any = None
        self._connection_error: Any = None
        """What the client said last about its connections, since the beginning of a call."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages, and wait until each is acknowledged by all replicas that are in sync."""
        if not messages:
            return
        self._connection_error = None
        end = monotonic() + self._timeout
        outcome = self._send(messages)
        if len(messages) > 1:
            for message in messages:
                error = outcome.get(message.id)
                if error is not None and error.name() in _SHARED and monotonic() < end:
                    outcome |= self._send([message])
        self._tell(messages, outcome)

    def close(self) -> None:
        """End the producer. Messages that nobody has acknowledged are given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    # ---- sending ---------------------------------------------------------------------------------------

    def _send(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Send messages. Returns the error of each, or None where it was acknowledged; one without is not there."""
        kafka = _import()
        outcome: dict[str, Any] = {}
        producer = self._connect(kafka)
        end = monotonic() + self._timeout + _GRACE
        try:
            for message in messages:
                self._produce(kafka, producer, message, outcome, end)
            while producer.flush(_SLICE):
                if monotonic() > end or self._is_login_wrong:
                    self.close()
                    break
        except kafka.KafkaException as error:
            self._give_up(error)
        except SystemError as error:
            # A callback of the client raises its fatal error, and one more may be called after that.
            if not isinstance(error.__cause__, kafka.KafkaException):
                raise
            self._give_up(error.__cause__)
        if any(error is not None and error.fatal() for error in outcome.values()):
            self.close()
        return outcome

    def _produce(self, kafka: Any, producer: Any, message: Message, outcome: dict[str, Any], end: float) -> None:
        def note(error: Any, _: object) -> None:
            outcome[message.id] = error

        if self._is_structured:
            value, headers = message.structured(), {"content-type": STRUCTURED_TYPE}
        else:
            value, headers = message.data, {"content-type": JSON_TYPE, **message.headers("ce_")}
        topic = self._topic.fill(message.fields)
        while True:
            try:
                producer.produce(topic, value, message.key, on_delivery=note, headers=headers)
            except BufferError:  # the queue of the client is full, by a property in `options`
                if monotonic() > end:
                    return
                producer.poll(_SLICE)
            except kafka.KafkaException as error:
                if error.args[0].name() == "_FATAL":
                    raise
                outcome[message.id] = error.args[0]
                return
            else:
                return

    def _connect(self, kafka: Any) -> Any:
        if self._producer is None:
            milliseconds = int(self._timeout * 1000)
            properties = {
                "client.id": "ingestify",
                "log_level": 2,  # what matters is told by errors
                # As Java's client chooses partitions, so that streams of both can be joined.
                "partitioner": "murmur2_random",
                "socket.timeout.ms": max(10, min(milliseconds, 60_000)),
                "topic.metadata.propagation.max.ms": int(min(milliseconds / 2, _LONGEST_WAIT_FOR_TOPIC * 1000)),
                **self._options,
                "bootstrap.servers": self._servers,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": milliseconds,
                "error_cb": self._note_error,
            }
            try:
                self._producer = kafka.Producer(properties)
            except (kafka.KafkaException, TypeError, ValueError) as error:
                raise ConfigurationError(f"options of the Kafka publisher: {_text(error)}.") from error
        return self._producer

    def _note_error(self, error: Any) -> None:
        """Keep what the client says of its connections; "all brokers are down" says less than the one before."""
        if error.name() != "_ALL_BROKERS_DOWN" or self._connection_error is None:
            self._connection_error = error

    def _give_up(self, error: Any) -> None:
        """End a producer that can send nothing any more."""
        self._connection_error = error.args[0]
        self.close()

    # ---- what became of it -----------------------------------------------------------------------------

    @property
    def _is_login_wrong(self) -> bool:
        return self._connection_error is not None and self._connection_error.name() in _WRONG_LOGIN

    def _tell(self, messages: Sequence[Message], outcome: Mapping[str, Any]) -> None:
        """Raise what has become of the messages, if not all were acknowledged."""
        acknowledged = {name for name, error in outcome.items() if error is None}
        if len(acknowledged) == len(messages):
            return
        refused: dict[str, str] = {}
        topics: dict[str, str] = {}
        others = []
        for message in messages:
            error = outcome.get(message.id)
            if message.id in acknowledged:
                continue
            if error is not None and error.name() in _REFUSED:
                refused[message.id] = _text(error)
            elif error is not None and error.name() in _WRONG_TOPIC:
                topics[self._topic.fill(message.fields)] = _text(error)
                refused[message.id] = f"the topic '{self._topic.fill(message.fields)}': {_text(error)}"
            else:
                others.append(error)
        where = f"Kafka at {self._servers}"
        if self._is_login_wrong and not acknowledged:
            raise ConfigurationError(f"{where} does not accept the login: {_text(self._connection_error)}.")
        if topics and not acknowledged:
            self.close()  # as a producer remembers which topics are not there
            told = "; ".join(f"'{name}': {text}" for name, text in topics.items())
            raise ConfigurationError(f"{where} takes no messages for the topic {told}.")
        if others:
            reasons = dict.fromkeys(_text(one) for one in (others[0], self._connection_error) if one is not None)
            raise PublishUnavailable(
                f"{where} did not acknowledge {len(others)} of {len(messages)} messages: "
                f"{'; '.join(reasons) or f'no answer for {self._timeout:g} seconds'}.",
                acknowledged=acknowledged,
            )
        raise MessagesRefused(refused)


def _checked(options: object) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise ConfigurationError("options is no mapping; write properties of librdkafka, as {security.protocol: ssl}.")
    for name, value in options.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise ConfigurationError(f"options: {name} is a {type(value).__name__}; write a text or a number.")
        if name in _OWN:
            instead = f"write the setting {_OWN[name]}." if _OWN[name] else "the publisher sets it, to lose nothing."
            raise ConfigurationError(f"options cannot have {name}: {instead}")
    return dict(options)


def _text(error: Any) -> str:
    """Return an error of the client, or what it raised, as a text without its last full stop."""
    first = error.args[0] if isinstance(error, Exception) and error.args else error
    return str(first.str() if hasattr(first, "str") else first).rstrip(".")


def _import() -> Any:
    try:
        import confluent_kafka
    except ImportError as error:
        raise MissingExtraError("kafka", "The publisher ingestify.kafka") from error
    return confluent_kafka
