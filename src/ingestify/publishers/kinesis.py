"""Amazon Kinesis Data Streams: PutRecords, whose records each have a result of their own.

Limits: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.message import Message
from ingestify.publishers.arguments import check_text
from ingestify.publishers.aws import AwsClient, AwsPublisher, FailedEntry

__all__ = ["Kinesis"]

_MOST_RECORDS = 500
_MOST_BYTES = 5 << 20
_LONGEST_KEY = 256


class Kinesis(AwsPublisher):
    """Puts each message into a data stream as a CloudEvent in JSON. The id of its dataset is the partition key.

    Args:
        stream: The name of the stream, or its ARN.
        region: Left out: that of the ARN, else the one that boto3 finds.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: Seconds that a request may take.
        max_message_bytes: What the stream takes of one message, with its partition key.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        stream: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        max_message_bytes: int = 1 << 20,
    ) -> None:
        stream = check_text(stream, "stream", "lake-events")
        super().__init__(
            AwsClient(
                "kinesis",
                stream,
                "kinesis:PutRecords",
                region=region,
                profile=profile,
                endpoint_url=endpoint_url,
                timeout=timeout,
            ),
            most_messages=_MOST_RECORDS,
            most_bytes=_MOST_BYTES,
            max_message_bytes=max_message_bytes,
        )
        self._stream = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}

    def size(self, message: Message) -> int:
        """Return the bytes of the record and its key."""
        return len(message.structured()) + len(_key(message).encode())

    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Put records."""
        records = [{"Data": one.structured(), "PartitionKey": _key(one)} for one in messages]
        answer = self.client.call("put_records", **self._stream, Records=records)
        results = self.client.results(answer, "Records", len(messages))
        return [
            FailedEntry(message, result["ErrorCode"], result.get("ErrorMessage", ""), is_refused=False)
            for message, result in zip(messages, results, strict=True)
            if result.get("ErrorCode")
        ]


def _key(message: Message) -> str:
    return message.key[:_LONGEST_KEY]
