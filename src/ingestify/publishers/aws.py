"""What the publishers of AWS share: the client, what its errors mean, and requests of which a part fails.

Credentials are found by boto3 as by Amazon's own tools.
"""

from __future__ import annotations

import abc
import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ingestify.domain.message import Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.fetch.retries import retry_after_seconds
from ingestify.masking import mask_text
from ingestify.publishers.arguments import check_count, check_optional_text, check_seconds
from ingestify.publishers.delivery import deliver, split

__all__ = ["AwsClient", "AwsPublisher", "FailedEntry", "token", "xml_text"]

_MOST_PARALLELISM = 32
_CONNECT_SECONDS = 10.0
_ATTEMPTS = 2
"""A second one, as AWS closes connections that are idle. The relay waits longer, and as often as it has to."""

_REGION = re.compile(r"arn:[\w-]+:[\w-]+:([\w-]+):|https?://sqs\.([\w-]+)\.amazonaws\.")
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]")
_LONGEST_TOKEN = 128

_LATER = re.compile(
    r"Throttl|TooManyRequests|Throughput|LimitExceeded|OverLimit|SlowDown|Expired|^Internal|^ServiceUnavailable|"
    r"^Unavailable|^RequestTimeout|^Timeout|NotReady|InProgress"
)
_NO_RIGHT = re.compile(r"AccessDenied|NotAuthorized|AuthorizationError|^Forbidden")
_NO_CREDENTIALS = re.compile(
    r"InvalidClientTokenId|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|InvalidAccessKey|"
    r"MissingAuthentication|IncompleteSignature|InvalidSecurity|InvalidToken"
)
_NOT_THERE = re.compile(r"NotFound|NonExistent|NoSuch|DoesNotExist")
_WRONG = re.compile(rf"{_NO_RIGHT.pattern}|{_NO_CREDENTIALS.pattern}|{_NOT_THERE.pattern}|(?i:kms)|Disabled")
_TOO_LARGE = re.compile(r"TooLong|TooLarge")
_SAYS_TOO_LARGE = re.compile(
    r"(?i)too (?:large|long)|must be shorter|larger than|size.*\b(?:limit|exceed)|records\.\d+\.member\.data"
)
"""AWS says this with the code of any wrong parameter."""


class FailedEntry(NamedTuple):
    """A message that one request did not deliver.

    Attributes:
        message: The message.
        code: The code of AWS.
        said: What AWS says.
        is_refused: Whether it can never be delivered as it is, if the code does not say more.
    """

    message: Message
    code: str
    said: str
    is_refused: bool


class _RequestTooLarge(Exception):
    """AWS takes no request of that size."""


class AwsClient:
    """The client of one service, for one resource. Safe to use from any thread.

    Args:
        service: As boto3 names it.
        target: The resource, for messages: an ARN, a URL or a name.
        action: What it needs the right to do, such as `sqs:SendMessage`.
        region: Left out: that of the ARN or the URL, else the one that boto3 finds.
        profile: A profile of `~/.aws/config`.
        endpoint_url: The server, where it is not Amazon's.
        timeout: How many seconds a request may take.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        service: str,
        target: str,
        action: str,
        *,
        region: str | None,
        profile: str | None,
        endpoint_url: str | None,
        timeout: float,
    ) -> None:
        self._service = service
        self._target = target
        self._action = action
        found = _REGION.match(target)
        self._region = (
            (found[1] or found[2]) if region is None and found else check_optional_text(region, "region", "eu-west-1")
        )
        self._profile = check_optional_text(profile, "profile", "lake")
        self._endpoint_url = check_optional_text(endpoint_url, "endpoint_url", "https://sqs.eu-west-1.amazonaws.com")
        self._timeout = check_seconds(timeout, "timeout")
        self._lock = threading.Lock()
        self._client: Any = None

    def call(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Send a request, and return the answer.

        Raises:
            PublishUnavailable: AWS does not take it at the moment.
            ConfigurationError: It takes none before somebody changes the configuration.
            MissingExtraError: boto3 is not installed.
            _RequestTooLarge: It takes none of that size.
        """
        client = self._open()
        with self._translated():
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        self._check_whole(answer)
        return answer

    def read(self, body: Any) -> bytes:
        """Return the content of an answer that comes as a stream. Raises what `call` raises."""
        with self._translated():
            return bytes(body.read())

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def wrong(self, code: str, said: str) -> ConfigurationError:
        """Return the error for what AWS refuses until somebody changes the configuration."""
        if _NO_RIGHT.search(code):
            why = f"these credentials may not: allow {self._action}"
        elif _NO_CREDENTIALS.search(code):
            why = "the credentials are not valid, or this machine's clock is wrong"
        elif _NOT_THERE.search(code):
            where = f" in the region {self._region}" if self._region else ""
            why = f"it does not exist{where}, or its key does not: check name, account and region"
        else:
            why = "see what AWS says"
        return ConfigurationError(
            f"Nothing can be sent to {self._shown}: {why}. AWS says {code}: {mask_text(said)[:300]}"
        )

    @property
    def _shown(self) -> str:
        return f"the {self._service} resource {mask_text(self._target)}"

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            import boto3  # heavy, and an extra
            from botocore.config import Config
        except ImportError as error:
            raise MissingExtraError("aws-events", "Publishing to AWS") from error
        config = Config(
            connect_timeout=min(_CONNECT_SECONDS, self._timeout / _ATTEMPTS),
            read_timeout=self._timeout / _ATTEMPTS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_MOST_PARALLELISM,
        )
        with self._translated():
            session = boto3.Session(region_name=self._region, profile_name=self._profile)
            try:
                return session.client(self._service, endpoint_url=self._endpoint_url, config=config)
            except ValueError as error:
                raise ConfigurationError(f"endpoint_url is no URL of a server: {mask_text(str(error))}") from error

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        from botocore import exceptions  # heavy, with boto3
        from botocore.parsers import ResponseParserError

        try:
            yield
        except ResponseParserError as error:  # its text has the answer, and maybe a message
            raise self._broken_off() from error
        except exceptions.ClientError as error:
            raise self._judge(error.response) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise ConfigurationError(
                f"Nothing can be sent to {self._shown}: there are no AWS credentials, or only half of them. Set "
                f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile."
            ) from error
        except exceptions.ProfileNotFound as error:
            raise ConfigurationError(
                "The AWS config file has no profile that profile, or AWS_PROFILE, names."
            ) from error
        except (exceptions.NoRegionError, exceptions.InvalidRegionError) as error:
            raise ConfigurationError("No AWS region is known, or it is not valid; set region.") from error
        except exceptions.ParamValidationError as error:
            raise ConfigurationError(f"boto3 refuses a request to {self._shown}: {mask_text(str(error))}") from error
        except exceptions.BotoCoreError as error:
            # No connection, none in time, or credentials that have expired and may be renewed.
            raise PublishUnavailable(f"{self._shown}: {mask_text(str(error))[:300]}") from error

    def results(self, answer: Any, name: str, count: int) -> Sequence[Any]:
        """Return the list of an answer that has a result for each of so many messages.

        Raises:
            PublishUnavailable: It has not: boto3 reads a body that broke off as an empty answer.
        """
        found: Sequence[Any] = answer.get(name) or ()
        if len(found) != count:
            raise self._broken_off()
        return found

    def _check_whole(self, answer: Any) -> None:
        """Raise an error if an answer broke off in its head: to `http.client`, it only has fewer headers."""
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if not headers.get("content-length", "").isdigit() and headers.get("transfer-encoding") != "chunked":
            raise self._broken_off()

    def _broken_off(self) -> PublishUnavailable:
        return PublishUnavailable(f"{self._shown}: the answer broke off.")

    def _judge(self, response: Any) -> Exception:
        self._check_whole(response)
        code, said = (str(response.get("Error", {}).get(one, "")) for one in ("Code", "Message"))
        metadata = response.get("ResponseMetadata", {})
        status = int(metadata.get("HTTPStatusCode", 0))
        if not code or code.isdigit():
            return self._broken_off()  # boto3 takes the status for the code, if the body has none
        if _TOO_LARGE.search(code) or status == 413 or (status == 400 and _SAYS_TOO_LARGE.search(said)):
            return _RequestTooLarge(f"AWS says {code}: {mask_text(said)[:300]}")
        if _LATER.search(_last(code)) or status >= 500 or status == 429:
            after = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"))
            return PublishUnavailable(f"{self._shown}: AWS says {code}: {mask_text(said)[:300]}", retry_after=after)
        return self.wrong(code, said)


class AwsPublisher(Publisher):
    """Sends messages in requests of many, or of one, and checks the result of each.

    Args:
        client: The client of the resource.
        most_messages: Of one request.
        most_bytes: Of one request, as AWS counts them.
        max_message_bytes: Of one message; it counts for a request, too, if it is more than `most_bytes`.
        parallelism: How many requests are sent at a time.
    """

    def __init__(
        self, client: AwsClient, *, most_messages: int, most_bytes: int, max_message_bytes: int, parallelism: int = 1
    ) -> None:
        self.client = client
        self._most_messages = most_messages
        self._max_message_bytes = check_count(max_message_bytes, "max_message_bytes", most=10 << 20)
        self._most_bytes = max(most_bytes, self._max_message_bytes)
        self._parallelism = check_count(parallelism, "parallelism", most=_MOST_PARALLELISM)
        self.batch_size = most_messages * self._parallelism

    @abc.abstractmethod
    def size(self, message: Message) -> int:
        """Return the bytes of a message, as AWS counts them."""

    @abc.abstractmethod
    def request(self, messages: Sequence[Message]) -> Sequence[FailedEntry]:
        """Send one request, and return the messages that it did not deliver. Several threads may call it."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages, in several requests at a time."""
        parts, refused = split(
            messages,
            self.size,
            most_messages=self._most_messages,
            most_bytes=self._most_bytes,
            most_message_bytes=self._max_message_bytes,
            limit="max_message_bytes",
        )
        deliver(parts, self._send, parallelism=self._parallelism, refused=refused)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _send(self, messages: Sequence[Message]) -> None:
        try:
            failed = self.request(messages)
        except _RequestTooLarge as error:
            if len(messages) == 1:
                raise MessagesRefused({messages[0].id: str(error)}) from error
            deliver([[one] for one in messages], self._send)
            return
        acknowledged = {one.id for one in messages} - {one.message.id for one in failed}
        for one in failed:
            is_later = _LATER.search(_last(one.code))
            if not is_later and _WRONG.search(one.code):
                raise self.client.wrong(one.code, one.said)
            if is_later or not one.is_refused:
                raise PublishUnavailable(f"AWS says {one.code}: {mask_text(one.said)}", acknowledged=acknowledged)
        if failed:
            raise MessagesRefused({one.message.id: f"AWS says {one.code}: {mask_text(one.said)}" for one in failed})


def token(text: str) -> str:
    """Return a text as AWS takes it for a group or an id of a message: itself, or a hash of it."""
    if len(text) <= _LONGEST_TOKEN and not _NOT_IN_TOKEN.search(text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def xml_text(message: Message) -> str:
    """Return a CloudEvent as JSON without the two characters that XML, and so SQS and SNS, cannot have."""
    return message.structured().decode().replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _last(code: str) -> str:
    """Return a code without the namespace that some have, as in `KMS.ThrottlingException`."""
    return code.rpartition(".")[2]
