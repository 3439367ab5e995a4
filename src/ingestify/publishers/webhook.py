"""Webhooks: each message is a POST to one URL, with a signature.

Format: CloudEvents over HTTP, `bindings/http-protocol-binding.md` of the specification; the signatures are those of
Standard Webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestify.clock import now
from ingestify.domain.message import JSON_TYPE, STRUCTURED_TYPE, Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import (
    ConfigurationError,
    FetchError,
    MessagesRefused,
    PublisherSwitchedOff,
    PublishUnavailable,
)
from ingestify.fetch.retries import retry_after_seconds
from ingestify.publishers.arguments import check_choice, check_count, check_seconds, check_text
from ingestify.publishers.delivery import deliver
from ingestify.publishers.post import Posted, Poster
from ingestify.publishers.standard_webhooks import read_keys, sign

__all__ = ["Webhook"]

_OWN_HEADERS = frozenset({"content-type", "content-length", "host", "connection", "transfer-encoding"})

_LATER = frozenset({408, 425, 429})
_REFUSED = {
    400: "says that the message is wrong",
    409: "says that the message is in conflict with what it has",
    413: "says that the message is too large",
    415: "does not take this content type",
    422: "cannot process the message",
}
_WRONG = {
    401: "the credentials are missing or wrong; check headers and secret",
    403: "the credentials do not permit it; check headers and secret",
    404: "there is no such endpoint; check url",
    405: "the endpoint takes no POST; check url",
}


class Webhook(Publisher):
    """Sends each message to a URL, in a request of its own.

    Args:
        url: http or https.
        secret: One secret, or several while one is replaced by another: `whsec_` and 24 to 64 bytes in Base64. Each
            request has a signature by each of them.
        content_mode: `structured`, the body is the whole CloudEvent; or `binary`, the body is its data, and its
            attributes are headers.
        headers: Further headers of each request, such as Authorization.
        timeout: Seconds that an answer may take.
        parallelism: How many requests are sent at a time.
        allowed_addresses: Addresses and networks that are not public, to which messages may be sent.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        url: str,
        secret: str | Sequence[str],
        content_mode: str = "structured",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        parallelism: int = 4,
        allowed_addresses: Sequence[str] = (),
    ) -> None:
        self._is_structured = check_choice(content_mode, "content_mode", ("structured", "binary")) == "structured"
        self._keys = read_keys(secret)
        self._parallelism = check_count(parallelism, "parallelism", most=64)
        # Few enough that a call ends soon after it was stopped.
        self.batch_size = 10 * self._parallelism
        if not isinstance(allowed_addresses, (list, tuple)):
            raise ConfigurationError("allowed_addresses is no list; write a list such as [10.1.2.3].")
        self._poster = Poster(
            check_text(url, "url", "https://example.com/hooks/lake"),
            headers=_headers(headers),
            timeout_seconds=check_seconds(timeout, "timeout"),
            connections=self._parallelism,
            allowed=allowed_addresses,
            setting="allowed_addresses",
        )

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages, several at a time."""
        deliver([[one] for one in messages], self._send, parallelism=self._parallelism)

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()

    def _send(self, messages: Sequence[Message]) -> None:
        (message,) = messages
        if self._is_structured:
            body, headers = message.structured(), {"Content-Type": STRUCTURED_TYPE}
        else:
            body, headers = message.data, {"Content-Type": JSON_TYPE, **message.headers("ce-", is_encoded=True)}
        try:
            answer = self._poster.post(body, headers | sign(self._keys, message.id, int(now().timestamp()), body))
        except FetchError as error:
            raise PublishUnavailable(str(error)) from error
        self._judge(answer, message)

    def _judge(self, answer: Posted, message: Message) -> None:
        """Raise what the status of an answer means. What its body says is not read: it may repeat the message."""
        status, url = answer.status, self._poster.shown_url
        if 200 <= status < 300:
            return
        if status == 410:
            raise PublisherSwitchedOff(f"{url} answers 410 Gone: it wants no more messages.")
        if status in _LATER or status >= 500:
            after = retry_after_seconds(answer.headers.get("Retry-After"), answer.headers.get("Date"))
            raise PublishUnavailable(f"{url} answers with the status {status}.", retry_after=after)
        if status in _REFUSED:
            raise MessagesRefused({message.id: f"{url} {_REFUSED[status]} (status {status})"})
        hint = _WRONG.get(status, "redirects are not followed; check url" if status < 400 else "check url")
        raise ConfigurationError(f"{url} answers with the status {status}: {hint}.")


def _headers(headers: object) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping) or not all(isinstance(one, str) for pair in headers.items() for one in pair):
        raise ConfigurationError("headers is no mapping of names to texts.")
    for name in headers:
        if name.lower() in _OWN_HEADERS or name.lower().startswith(("ce-", "webhook-")):
            raise ConfigurationError(f"headers has {name}, which the publisher writes by itself.")
    return dict(headers)
