"""The services of AWS as moto has them, behind a relay that refuses connections while the service is "down".

The server itself goes on: moto keeps nothing on disk, as Amazon does.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import time
import types
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import boto3

from ingestify.domain.publisher import Publisher
from ingestify.publishers.aws_lambda import AwsLambda
from ingestify.publishers.eventbridge import EventBridge
from ingestify.publishers.kinesis import Kinesis
from ingestify.publishers.sns import Sns
from ingestify.publishers.sqs import Sqs
from ingestify.testing.publisher_contract import Received, read_structured
from tests.integration.storage.relay import Exchange
from tests.integration.storage.relay import Relay as HttpRelay
from tests.integration.storage.servers import ask
from tests.support.tcp_relay import TcpRelay

REGION = "eu-west-1"
_ROLE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}
_numbers = itertools.count(1)


@functools.lru_cache(maxsize=16)
def _client(service: str, url: str) -> Any:
    return boto3.client(service, region_name=REGION, endpoint_url=url)


class AwsDestination:
    """One resource of a service.

    Args:
        moto: The URL of the server.
    """

    too_large: int | None = 256 << 10

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.name = f"lake-{time.time_ns()}-{next(_numbers)}"
        self.relay = TcpRelay(int(moto.rpartition(":")[2]))
        self.relay.__enter__()
        self._bodies: list[str] = []
        self.prepare()

    def prepare(self) -> None:
        raise NotImplementedError

    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        raise NotImplementedError

    def read_more(self) -> list[str]:
        """Return the messages that came since the last call."""
        raise NotImplementedError

    def stop(self) -> None:
        self.relay.refuse()

    def start(self) -> None:
        self.relay.accept()

    def close(self) -> None:
        self.relay.__exit__()

    def receive(self, count: int) -> Sequence[Received]:
        end = time.monotonic() + 20
        while len(self._bodies) < count and time.monotonic() < end:
            self._bodies += self.read_more()
        self._bodies += self.read_more()
        return [read_structured(body) for body in self._bodies]

    def place(self, port: int | None) -> dict[str, Any]:
        """Return the arguments that lead to a relay; None: its own."""
        return {"region": REGION, "endpoint_url": f"http://127.0.0.1:{port or self.relay.port}"}

    @property
    def server(self) -> Any:
        """Where a relay of a test's own leads."""
        return types.SimpleNamespace(port=self.relay.port)

    def client(self, service: str) -> Any:
        """Return a client past the relay."""
        return _client(service, self.moto)


class KinesisDestination(AwsDestination):
    too_large = 1 << 20

    def prepare(self) -> None:
        self._kinesis = self.client("kinesis")
        self._kinesis.create_stream(StreamName=self.name, ShardCount=1)
        (shard,) = self._kinesis.list_shards(StreamName=self.name)["Shards"]
        self._iterator = self._kinesis.get_shard_iterator(
            StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        return Kinesis(self.name, **(self.place(port) | arguments))

    def read_more(self) -> list[str]:
        answer = self._kinesis.get_records(ShardIterator=self._iterator)
        self._iterator = answer["NextShardIterator"]
        return [record["Data"].decode() for record in answer["Records"]]


class QueueDestination(AwsDestination):
    """What arrives in a queue."""

    suffix = ""
    unwrap: Callable[[str], str] = staticmethod(lambda body: body)

    def prepare(self) -> None:
        self.name += self.suffix
        self._sqs = self.client("sqs")
        attributes = {"FifoQueue": "true"} if self.suffix else {}
        # As the queues of before August 2025.
        attributes["MaximumMessageSize"] = str(256 << 10)
        self.queue_url = self._sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]

    @property
    def queue_arn(self) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def read_more(self) -> list[str]:
        bodies = []
        while messages := self._sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [type(self).unwrap(one["Body"]) for one in messages]
            entries = [{"Id": str(i), "ReceiptHandle": one["ReceiptHandle"]} for i, one in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)
        return bodies


class SqsDestination(QueueDestination):
    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        return Sqs(self.queue_url, **(self.place(port) | arguments))


class SqsFifoDestination(SqsDestination):
    suffix = ".fifo"


class SnsDestination(QueueDestination):
    def prepare(self) -> None:
        super().prepare()
        sns = self.client("sns")
        attributes = {"FifoTopic": "true"} if self.suffix else {}
        self.topic_arn = sns.create_topic(Name=self.name, Attributes=attributes)["TopicArn"]
        sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=self.queue_arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        return Sns(self.topic_arn, **(self.place(port) | arguments))


class SnsFifoDestination(SnsDestination):
    suffix = ".fifo"


class EventBridgeDestination(QueueDestination):
    unwrap = staticmethod(lambda body: json.dumps(json.loads(body)["detail"]))

    def prepare(self) -> None:
        super().prepare()
        events = self.client("events")
        events.create_event_bus(Name=self.name)
        events.put_rule(Name="all", EventBusName=self.name, EventPattern=json.dumps({"source": ["ingestify"]}))
        events.put_targets(Rule="all", EventBusName=self.name, Targets=[{"Id": "queue", "Arn": self.queue_arn}])

    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        return EventBridge(self.name, **(self.place(port) | arguments))


class LambdaDestination(AwsDestination):
    """A function. A relay keeps the payloads that moto acknowledged, as moto runs no function without Docker."""

    arguments: ClassVar[dict[str, Any]] = {}

    def prepare(self) -> None:
        ask("POST", f"{self.moto}/moto-api/config", b'{"lambda": {"use_docker": false}}')
        iam, functions = self.client("iam"), self.client("lambda")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="lake", AssumeRolePolicyDocument=json.dumps(_ROLE))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "def handle(event, context): return None")
        functions.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Role=iam.get_role(RoleName="lake")["Role"]["Arn"],
            Handler="handler.handle",
            Code={"ZipFile": code.getvalue()},
        )
        self._payloads: list[Any] = []
        self._http = HttpRelay(self.moto)
        self._http.fault = self._hand_on
        self._http.__enter__()
        self.relay.__exit__()
        self.relay = TcpRelay(int(self._http.url.rpartition(":")[2]))
        self.relay.__enter__()

    def close(self) -> None:
        super().close()
        self._http.__exit__()

    def _hand_on(self, exchange: Exchange, _: int) -> bool:
        headers = dict(exchange.headers.items())
        status, headers, body = self._http.forward(exchange.command, exchange.path, headers, exchange.body)
        if 200 <= status < 300:
            self._payloads.append(json.loads(exchange.body))
        exchange.respond(status, headers, body)
        return True

    def make(self, port: int | None = None, **arguments: Any) -> Publisher:
        return AwsLambda(self.name, **(self.place(port) | self.arguments | arguments))

    def read_more(self) -> list[str]:
        came, self._payloads = self._payloads, []
        return [json.dumps(one) for some in came for one in (some if isinstance(some, list) else [some])]


class LambdaListDestination(LambdaDestination):
    arguments: ClassVar[dict[str, Any]] = {"batched": True}


class LambdaWaitingDestination(LambdaDestination):
    too_large = 6 << 20
    arguments: ClassVar[dict[str, Any]] = {"invocation_type": "RequestResponse"}
