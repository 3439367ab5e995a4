"""The Lambda function in examples/, called with the events that AWS documents, and a lake whose files are in S3 (moto).

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
"""

from __future__ import annotations

import importlib.util
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from ingestify import Publishing, get_engine
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.storage.conftest import credentials, moto  # noqa: F401 - fixtures
from tests.integration.storage.servers import BUCKET

EXAMPLE = Path(__file__).parents[2] / "examples" / "lambda_handler.py"
REGION = "eu-west-1"

pytestmark = pytest.mark.slow

_numbers = itertools.count(1)


class Cloud:
    """A lake in S3, whose events go to a FIFO queue of SQS, and a bucket for the summaries."""

    def __init__(self, folder: Path, provider: Simulator, endpoint: str) -> None:
        number = next(_numbers)
        self.provider = provider
        self.config = folder / "config.yaml"
        self.bucket = f"summaries-{number}"
        self.s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.sqs = boto3.client("sqs", endpoint_url=endpoint, region_name=REGION)
        name = f"lake-of-lambda-{number}.fifo"
        self.queue_url = self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
        queue = {"queue_url": self.queue_url, "endpoint_url": endpoint, "region": REGION}
        settings = {
            "main": {
                "metadata_url": "sqlite:///catalog.db",
                "file_url": f"s3://{BUCKET}/lambda-{number}",
                "file_options": {"endpoint": endpoint},
            },
            "sources": {
                "statsbomb": {"type": "ingestify.statsbomb_github", "configuration": {"base_url": provider.base_url}}
            },
            "ingestion_plans": [{"source": "statsbomb", "dataset_type": "match"}],
            "event_publishers": [{"name": "queue", "type": "ingestify.sqs", "configuration": queue}],
        }
        self.config.write_text(json.dumps(settings))

    def publish(self) -> dict[str, Any]:
        """Ingest, and publish. Returns the invocation of Lambda that SQS makes of all messages."""
        with get_engine(self.config) as engine:
            engine.load()
        with Publishing.from_config(self.config) as publishing:
            (result,) = publishing.publish()
        assert result.error is None
        records: list[dict[str, Any]] = []
        while len(records) < result.published:
            taken = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
            )
            for one in taken["Messages"]:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=one["ReceiptHandle"])
                records.append(
                    {
                        "messageId": one["MessageId"],
                        "receiptHandle": one["ReceiptHandle"],
                        "body": one["Body"],
                        "attributes": one["Attributes"],
                        "messageAttributes": {},
                        "md5OfBody": one["MD5OfBody"],
                        "eventSource": "aws:sqs",
                        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:lake.fifo",
                        "awsRegion": REGION,
                    }
                )
        return {"Records": records}

    @property
    def summaries(self) -> dict[int, dict[str, Any]]:
        """match_id to the summary."""
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        found = [json.load(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]) for key in keys]
        return {one["match"]["match_id"]: one for one in found}


@pytest.fixture
def cloud(tmp_path: Path, moto: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:  # noqa: F811 - fixtures
    with Simulator(Season(matches=3, seed=5, competition_id=43, season_id=106, events_per_match=60)) as provider:
        cloud = Cloud(tmp_path, provider, moto)
        for name, value in {
            "LAKE": str(cloud.config),
            "SUMMARY_BUCKET": cloud.bucket,
            "AWS_ENDPOINT_URL_S3": moto,
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            monkeypatch.setenv(name, value)
        yield cloud


@pytest.fixture
def function(cloud: Cloud) -> Iterator[ModuleType]:
    """The module, as a new process of Lambda imports it."""
    spec = importlib.util.spec_from_file_location("lambda_handler", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    if module.lake.cache_info().currsize:
        module.lake().close()


def counts_of(cloud: Cloud, match_id: int, revision: int) -> dict[str, int]:
    with get_engine(cloud.config) as engine:
        dataset = engine.get_dataset(match_id=match_id).at(revision=revision)
        return dict(Counter(one["type"]["name"] for one in dataset.to_polars("events").to_dicts()))


def test_sqs_invokes_it_and_each_match_has_a_summary_of_its_newest_revision(cloud: Cloud, function: ModuleType):
    first = cloud.publish()
    assert function.handler(first, None) == {"batchItemFailures": []}
    assert len(cloud.summaries) == 3
    for match_id, summary in cloud.summaries.items():
        assert summary["events"] == counts_of(cloud, match_id, 0)
        assert summary["revision"] == 0
    match_id = min(cloud.summaries)
    cloud.provider.correct(match_id)
    assert function.handler(cloud.publish(), None) == {"batchItemFailures": []}
    assert cloud.summaries[match_id]["revision"] == 1
    before = cloud.summaries
    assert function.handler(first, None) == {"batchItemFailures": []}
    assert cloud.summaries == before, "a repeat of an older event replaces nothing"


def as_eventbridge(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": body["type"],
        "source": "ingestify",
        "account": "111122223333",
        "time": "2026-01-31T18:43:48Z",
        "region": REGION,
        "resources": [],
        "detail": body,
    }


@pytest.mark.parametrize(
    "invocation", [as_eventbridge, dict, lambda body: [body]], ids=["eventbridge", "one", "batched"]
)
def test_eventbridge_and_the_lake_itself_invoke_it(cloud: Cloud, function: ModuleType, invocation):
    bodies = [json.loads(record["body"]) for record in cloud.publish()["Records"]]
    for body in bodies:
        assert function.handler(invocation(body), None) == {"batchItemFailures": []}
    assert len(cloud.summaries) == 3


def test_what_fails_comes_again_with_what_follows_of_its_dataset(cloud: Cloud, function: ModuleType, monkeypatch):
    records = cloud.publish()["Records"]
    monkeypatch.setenv("SUMMARY_BUCKET", "no-such-bucket")
    failed = function.handler({"Records": records}, None)["batchItemFailures"]
    revisions = [one for one in records if json.loads(one["body"])["type"] == "ingestify.revision_added.v1"]
    assert [one["itemIdentifier"] for one in failed] == [one["messageId"] for one in revisions]
    with pytest.raises(function.ClientError):
        function.handler(json.loads(revisions[0]["body"]), None)

    # The first revision again, and then the one after it: the second waits for the first.
    again = function.handler({"Records": [revisions[0], {**revisions[0], "messageId": "later"}]}, None)
    assert [one["itemIdentifier"] for one in again["batchItemFailures"]] == [revisions[0]["messageId"], "later"]
    monkeypatch.setenv("SUMMARY_BUCKET", cloud.bucket)
    assert function.handler({"Records": records}, None) == {"batchItemFailures": []}
    assert len(cloud.summaries) == 3


def test_what_will_never_work_does_not_come_again(cloud: Cloud, function: ModuleType, caplog):
    (record, *_) = cloud.publish()["Records"]
    assert function.handler({"Records": [{**record, "body": "nonsense"}]}, None) == {"batchItemFailures": []}
    assert "is no JSON" in caplog.text
