"""Amazon SNS: PublishBatch, whose entries each have a result of their own.

Limits: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestify.domain.message import Message
from ingestify.errors import ConfigurationError
from ingestify.publishers.arguments import check_text
from ingestify.publishers.aws import AwsClient, AwsPublisher, FailedEntry, xml_text
from ingestify.publishers.aws_entries import failed_entries, fifo_attributes

__all__ = ["Sns"]

_MOST_ENTRIES = 10
_MOST_BYTES = 256 << 10
_ARN = re.compile(r"arn:[\w-]+:sns:[\w-]+:\d*:[\w.-]+")


class Sns(AwsPublisher):
    """Publishes each message to a topic as a CloudEvent in JSON.

    A topic whose name ends with `.fifo` keeps the messages of a dataset in order, and drops repeats for five minutes.

    Args:
        topic_arn: The ARN of the topic.
        region: Left out: that of the ARN.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: Seconds that a request may take.
        parallelism: How many requests, of up to ten messages each, are sent at a time.
        max_message_bytes: What the topic takes of one message.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        topic_arn: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        parallelism: int = 4,
        max_message_bytes: int = _MOST_BYTES,
    ) -> None:
        example = "arn:aws:sns:eu-west-1:123456789012:lake"
        self._topic_arn = check_text(topic_arn, "topic_arn", example)
        if not _ARN.fullmatch(self._topic_arn):
            raise ConfigurationError(f"topic_arn is {self._topic_arn!r}; write an ARN such as {example}.")
        super().__init__(
            AwsClient(
                "sns",
                self._topic_arn,
                "sns:Publish",
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
        self.drops_repeats = self._topic_arn.endswith(".fifo")  # type: ignore[misc] # as the topic does

    def size(self, message: Message) -> int:
        """Return the bytes of the message."""
        return len(xml_text(message).encode())

    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Publish a batch."""
        entries = [
            {"Id": str(number), "Message": xml_text(one), **fifo_attributes(self._topic_arn, one)}
            for number, one in enumerate(messages)
        ]
        answer = self.client.call("publish_batch", TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
        return failed_entries(messages, answer)
