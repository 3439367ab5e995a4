"""The settings and the errors of the RabbitMQ publisher; with a node: tests/integration/publishers/test_rabbitmq.py."""

from __future__ import annotations

import socket
import ssl
import sys

import pika
import pytest
from pika.adapters.utils import connection_workflow
from pika.exceptions import (
    AMQPConnectionError,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from ingestify.errors import ConfigurationError, MissingExtraError, PublishUnavailable
from ingestify.publishers.rabbitmq import RabbitMQ, _root
from ingestify.testing.publisher_contract import make_messages

URL = "amqp://lake:rabbit-secret-2@127.0.0.1:5672/"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "http://127.0.0.1", "queue": "q"}, r"url is http://127\.0\.0\.1; it must begin with amqp://"),
        ({"url": "", "queue": "q"}, "url is empty"),
        ({"url": URL}, "either exchange, with a routing_key, or queue"),
        ({"url": URL, "queue": "q", "exchange": "e"}, "either exchange, with a routing_key, or queue"),
        ({"url": URL, "queue": "q", "routing_key": "r"}, "With queue there is no routing_key"),
        ({"url": URL, "exchange": "e", "routing_key": "r {x}"}, "routing_key: 'r {x}' has ' '"),
        ({"url": URL, "queue": "{provider"}, "queue: '{provider' has a brace alone"),
        ({"url": URL, "queue": "q", "content_mode": "x"}, "content_mode is 'x'"),
        ({"url": URL, "queue": "q", "timeout": -1}, "timeout is -1"),
        ({"url": URL, "queue": "q", "ca_file": "/ca.pem"}, r"\*\*\*@.*it must begin with amqps://"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        RabbitMQ(**settings)
    assert "rabbit-secret-2" not in str(error.value)


def test_what_pika_does_not_understand_of_the_url_is_told_without_the_password():
    publisher = RabbitMQ(f"{URL}?heartbeat=often", queue="q")
    with pytest.raises(ConfigurationError, match="heartbeat") as error:
        publisher.publish(make_messages(1))
    assert "rabbit-secret-2" not in str(error.value)


def test_a_file_of_certificates_that_is_not_there_is_named():
    publisher = RabbitMQ("amqps://127.0.0.1:1/", queue="q", ca_file="/no/ca.pem")
    with pytest.raises(ConfigurationError, match=r"/no/ca\.pem"):
        publisher.publish(make_messages(1))


def test_a_publisher_connects_to_nothing_before_it_publishes(monkeypatch):
    monkeypatch.setitem(sys.modules, "pika", None)
    publisher = RabbitMQ(URL, exchange="lake")
    publisher.publish([])
    with pytest.raises(MissingExtraError, match=r"ingestify\.rabbitmq needs the extra 'rabbitmq'"):
        publisher.publish(make_messages(1))
    publisher.close()


def untrusted():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def in_workflow(error):
    """An error of the beginning of a connection, as pika wraps it."""
    return connection_workflow.AMQPConnectionWorkflowFailed([error])


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            in_workflow(
                connection_workflow.AMQPConnectorAMQPHandshakeError(ProbableAuthenticationError("ACCESS_REFUSED - no"))
            ),
            ConfigurationError,
            "does not accept user and password",
        ),
        (
            in_workflow(connection_workflow.AMQPConnectorAMQPHandshakeError(ProbableAccessDeniedError("no vhost"))),
            ConfigurationError,
            "virtual host",
        ),
        (ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost x not found"), ConfigurationError, "530 NOT_ALLOWED"),
        (
            in_workflow(connection_workflow.AMQPConnectorTransportSetupError(untrusted())),
            ConfigurationError,
            "certificate that is not trusted",
        ),
        (ConnectionClosedByBroker(320, "CONNECTION_FORCED - node stops"), PublishUnavailable, "320 CONNECTION_FORCED"),
        (
            AMQPConnectionError(
                in_workflow(connection_workflow.AMQPConnectorSocketConnectError(ConnectionRefusedError(111, "refused")))
            ),
            PublishUnavailable,
            "refused",
        ),
        (
            in_workflow(connection_workflow.AMQPConnectorSocketConnectError(socket.gaierror(-2, "Name not known"))),
            PublishUnavailable,
            "Name not known",
        ),
        (StreamLostError("Transport indicated EOF"), PublishUnavailable, "Transport indicated EOF"),
    ],
)
def test_each_error_of_a_connection_says_who_has_to_do_something(error, kind, message):
    told = RabbitMQ(URL, queue="q")._translate(pika, _root(error), {"1"})
    assert type(told) is kind
    assert message in str(told)
    assert "rabbit-secret-2" not in str(told)
    assert not isinstance(told, PublishUnavailable) or told.acknowledged == {"1"}
