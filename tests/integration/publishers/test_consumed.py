"""What each system's own client gets is read by `ingestify.consume`, as its documentation says.

The workers of RabbitMQ and Kafka in test_example_workers.py, and the Lambda function, read theirs.
"""

from __future__ import annotations

import redis

from ingestify.consume import parse
from ingestify.events.payload import make_message
from tests.integration.publishers.test_mqtt import MqttDestination
from tests.integration.publishers.test_nats import NatsDestination, stream
from tests.integration.publishers.test_redis import STREAM, RedisDestination
from tests.support.every_event import lake_with_every_event
from tests.unit.publishers.test_webhook import Endpoint


def publish_all(destination):
    """Publish one message of each type. Returns them."""
    with lake_with_every_event() as engine:
        events = engine.store.catalogue.event_log.read(0, 1000)
    messages = {event.event_type: make_message(event) for event in events}
    publisher = destination.make()
    for message in messages.values():  # several are of one dataset
        publisher.publish([message])
    publisher.close()
    return list(messages.values())


def check(events, messages):
    assert [event.id for event in events] == [message.id for message in messages]
    for event, message in zip(events, messages, strict=True):
        assert message.headers("").items() <= event.attributes.items()


def test_entries_of_a_redis_stream(tmp_path):
    destination = RedisDestination(tmp_path / "redis")
    try:
        messages = publish_all(destination)
        with redis.Redis(port=destination.server.port) as client:  # it gives bytes
            entries = client.xrange(STREAM)
        check([parse(fields[b"data"], fields, validate=True) for _, fields in entries], messages)
    finally:
        destination.server.kill()


def test_messages_of_nats(tmp_path):
    for mode in "binary", "structured":
        destination = NatsDestination(tmp_path / mode, stream=stream(), content_mode=mode)
        try:
            messages = publish_all(destination)
            check([parse(one.data, one.headers, validate=True) for one in destination.messages()], messages)
        finally:
            destination.server.kill()


def test_messages_of_mqtt(tmp_path):
    for mode in "binary", "structured":
        destination = MqttDestination(tmp_path / mode, content_mode=mode)
        try:
            messages = publish_all(destination)
            received = destination.subscriber.messages(len(messages))
            headers = [getattr(one.properties, "UserProperty", None) for one in received]
            events = [parse(one.payload, named, validate=True) for one, named in zip(received, headers, strict=True)]
            check(events, messages)
        finally:
            destination.end()


def test_requests_of_a_webhook():
    for mode in "binary", "structured":
        endpoint = Endpoint(mode)
        try:
            messages = publish_all(endpoint)
            check([parse(one.body, one.headers, validate=True) for one in endpoint.asked], messages)
        finally:
            endpoint.stop()
