"""The publishers of AWS against moto."""

from __future__ import annotations

import contextlib

import pytest

from ingestify.errors import ConfigurationError
from ingestify.testing.publisher_contract import PublisherContract, make_messages
from tests.integration.storage import servers
from tests.support.sizes import sample_and_rest

from . import aws_destinations as aws
from .faults import check_cut_connections

DESTINATIONS = {
    "kinesis": aws.KinesisDestination,
    "sqs": aws.SqsDestination,
    "sqs-fifo": aws.SqsFifoDestination,
    "sns": aws.SnsDestination,
    "sns-fifo": aws.SnsFifoDestination,
    "eventbridge": aws.EventBridgeDestination,
    "lambda": aws.LambdaDestination,
    "lambda-list": aws.LambdaListDestination,
    "lambda-waiting": aws.LambdaWaitingDestination,
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET_KEY)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture(scope="module")
def moto():
    with servers.moto() as url:
        yield url


@pytest.mark.sampled(3)
@pytest.mark.parametrize("service", DESTINATIONS)
class TestAws(PublisherContract):
    @pytest.fixture
    def destination(self, service, moto):  # type: ignore[override]
        destination = DESTINATIONS[service](moto)
        yield destination
        destination.close()


@pytest.mark.parametrize("service", [name for name in DESTINATIONS if "lambda" not in name])  # moto invokes any
def test_a_resource_that_is_not_there_is_a_wrong_configuration(service, moto):
    with contextlib.closing(DESTINATIONS[service](moto)) as destination:
        for name in vars(destination).keys() & {"name", "queue_url", "topic_arn"}:
            setattr(destination, name, getattr(destination, name).replace("lake-", "gone-"))
        with (
            contextlib.closing(destination.make()) as publisher,
            pytest.raises(ConfigurationError, match=r"gone-.* it does not exist in the region eu-west-1"),
        ):
            publisher.publish(make_messages(1))


@pytest.mark.parametrize("service", sample_and_rest(["kinesis", "lambda-list"], ["lambda-waiting"]))
def test_connections_that_are_cut_lose_nothing(service, moto):
    with contextlib.closing(DESTINATIONS[service](moto)) as destination:
        check_cut_connections(destination, answer_bytes=2000, seed=5)
