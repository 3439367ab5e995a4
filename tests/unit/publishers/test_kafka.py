"""The settings of the Kafka publisher; with a cluster: tests/integration/publishers/test_kafka.py."""

from __future__ import annotations

import sys

import pytest

from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.publishers.kafka import Kafka
from ingestify.testing.publisher_contract import make_messages

GIVEN = {"bootstrap_servers": "127.0.0.1:9092", "topic": "football.{provider}"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bootstrap_servers": ""}, "bootstrap_servers is empty"),
        ({"bootstrap_servers": []}, "bootstrap_servers is empty"),
        ({"bootstrap_servers": ["a:1", 2]}, "bootstrap_servers is a int"),
        ({"topic": "foot ball"}, "topic: 'foot ball' has ' '"),
        ({"content_mode": "both"}, "content_mode is 'both'"),
        ({"timeout": 0}, "timeout is 0"),
        ({"options": "sasl"}, "options is no mapping"),
        ({"options": {"sasl.username": ["a"]}}, "options: sasl.username is a list"),
        ({"options": {"acks": 1}}, "options cannot have acks: the publisher sets it"),
        ({"options": {"message.timeout.ms": 1}}, "options cannot have message.timeout.ms: write the setting timeout"),
        ({"options": {"bootstrap.servers": "b:1"}}, "write the setting bootstrap_servers"),
    ],
)
def test_a_wrong_setting_is_named(changed, message):
    with pytest.raises(ConfigurationError, match=message):
        Kafka(**GIVEN | changed)


def test_a_publisher_connects_to_nothing_before_it_publishes(monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    publisher = Kafka(
        **GIVEN, options={"compression.type": "zstd", "linger.ms": 20, "enable.ssl.certificate.verification": True}
    )
    publisher.publish([])
    with pytest.raises(MissingExtraError, match=r"ingestify\.kafka needs the extra 'kafka'"):
        publisher.publish(make_messages(1))
    publisher.close()
