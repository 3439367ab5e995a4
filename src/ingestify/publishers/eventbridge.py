"""Amazon EventBridge: PutEvents, whose entries each have a result of their own, in an answer whose status is 200.

Limits: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ingestify.domain.message import Message
from ingestify.errors import ConfigurationError
from ingestify.publishers.arguments import check_text
from ingestify.publishers.aws import AwsClient, AwsPublisher, FailedEntry

__all__ = ["EventBridge"]

_MOST_ENTRIES = 10
_MOST_BYTES = 256 << 10
_TIME_BYTES = 14
_REFUSED = frozenset({"MalformedDetail", "InvalidArgument"})


class EventBridge(AwsPublisher):
    """Puts each message on an event bus; its detail is the CloudEvent in JSON. The bus keeps no order.

    Args:
        event_bus: The name of the bus, or its ARN.
        source: The `source` of the events, by which rules find them.
        region: Left out: that of the ARN, else the one that boto3 finds.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: Seconds that a request may take.
        parallelism: How many requests, of up to ten events each, are sent at a time.
        max_message_bytes: What the bus takes of one event.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        event_bus: str = "default",
        *,
        source: str = "ingestify",
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        parallelism: int = 4,
        max_message_bytes: int = _MOST_BYTES,
    ) -> None:
        self._event_bus = check_text(event_bus, "event_bus", "lake")
        self._source = check_text(source, "source", "ingestify")
        if self._source.startswith("aws."):
            raise ConfigurationError(f"source is {self._source!r}; names that begin with aws. are Amazon's own.")
        super().__init__(
            AwsClient(
                "events",
                self._event_bus,
                "events:PutEvents",
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

    def size(self, message: Message) -> int:
        """Return the bytes of the entry."""
        return len(message.structured()) + len(self._source.encode()) + len(message.type.encode()) + _TIME_BYTES

    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Put events."""
        entries = [
            {
                "EventBusName": self._event_bus,
                "Source": self._source,
                "DetailType": one.type,
                "Detail": one.structured().decode(),
                "Time": dt.datetime.fromisoformat(one.time),
            }
            for one in messages
        ]
        results = self.client.results(self.client.call("put_events", Entries=entries), "Entries", len(messages))
        return [
            FailedEntry(message, code, result.get("ErrorMessage", ""), is_refused=code in _REFUSED)
            for message, result in zip(messages, results, strict=True)
            if (code := result.get("ErrorCode") or ("" if result.get("EventId") else "NoResult"))
        ]
