"""RabbitMQ, by AMQP 0-9-1 with publisher confirms.

Protocol: https://www.rabbitmq.com/docs/confirms. Format: the names of the headers are those of
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md, which is for AMQP 1.0.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import ssl
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any

from ingestify.clock import monotonic
from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.masking import hide_url, mask_text, mask_url
from ingestify.publishers.arguments import check_choice, check_seconds, check_text
from ingestify.publishers.template import Template
from ingestify.publishers.tls import Tls

__all__ = ["RabbitMQ"]

_pika_logger = logging.getLogger("pika")

_ALLOWED = "[A-Za-z0-9._:/-]"
_LONGEST_NAME = 255
_PERSISTENT = 2
_LARGE = 128 << 10
"""Bytes, far below what RabbitMQ takes by default (16 MiB)."""
_SECONDS_TO_CLOSE = 1.0

_NO_EXCHANGE = 404
_NOT_ALLOWED = 403
_TOO_LARGE = (311, 406)
_NO_VIRTUAL_HOST = 530


class RabbitMQ(Publisher):
    """Sends each message to an exchange, or to a queue, and waits until RabbitMQ confirms that a queue has it.

    Args:
        url: `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS.
        exchange: The exchange, which may have fields of the message. Left out with `queue`.
        routing_key: The routing key, which may have fields of the message.
        queue: The queue, which may have fields of the message. Left out with `exchange`.
        content_mode: `binary`: the body is the data, and the attributes of the CloudEvent are headers; `structured`:
            the body is the whole CloudEvent.
        timeout: Seconds until messages that RabbitMQ has not confirmed count as not sent.
        ca_file: The certificates that are trusted, PEM; left out: those of the system.
        client_certificate: The certificate that this side shows, PEM.
        client_key: Its key; left out: it is in the same file.

    Raises:
        ConfigurationError: One of them is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        exchange: str | None = None,
        routing_key: str | None = None,
        queue: str | None = None,
        content_mode: str = "binary",
        timeout: float = 30.0,
        ca_file: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
    ) -> None:
        self._url = check_text(url, "url", "amqp://guest:guest@127.0.0.1:5672/")
        hide_url(self._url)
        scheme = urllib.parse.urlsplit(self._url).scheme
        if scheme not in ("amqp", "amqps"):
            raise ConfigurationError(f"url is {mask_url(self._url)}; it must begin with amqp:// or amqps://.")
        if (exchange is None) == (queue is None):
            raise ConfigurationError("Write either exchange, with a routing_key, or queue.")
        if queue is not None and routing_key is not None:
            raise ConfigurationError("With queue there is no routing_key: a message for a queue has the queue's name.")
        self._exchange = None if exchange is None else _template(exchange, "exchange")
        self._routing_key = (
            _template("{provider}.{dataset_type}.{event_type}" if routing_key is None else routing_key, "routing_key")
            if queue is None
            else _template(queue, "queue")
        )
        self._is_structured = check_choice(content_mode, "content_mode", ("binary", "structured")) == "structured"
        self._timeout = check_seconds(timeout, "timeout")
        self._tls = Tls.of(ca_file, client_certificate, client_key)
        if self._tls.is_set and scheme != "amqps":
            raise ConfigurationError(f"url is {mask_url(self._url)}; with files of TLS it must begin with amqps://.")
        self._link: _Link | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Send all messages, then wait for all confirms."""
        if not messages:
            return
        pika = _import()
        from pika.adapters.utils.connection_workflow import AMQPConnectorException

        end = monotonic() + self._timeout
        call = _Call(messages)
        try:
            # For a message that it does not like, RabbitMQ closes the channel, and does not say for which one. Those
            # after it are lost, and those before it may have no confirm. Large messages go alone, as some may be too
            # large.
            together = [one for one in messages if len(one.data) < _LARGE]
            if together:
                self._send(pika, call, together, end)
            alone = call.waiting if call.closed else [one for one in messages if len(one.data) >= _LARGE]
            for message in alone:
                exchange, _ = self._address(message)
                if exchange in call.missing:
                    call.unroutable[message.id] = call.missing[exchange]
                elif monotonic() < end:
                    call.closed = None
                    self._send(pika, call, [message], end)
                    self._judge(call, message, exchange)
        except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
            self.close()
            raise self._translate(pika, _root(error), call.acknowledged) from error
        try:
            self._tell(call)
        finally:
            if self._link is not None and self._link.has_unconfirmed:
                self.close()

    def close(self) -> None:
        """Close the connection."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    # ---- sending ---------------------------------------------------------------------------------------

    def _send(self, pika: Any, call: _Call, messages: Sequence[Message], end: float) -> None:
        """Send messages, and wait until each is confirmed, or the channel was closed, or the time is over."""
        if self._link is not None and not self._link.is_open(end):
            self.close()
        if self._link is None:
            self._link = _Link(pika, self._parameters(pika), end)
        self._link.open_channel(call, end)
        for message in messages:
            self._link.publish(*self._address(message), *self._content(pika, message))
        self._link.wait_for_confirms(end)

    def _address(self, message: Message) -> tuple[str, str]:
        exchange = "" if self._exchange is None else self._exchange.fill(message.fields)
        return exchange, self._routing_key.fill(message.fields)

    def _content(self, pika: Any, message: Message) -> tuple[bytes, Any]:
        if self._is_structured:
            body, content_type, headers = message.structured(), STRUCTURED_TYPE, None
        else:
            body, content_type, headers = message.data, JSON_TYPE, message.headers("cloudEvents:")
        return body, pika.BasicProperties(
            content_type=content_type,
            headers=headers,
            delivery_mode=_PERSISTENT,
            message_id=message.id,
            type=message.type,
        )

    def _parameters(self, pika: Any) -> Any:
        try:
            parameters = pika.URLParameters(self._url)
            changed = {
                "connection_attempts": 1,
                "socket_timeout": self._timeout,
                "stack_timeout": self._timeout,
                "client_properties": {"connection_name": "ingestify"},
            }
            if self._url.startswith("amqps:"):
                changed["ssl_options"] = pika.SSLOptions(self._tls.context(), parameters.host)
            for name, value in changed.items():
                setattr(parameters, name, value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"url is {mask_url(self._url)}: {mask_text(str(error))}.") from error
        return parameters

    # ---- what became of it -----------------------------------------------------------------------------

    def _judge(self, call: _Call, message: Message, exchange: str) -> None:
        """Note why RabbitMQ closed the channel for a message that was sent alone."""
        if call.closed is None:
            return
        code, text = call.closed
        if code == _NO_EXCHANGE:
            call.missing[exchange] = text
        if code in (_NO_EXCHANGE, _NOT_ALLOWED):
            call.unroutable[message.id] = text
        elif code in _TOO_LARGE:
            call.refused[message.id] = text

    def _tell(self, call: _Call) -> None:
        """Raise what has become of the messages, if not all were confirmed."""
        if len(call.acknowledged) == len(call.messages):
            return
        if call.waiting:
            reason = (self._link and self._link.blocked) or call.nacked or (call.closed and call.closed[1])
            raise PublishUnavailable(
                f"{self._where} did not confirm {len(call.waiting)} of {len(call.messages)} messages: "
                f"{reason or f'no answer for {self._timeout:g} seconds'}.",
                acknowledged=call.acknowledged,
            )
        told = {
            one.id: f"{self._told(one)}: {call.unroutable[one.id]}"
            for one in call.messages.values()
            if one.id in call.unroutable
        }
        if told and not call.acknowledged:
            others = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
            raise ConfigurationError(f"{self._where} has no place for messages of {next(iter(told.values()))}{others}.")
        raise MessagesRefused(call.refused | told)

    def _told(self, message: Message) -> str:
        exchange, routing_key = self._address(message)
        return f"the exchange '{exchange}' with the routing key '{routing_key}'" if exchange else f"'{routing_key}'"

    @property
    def _where(self) -> str:
        return f"RabbitMQ at {mask_url(self._url)}"

    def _translate(self, pika: Any, error: BaseException, acknowledged: set[str]) -> Exception:
        """Return the error of this package for one that broke the connection."""
        names = pika.exceptions
        text = _text(error)
        if isinstance(error, (names.ProbableAuthenticationError, names.AuthenticationError)):
            return ConfigurationError(f"{self._where} does not accept user and password: {text}.")
        if isinstance(error, names.ProbableAccessDeniedError) or (
            isinstance(error, names.ConnectionClosedByBroker) and error.reply_code == _NO_VIRTUAL_HOST
        ):
            return ConfigurationError(f"{self._where} does not let this user into the virtual host: {text}.")
        if isinstance(error, ssl.SSLCertVerificationError):
            return ConfigurationError(f"{self._where} has a certificate that is not trusted: {error.verify_message}.")
        return PublishUnavailable(f"{self._where}: {text}.", acknowledged=acknowledged)


class _Call:
    """The messages of one call of `publish`, and what has become of them so far.

    Attributes:
        unroutable: Those that no queue takes, each with why.
        missing: The exchanges that are not there, each with what RabbitMQ said.
        nacked: What is known of those that RabbitMQ could not keep.
        closed: The code and the text with which RabbitMQ closed the channel.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = {message.id: message for message in messages}
        self.acknowledged: set[str] = set()
        self.unroutable: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.nacked = ""
        self.closed: tuple[int, str] | None = None

    @property
    def waiting(self) -> list[Message]:
        """The messages of which nothing is known."""
        known = self.acknowledged | self.unroutable.keys() | self.refused.keys()
        return [one for one in self.messages.values() if one.id not in known]


class _Link:
    """A connection with a channel in confirm mode. Its loop only runs while a method is called, and with it heartbeats.

    Raises:
        AMQPError: The connection cannot be made.
    """

    def __init__(self, pika: Any, parameters: Any, end: float) -> None:
        self.blocked = ""
        """Why RabbitMQ takes no messages at the moment; empty: it does."""
        self._call: Any = None
        self._channel: Any = None
        self._unconfirmed: dict[int, str] = {}
        self._tag = 0
        self._is_ready = False
        self._failure: Exception | None = None
        self._closed_by_broker = pika.exceptions.ChannelClosedByBroker
        self._lost = pika.exceptions.StreamLostError
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda _: self._wake(),
            on_open_error_callback=self._fail,
            on_close_callback=self._fail,
        )
        self._connection.add_on_connection_blocked_callback(self._note_blocked)
        self._connection.add_on_connection_unblocked_callback(self._note_unblocked)
        self._run(lambda: self._connection.is_open, end)
        if not self._connection.is_open:
            self.close()
            raise self._lost("it does not answer")

    @property
    def has_unconfirmed(self) -> bool:
        """Whether RabbitMQ may still confirm messages of the last call."""
        return bool(self._unconfirmed)

    def is_open(self, end: float) -> bool:
        """Read what came meanwhile. Returns whether the connection is still open."""
        with contextlib.suppress(Exception):
            self._connection.ioloop.call_later(0, self._wake)
            self._run(lambda: False, min(end, monotonic() + 0.01))
        return self._failure is None and bool(self._connection.is_open)

    def open_channel(self, call: _Call, end: float) -> None:
        """Open a channel in confirm mode, unless the last one is still open."""
        self._call = call
        if self._channel is not None and self._channel.is_open:
            return
        self._tag, self._unconfirmed, self._is_ready = 0, {}, False
        self._channel = self._connection.channel(on_open_callback=self._confirm)
        self._channel.add_on_close_callback(self._note_closed)
        self._channel.add_on_return_callback(self._note_returned)
        self._run(lambda: self._is_ready or call.closed is not None, end)
        if not self._is_ready:
            raise self._lost("it opens no channel")

    def publish(self, exchange: str, routing_key: str, body: bytes, properties: Any) -> None:
        """Send a message of the call."""
        self._tag += 1
        self._unconfirmed[self._tag] = properties.message_id
        self._channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)

    def wait_for_confirms(self, end: float) -> None:
        """Wait until nothing is unconfirmed, or RabbitMQ closed the channel."""
        self._run(lambda: not self._unconfirmed or self._call.closed is not None, end)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):
            self._connection.close()
        with contextlib.suppress(Exception):
            self._run(lambda: self._connection.is_closed, monotonic() + _SECONDS_TO_CLOSE)
        with contextlib.suppress(Exception):
            self._connection.ioloop.close()

    # ---- the loop --------------------------------------------------------------------------------------

    def _run(self, is_done: Callable[[], bool], end: float) -> None:
        """Run the loop until something is so, or the time is over.

        Raises:
            Exception: The connection broke.
        """
        loop = self._connection.ioloop
        timer = loop.call_later(max(0.0, end - monotonic()), loop.stop)
        try:
            while not is_done() and monotonic() < end:
                if self._failure is not None:
                    raise self._failure
                loop.start()
        finally:
            loop.remove_timeout(timer)

    def _wake(self) -> None:
        self._connection.ioloop.stop()

    def _fail(self, _: object, error: Exception) -> None:
        self._failure = error
        self._wake()

    def _note_blocked(self, _: object, frame: Any) -> None:
        self.blocked = f"it takes no messages at the moment ({frame.method.reason})"

    def _note_unblocked(self, *_: object) -> None:
        self.blocked = ""

    def _confirm(self, channel: Any) -> None:
        channel.confirm_delivery(self._note_confirm, self._note_ready)

    def _note_ready(self, _: object) -> None:
        self._is_ready = True
        self._wake()

    def _note_returned(self, _channel: object, method: Any, properties: Any, _body: bytes) -> None:
        self._call.unroutable[properties.message_id] = f"{method.reply_code} {method.reply_text}"

    def _note_confirm(self, frame: Any) -> None:
        """Note an ack, or a nack; a returned message gets an ack too, after it came back."""
        method = frame.method
        last = method.delivery_tag
        earlier = itertools.takewhile(lambda tag: tag <= last, self._unconfirmed)
        for tag in list(earlier) if method.multiple else [last]:
            message_id = self._unconfirmed.pop(tag, None)
            if message_id is None:
                continue
            if method.NAME == "Basic.Nack":
                self._call.nacked = "RabbitMQ could not keep them (nack)"
            elif message_id not in self._call.unroutable:
                self._call.acknowledged.add(message_id)
        if not self._unconfirmed:
            self._wake()

    def _note_closed(self, _: object, reason: Any) -> None:
        if isinstance(reason, self._closed_by_broker):
            self._call.closed = (reason.reply_code, reason.reply_text)
        self._wake()


def _template(text: object, setting: str) -> Template:
    return Template(text, setting, allowed=_ALLOWED, longest=_LONGEST_NAME)


def _root(error: BaseException) -> BaseException:
    """Return the error that pika has wrapped in others."""
    inner = (getattr(error, "exceptions", None) or [getattr(error, "exception", None)])[-1]
    if not isinstance(inner, BaseException):
        inner = error.args[0] if error.args else None
    return _root(inner) if isinstance(inner, BaseException) else error


def _text(error: BaseException) -> str:
    """Return why a connection broke."""
    code = getattr(error, "reply_code", None)
    text = str(error) if code is None else f"{code} {getattr(error, 'reply_text', '')}"
    return mask_text(" ".join(text.split())).rstrip(".") or type(error).__name__


def _import() -> Any:
    try:
        import pika
        import pika.exceptions
    except ImportError as error:
        raise MissingExtraError("rabbitmq", "The publisher ingestify.rabbitmq") from error
    if _pika_logger.level == logging.NOTSET:
        _pika_logger.setLevel(logging.CRITICAL)  # it logs each connection that is lost; the publisher's error says so
    return pika
