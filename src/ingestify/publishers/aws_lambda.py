"""AWS Lambda: each message, or a list of messages, invokes a function.

Limits: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ingestify.domain.message import Message
from ingestify.errors import ConfigurationError, PublishUnavailable
from ingestify.publishers.arguments import check_choice, check_flag, check_optional_text, check_text
from ingestify.publishers.aws import AwsClient, AwsPublisher, FailedEntry

__all__ = ["AwsLambda"]

_MOST_BYTES = {"Event": 256 << 10, "RequestResponse": 6 << 20}
_MOST_MESSAGES = 100
_MESSAGES_OF_A_THREAD = 10


class AwsLambda(AwsPublisher):
    """Invokes a function with each message, a CloudEvent in JSON; or with lists of them.

    Args:
        function: The name of the function, or its ARN.
        qualifier: A version or an alias.
        invocation_type: `Event`: Lambda queues the message, invokes the function with it later, and tries again if the
            function fails. `RequestResponse`: the message is acknowledged when the function has returned.
        batched: Whether the function gets a list of up to 100 messages; else one message.
        refused_errors: Names of errors of the function, such as `ValueError`, after which a message is a dead letter;
            after other ones it is sent again. For RequestResponse only.
        region: Left out: that of the ARN, else the one that boto3 finds.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: Seconds that a request may take; for RequestResponse, with the time that the function takes.
        parallelism: How many invocations go on at a time.
        max_message_bytes: What Lambda takes of one invocation; left out: 256 KB for Event, 6 MB for RequestResponse.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        function: str,
        *,
        qualifier: str | None = None,
        invocation_type: str = "Event",
        batched: bool = False,
        refused_errors: Sequence[str] = (),
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        parallelism: int = 4,
        max_message_bytes: int | None = None,
    ) -> None:
        function = check_text(function, "function", "lake-events")
        self._invocation_type = check_choice(invocation_type, "invocation_type", ("Event", "RequestResponse"))
        if not isinstance(refused_errors, (list, tuple)) or not all(isinstance(one, str) for one in refused_errors):
            raise ConfigurationError("refused_errors is no list of names; write a list such as [ValueError].")
        if refused_errors and self._invocation_type == "Event":
            raise ConfigurationError("refused_errors needs invocation_type: RequestResponse; Event has no result.")
        self._refused_errors = frozenset(refused_errors)
        self._is_batched = check_flag(batched, "batched")
        self._function = {"FunctionName": function}
        if (found := check_optional_text(qualifier, "qualifier", "live")) is not None:
            self._function["Qualifier"] = found
        usual = _MOST_BYTES[self._invocation_type]
        super().__init__(
            AwsClient(
                "lambda",
                function,
                "lambda:InvokeFunction",
                region=region,
                profile=profile,
                endpoint_url=endpoint_url,
                timeout=timeout,
            ),
            most_messages=_MOST_MESSAGES if batched else 1,
            most_bytes=usual,
            max_message_bytes=usual if max_message_bytes is None else max_message_bytes,
            parallelism=parallelism,
        )
        if not batched:
            self.batch_size = _MESSAGES_OF_A_THREAD * self.batch_size

    def size(self, message: Message) -> int:
        """Return the bytes of the payload; in a list, with what is around it there."""
        return len(message.structured()) + 2

    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Invoke the function once."""
        events = [one.structured() for one in messages]
        payload = b"[%b]" % b",".join(events) if self._is_batched else events[0]
        answer = self.client.call("invoke", **self._function, InvocationType=self._invocation_type, Payload=payload)
        result = self.client.read(answer["Payload"])  # also if it is not needed: it tells whether the answer is whole
        if not answer.get("FunctionError"):
            return []
        error_type = _error_type(result)
        if error_type not in self._refused_errors:
            raise PublishUnavailable(f"The function {self._function['FunctionName']} failed with {error_type}.")
        if len(messages) > 1:
            return [failed for one in messages for failed in self.request([one])]
        return [FailedEntry(messages[0], error_type, "the function raised it", is_refused=True)]


def _error_type(payload: bytes) -> str:
    """Return the name of the error that a function raised. Its message may repeat the event, and is left out."""
    try:
        said: Any = json.loads(payload)
        return str(said["errorType"])[:100]
    except (ValueError, KeyError, TypeError):
        return "an error without a name"
