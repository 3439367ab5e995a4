"""Google Cloud Pub/Sub.

Format: https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md. Limits:
https://cloud.google.com/pubsub/quotas.

The client library's own publisher queues messages in threads, keeps an object for each ordering key for ever, and
pauses a key that failed. The relay does what is needed of that, so this sends the requests of the API.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.masking import mask_text
from ingestify.publishers.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_optional_text,
    check_seconds,
    check_text,
)
from ingestify.publishers.delivery import deliver, split
from ingestify.publishers.template import Template

__all__ = ["Pubsub"]

_HOST = "pubsub.googleapis.com:443"
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{1,98}[a-z0-9]")
_TOPIC = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_TOPIC_RULE = "a topic has 3 to 255 characters, begins with a letter, and not with goog"

_MOST_MESSAGES = 1000
_MOST_BYTES = 10_000_000
_LONGEST_KEY_BYTES = 1024
_BYTES_OF_AN_ATTRIBUTE = 16
"""What protobuf has around its name and its value, at most."""
_BYTES_OF_A_MESSAGE = 64

_KEYS_OF_A_THREAD = 25
"""Few enough that a call ends soon after it was stopped."""

# Without a pool of its own, a new channel waits for as long as the one before, which may be two minutes.
_CHANNEL = [("grpc.use_local_subchannel_pool", 1)]


class Pubsub(Publisher):
    """Publishes each message to a topic; its ordering key is the id of the dataset.

    Args:
        project: The project of the topic.
        topic: The name of the topic, which may have fields of the message: `football.{provider}`.
        content_mode: `binary`: the data is the message, and the attributes of the CloudEvent are its attributes;
            `structured`: the message is the whole CloudEvent.
        ordered: Whether messages have an ordering key. Pub/Sub takes only messages of one key in a request.
        endpoint: The host of a region, such as `europe-west1-pubsub.googleapis.com:443`.
        timeout: Seconds that a request may take.
        parallelism: How many requests are sent at a time.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        project: str,
        topic: str,
        *,
        content_mode: str = "binary",
        ordered: bool = True,
        endpoint: str | None = None,
        timeout: float = 30.0,
        parallelism: int = 8,
    ) -> None:
        self._project = check_text(project, "project", "my-project")
        if not _PROJECT.fullmatch(self._project):
            raise ConfigurationError(f"project is {self._project!r}; write the id of a project, such as my-project.")
        self._topic = Template(topic, "topic", allowed="[A-Za-z0-9._~+%-]", longest=255)
        if "{" not in topic and not _TOPIC.fullmatch(topic):
            raise ConfigurationError(f"topic is {topic!r}; {_TOPIC_RULE}.")
        self._is_structured = check_choice(content_mode, "content_mode", ("binary", "structured")) == "structured"
        self._is_ordered = check_flag(ordered, "ordered")
        self._endpoint = check_optional_text(endpoint, "endpoint", "europe-west1-pubsub.googleapis.com:443")
        self._timeout = check_seconds(timeout, "timeout")
        self._parallelism = check_count(parallelism, "parallelism", most=64)
        self.keeps_order = self._is_ordered  # type: ignore[misc] # Pub/Sub itself keeps none without keys
        self.batch_size = _KEYS_OF_A_THREAD * self._parallelism if self._is_ordered else _MOST_MESSAGES
        self._client: Any = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages; those of one key in a request, or in one after the other."""
        groups: dict[tuple[str, str], list[Message]] = {}
        refused: dict[str, str] = {}
        for message in messages:
            topic = self._topic.fill(message.fields)
            if _TOPIC.fullmatch(topic):
                groups.setdefault((topic, _key(message) if self._is_ordered else ""), []).append(message)
            else:
                refused[message.id] = f"its topic would be {topic!r}, and {_TOPIC_RULE}"
        if groups:
            self._open()
        try:
            deliver(list(groups.values()), self._send, parallelism=self._parallelism, refused=refused)
        except PublishUnavailable:
            self.close()  # a channel that lost its server waits up to two minutes before it tries again
            raise

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.transport.close()

    def _send(self, messages: Sequence[Message]) -> None:
        """Publish the messages of one topic and key, in their order."""
        parts, refused = split(
            messages,
            self._size,
            most_messages=_MOST_MESSAGES,
            most_bytes=_MOST_BYTES,
            most_message_bytes=_MOST_BYTES,
            limit="the limit of Pub/Sub",
        )
        deliver(parts, self._request, refused=refused)

    def _request(self, messages: Sequence[Message]) -> None:
        topic = f"projects/{self._project}/topics/{self._topic.fill(messages[0].fields)}"
        content = [self._content(one) for one in messages]
        try:
            with _translated(topic):
                self._client.publish(request={"topic": topic, "messages": content}, timeout=self._timeout, retry=None)
        except _Invalid as error:
            if len(messages) == 1:
                raise MessagesRefused({messages[0].id: str(error)}) from error
            deliver([[one] for one in messages], self._request)

    def _content(self, message: Message) -> dict[str, Any]:
        if self._is_structured:
            data, attributes = message.structured(), {"content-type": STRUCTURED_TYPE}
        else:
            data, attributes = message.data, {"content-type": JSON_TYPE, **message.headers("ce-")}
        return {"data": data, "attributes": attributes, "ordering_key": _key(message) if self._is_ordered else ""}

    def _size(self, message: Message) -> int:
        content = self._content(message)
        pairs = content["attributes"].items()
        attributes = sum(len(name) + len(value.encode()) + _BYTES_OF_AN_ATTRIBUTE for name, value in pairs)
        return len(content["data"]) + attributes + len(content["ordering_key"].encode()) + _BYTES_OF_A_MESSAGE

    def _open(self) -> None:
        """Make the client. It connects with the first request."""
        if self._client is not None:
            return
        try:
            import grpc  # heavy, and an extra
            from google.auth import exceptions
            from google.pubsub_v1.services.publisher import PublisherClient
            from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport as Transport
        except ImportError as error:
            raise MissingExtraError("pubsub", "Publishing to Google Cloud Pub/Sub") from error

        def make_channel(*args: Any, options: Sequence[Any] = (), **kwargs: Any) -> Any:
            return Transport.create_channel(*args, options=[*options, *_CHANNEL], **kwargs)

        if emulator := os.environ.get("PUBSUB_EMULATOR_HOST"):
            transport = Transport(channel=grpc.insecure_channel(emulator, options=_CHANNEL))
        else:
            try:
                transport = Transport(host=self._endpoint or _HOST, channel=make_channel)
            except exceptions.DefaultCredentialsError as error:
                raise ConfigurationError(
                    "There are no Google credentials, or their file is none. Run  gcloud auth application-default "
                    "login , or let GOOGLE_APPLICATION_CREDENTIALS name a key file."
                ) from error
        self._client = PublisherClient(transport=transport)


class _Invalid(Exception):
    """Pub/Sub says that an argument of the request is not valid."""


def _key(message: Message) -> str:
    return message.key.encode()[:_LONGEST_KEY_BYTES].decode(errors="ignore")


@contextlib.contextmanager
def _translated(topic: str) -> Iterator[None]:
    from google.api_core import exceptions  # heavy, with the extra
    from google.auth import exceptions as auth

    try:
        yield
    except exceptions.InvalidArgument as error:
        raise _Invalid(f"Pub/Sub says: {_said(error)}") from error
    except (exceptions.TooManyRequests, exceptions.Conflict, exceptions.Cancelled) as error:
        raise PublishUnavailable(f"The topic {topic}: {_said(error)}") from error
    except exceptions.ClientError as error:
        raise ConfigurationError(f"Nothing can be sent to the topic {topic}: {_remedy(error, topic)}") from error
    except (exceptions.GoogleAPIError, auth.GoogleAuthError) as error:
        # No answer, none in time, a fault of the service, or credentials that have expired and may be renewed.
        raise PublishUnavailable(f"The topic {topic}: {_said(error)}") from error


def _remedy(error: Any, topic: str) -> str:
    from google.api_core import exceptions

    if isinstance(error, exceptions.NotFound):
        return f"it does not exist; make it:  gcloud pubsub topics create {topic}"
    if isinstance(error, exceptions.Forbidden):
        return f"these credentials may not; grant them the role roles/pubsub.publisher. Google says: {_said(error)}"
    if isinstance(error, exceptions.Unauthorized):
        return f"the credentials are not valid. Google says: {_said(error)}"
    return f"Google says: {_said(error)}"


def _said(error: Any) -> str:
    return mask_text(str(getattr(error, "message", None) or error))[:300]
