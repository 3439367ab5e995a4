"""Amazon SQS: SendMessageBatch, whose entries each have a result of their own.

Limits: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.message import Message
from ingestify.publishers.arguments import check_text
from ingestify.publishers.aws import AwsClient, AwsPublisher, FailedEntry, xml_text
from ingestify.publishers.aws_entries import failed_entries, fifo_attributes

__all__ = ["Sqs"]

_MOST_ENTRIES = 10
_MOST_BYTES = 256 << 10


class Sqs(AwsPublisher):
    """Sends each message to a queue as a CloudEvent in JSON.

    A queue whose name ends with `.fifo` keeps the messages of a dataset in order, and drops repeats for five minutes.

    Args:
        queue_url: The URL of the queue.
        region: Left out: that of the URL, else the one that boto3 finds.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: Seconds that a request may take.
        parallelism: How many requests, of up to ten messages each, are sent at a time.
        max_message_bytes: What the queue takes of one message.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        queue_url: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        parallelism: int = 4,
        max_message_bytes: int = _MOST_BYTES,
    ) -> None:
        self._queue_url = check_text(queue_url, "queue_url", "https://sqs.eu-west-1.amazonaws.com/123456789012/lake")
        super().__init__(
            AwsClient(
                "sqs",
                self._queue_url,
                "sqs:SendMessage",
                region=region,
                profile=profile,
                endpoint_url=endpoint_url,
                timeout=timeout,
            ),
            most_messages=_MOST_ENTRIES,
            most_bytes=_MOST_BYTES,
            max_message_bytes=max_message_bytes,
            parallelism=parallelism,
        )
        self.drops_repeats = self._queue_url.endswith(".fifo")  # type: ignore[misc] # as the queue does

    def size(self, message: Message) -> int:
        """Return the bytes of the body."""
        return len(xml_text(message).encode())

    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Send a batch."""
        entries = [
            {"Id": str(number), "MessageBody": xml_text(one), **fifo_attributes(self._queue_url, one)}
            for number, one in enumerate(messages)
        ]
        return failed_entries(
            messages, self.client.call("send_message_batch", QueueUrl=self._queue_url, Entries=entries)
        )
