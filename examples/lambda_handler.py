"""An AWS Lambda function: writes a summary of each new match to S3, as events of the lake come.

It is invoked by SQS, by EventBridge, or by the lake itself (`type: ingestify.lambda`). Its role needs `s3:GetObject`
for the files of the lake, `s3:GetObject` and `s3:PutObject` for the summaries, and `s3:ListBucket` for their bucket.
The catalogue is a database that the function can reach.

| environment | |
|---|---|
| `LAKE` | the config.yaml of the lake, in the function's package |
| `SUMMARY_BUCKET` | where the summaries go: `summaries/{dataset id}.json` |

For SQS, switch on `ReportBatchItemFailures`: then only the messages that failed come again. The package has ingestify
with the extras s3 and polars, and that of the catalogue's database, such as postgres; boto3 is in Lambda already.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import polars as pl
from botocore.exceptions import ClientError

from ingestify.consume import ConsumedEvent, EventError, Lake, open_lake, parse
from ingestify.errors import DatasetNotFound, LoadError

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event: Any, context: object) -> dict[str, Any]:  # noqa: ARG001 - what Lambda calls
    """Handle what the function is invoked with.

    Returns:
        For SQS, the messages that failed. SQS delivers them again, and moves them to its dead-letter queue in the end.

    Raises:
        Exception: A message that came in another way failed. Lambda tries again.
    """
    failed: list[dict[str, str]] = []
    failed_groups: set[str] = set()
    for message_id, group, body in iter_messages(event):
        try:
            if group in failed_groups:
                raise RuntimeError("an earlier message of the same dataset failed")  # a FIFO queue keeps their order
            handle(parse(body))
        except (EventError, LoadError) as error:
            logger.error("%s: %s", message_id or "an event", error)  # it would fail again
        except Exception:
            if not message_id:
                raise
            logger.exception("%s comes again", message_id)
            failed.append({"itemIdentifier": message_id})
            failed_groups |= {group} - {""}
    return {"batchItemFailures": failed}


def iter_messages(event: Any) -> Iterator[tuple[str, str, str | Mapping[str, Any]]]:
    """Yield the id of the SQS message and its group, each empty if there is none, and the CloudEvent."""
    if isinstance(event, list):  # `ingestify.lambda` with `batched: true`
        for one in event:
            yield "", "", one
    elif "Records" in event:
        for record in event["Records"]:
            yield record["messageId"], record["attributes"].get("MessageGroupId", ""), record["body"]
    elif "detail" in event:  # EventBridge
        yield "", "", event["detail"]
    else:
        yield "", "", event


def handle(event: ConsumedEvent) -> None:
    """Write the summary of an event's match, unless there is one of a later event."""
    if event.event_type != "revision_added" or event.dataset_type != "match":
        return
    bucket, key = os.environ["SUMMARY_BUCKET"], f"summaries/{event.dataset_id}.json"
    if event_number(event) <= find_written(bucket, key, event):
        logger.info("repeat: %s", event)
        return
    try:
        summary = summary_of(event)
    except DatasetNotFound as error:  # it was deleted meanwhile
        logger.info("%s", error)
        return
    s3().put_object(
        Bucket=bucket,
        Key=key,
        Body=json.dumps(summary).encode(),
        ContentType="application/json",
        Metadata={"lake": event.lake_id, "number": "{}/{}".format(*event_number(event))},
    )
    logger.info("written: s3://%s/%s", bucket, key)


def event_number(event: ConsumedEvent) -> tuple[int, int]:
    """Return what rises with each event of a lake."""
    return event.epoch, event.position


def find_written(bucket: str, key: str, event: ConsumedEvent) -> tuple[int, int]:
    """Return the number of the event whose summary is there; (0, 0) if there is none of this lake."""
    try:
        metadata = s3().head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return 0, 0
        raise
    if metadata.get("lake") != event.lake_id:
        return 0, 0
    epoch, position = metadata["number"].split("/")
    return int(epoch), int(position)


def summary_of(event: ConsumedEvent) -> dict[str, Any]:
    """Return the number of events of each type in the event's match."""
    events = lake().load(event).to_polars("events")
    counts = events.group_by(pl.col("type").struct.field("name").alias("type")).len().sort("type")
    return {
        "event": event.id,
        "match": {key: event.identifier[key] for key in event.identifier},
        "name": event.name,
        "revision": None if event.revision is None else event.revision["revision_id"],
        "events": dict(counts.iter_rows()),
    }


@functools.cache
def lake() -> Lake:
    """Open the lake, once for all invocations of this process."""
    return open_lake(os.environ["LAKE"])


@functools.cache
def s3() -> Any:
    """Return the client of S3."""
    return boto3.client("s3")
