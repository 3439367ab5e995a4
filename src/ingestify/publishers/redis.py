"""Redis Streams.

Commands: https://redis.io/docs/latest/develop/data-types/streams. CloudEvents has no binding for Redis: an entry has a
field for each attribute, and `data`.
"""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.clock import monotonic
from ingestify.domain.message import Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.masking import hide_url, mask_text, mask_url
from ingestify.publishers.arguments import check_count, check_flag, check_optional_text, check_seconds, check_text
from ingestify.publishers.delivery import split
from ingestify.publishers.template import Template
from ingestify.publishers.tls import Tls, find_certificate_error

__all__ = ["Redis"]

_SCHEMES = ("redis", "rediss", "unix")

# Redis does all of a script, or nothing: it looks for the memory and the disk before the first write. The first ZADD
# adds nothing, and fails where a later one would: a message that is there and not remembered would be there again.
# KEYS: the stream, and the ids that it had. ARGV: how many ids are remembered, the length of the stream (0: any), then
# for each message its id, the number of its fields and values, and these.
_APPEND = """
local window, length = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZADD', KEYS[2], 'XX', 0, '')
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local number = tonumber(last[2] or 0)
local at = 3
while at <= #ARGV do
  local id, count = ARGV[at], tonumber(ARGV[at + 1])
  if not redis.call('ZSCORE', KEYS[2], id) then
    if length > 0 then
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', unpack(ARGV, at + 2, at + 1 + count))
    else
      redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 2, at + 1 + count))
    end
    number = number + 1
    redis.call('ZADD', KEYS[2], number, id)
  end
  at = at + 2 + count
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -window - 1)
return number
"""

_LONGEST_REQUEST = 512 << 20
"""The most bytes of one value, as Redis comes."""

_ARGUMENT_BYTES = 16
"""The most bytes that the protocol adds to a value of fewer than 100 MB, and some for what is not ASCII."""

_SHA1 = hashlib.sha1(_APPEND.encode(), usedforsecurity=False).hexdigest()
"""By which Redis knows the script."""

# Before Redis 7 the code of an error stands within the text of the script's error.
_IS_WRONG = re.compile(
    r"\b(WRONGTYPE|NOPERM|unknown command|can't run this command|can't access|DB index is out of range"
    r"|invalid DB index|SELECT is not allowed)\b"
)


class Redis(Publisher):
    """Appends each message to a stream; one script a stream and batch, which Redis does as a whole or not at all.

    The script leaves out a message whose id the stream had before. The ids are in the key `{STREAM}:ids`.

    Args:
        url: `redis://host:6379/0`, `rediss://…` for TLS, or `unix:///path`; `redis://user:password@host` is possible.
        stream: The name of the stream, which may have fields of the message.
        username: The user; left out: that of the URL, or Redis' default user.
        password: The password.
        repeats_window: How many ids are remembered for each stream.
        max_length: About how many entries a stream keeps; left out: all.
        max_request_bytes: The most bytes of one request; a larger message is refused.
        cluster: Whether the server is a Redis Cluster.
        ca_file: The certificates that are trusted.
        client_certificate: The certificate that this side shows.
        client_key: Its key.
        timeout: Seconds that Redis may need for an answer, and a batch as a whole.

    Raises:
        ConfigurationError: One of them is wrong.
    """

    keeps_order = True
    drops_repeats = True

    def __init__(
        self,
        url: str,
        stream: str,
        *,
        username: str | None = None,
        password: str | None = None,
        repeats_window: int = 10_000,
        max_length: int | None = None,
        max_request_bytes: int = _LONGEST_REQUEST,
        cluster: bool = False,
        ca_file: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._url = check_text(url, "url", "redis://127.0.0.1:6379/0")
        hide_url(self._url)
        if urllib.parse.urlsplit(self._url).scheme not in _SCHEMES:
            raise ConfigurationError(f"url is {mask_url(self._url)}; it begins with {'://, '.join(_SCHEMES)}://.")
        self._stream = Template(stream, "stream", allowed="[A-Za-z0-9._:/-]")
        self._login = {
            name: value
            for name, value in (
                ("username", check_optional_text(username, "username", "lake")),
                ("password", check_optional_text(password, "password", '"${REDIS_PASSWORD}"')),
            )
            if value is not None
        }
        self._window = check_count(repeats_window, "repeats_window", least=self.batch_size, most=10_000_000)
        self._max_length = 0 if max_length is None else check_count(max_length, "max_length", most=10**15)
        self._max_request_bytes = check_count(max_request_bytes, "max_request_bytes", most=_LONGEST_REQUEST)
        self._is_cluster = check_flag(cluster, "cluster")
        self._tls = Tls.of(ca_file, client_certificate, client_key)
        if self._tls.is_set and not self._url.startswith("rediss:"):
            raise ConfigurationError(f"url is {mask_url(self._url)}; with files of TLS it begins with rediss://.")
        self._timeout = check_seconds(timeout, "timeout")
        self._client: Any = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Append messages to their streams."""
        streams: dict[str, list[Message]] = {}
        for message in messages:
            streams.setdefault(self._stream.fill(message.fields), []).append(message)
        acknowledged: set[str] = set()
        refused: dict[str, str] = {}
        end = monotonic() + self._timeout
        for stream, some in streams.items():
            parts, too_large = split(
                some,
                _size,
                most_messages=self.batch_size,
                most_bytes=self._max_request_bytes,
                most_message_bytes=self._max_request_bytes,
                limit="max_request_bytes",
            )
            refused |= too_large
            for part in parts:
                if monotonic() > end:
                    raise PublishUnavailable(
                        f"Redis took {len(acknowledged)} of {len(messages)} messages in {self._timeout:g} seconds.",
                        acknowledged=acknowledged,
                    )
                self._append(stream, part, acknowledged)
                acknowledged.update(one.id for one in part)
        if refused:
            raise MessagesRefused(refused)

    def _append(self, stream: str, messages: Sequence[Message], acknowledged: set[str]) -> None:
        arguments: list[str | bytes | int] = [self._window, self._max_length]
        for message in messages:
            fields = _fields(message)
            arguments += (message.id, len(fields), *fields)
        keys = (stream, f"{{{stream}}}:ids")
        errors = _import().exceptions
        try:
            self._connect()
            try:
                self._client.evalsha(_SHA1, 2, *keys, *arguments)
            except errors.NoScriptError:
                self._client.eval(_APPEND, 2, *keys, *arguments)
        # An IndexError is what the client says of a cluster without slots.
        except (errors.RedisError, errors.RedisClusterException, OSError, ValueError, IndexError) as error:
            self.close()
            raise self._translate(error, stream, acknowledged) from error

    def _connect(self) -> None:
        if self._client is not None:
            return
        redis = _import()
        options: dict[str, Any] = {
            **self._login,
            "protocol": 2,  # which servers before Redis 6 speak, too
            "socket_timeout": self._timeout,
            "socket_connect_timeout": self._timeout,
            "socket_keepalive": True,
        }
        if self._url.startswith("rediss:"):
            self._tls.context()  # raises an error that names the files
            options |= {
                "ssl_ca_certs": self._tls.ca_file,
                "ssl_certfile": self._tls.client_certificate,
                "ssl_keyfile": self._tls.client_key or self._tls.client_certificate,
            }
        if self._is_cluster:
            self._client = redis.RedisCluster.from_url(self._url, **options)
        else:
            # Once more at once: a server closes connections that were idle for long, and drops a repeat.
            retry = redis.retry.Retry(redis.backoff.NoBackoff(), 1, (redis.exceptions.ConnectionError,))
            self._client = redis.Redis.from_url(self._url, **options, retry=retry)

    def _translate(self, error: Exception, stream: str, acknowledged: set[str]) -> Exception:
        """Return the error of this package for one of the client."""
        exceptions = _import().exceptions
        text = mask_text(str(error)).rstrip(".")
        server = f"Redis at {mask_url(self._url)}"
        if isinstance(error, ValueError) and not isinstance(error, exceptions.RedisError):
            return ConfigurationError(f"url is {mask_url(self._url)}: {text}.")
        if certificate := find_certificate_error(error):
            return ConfigurationError(f"{server} has a certificate that is not trusted: {certificate.verify_message}.")
        if isinstance(error, exceptions.MovedError) or text.startswith("MOVED "):
            return ConfigurationError(f"{server} is part of a Redis Cluster; write cluster: true.")
        if (
            isinstance(error, (exceptions.AuthenticationError, exceptions.AuthenticationWrongNumberOfArgsError))
            or "unauthenticated" in text  # so Redis says it of a long command
        ):
            return ConfigurationError(f"{server} does not accept username and password: {text}.")
        if isinstance(error, exceptions.NoPermissionError) or (
            isinstance(error, exceptions.ResponseError) and _IS_WRONG.search(text)
        ):
            return ConfigurationError(f"{server} refuses to append to the stream '{stream}': {text}.")
        if isinstance(error, exceptions.ReadOnlyError):
            text = f"it is a read-only replica ({text})"
        return PublishUnavailable(f"{server}: {text or type(error).__name__}.", acknowledged=acknowledged)

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _fields(message: Message) -> list[str | bytes]:
    attributes: Mapping[str, str | int] = message.attributes
    return [*(part for name, value in attributes.items() for part in (name, str(value))), "data", message.data]


def _size(message: Message) -> int:
    """Return about how many bytes of a request a message takes."""
    return sum(len(part) + _ARGUMENT_BYTES for part in (message.id, *_fields(message)))


def _import() -> Any:
    try:
        import redis
        import redis.backoff
        import redis.exceptions
        import redis.retry
    except ImportError as error:
        raise MissingExtraError("redis", "The publisher ingestify.redis") from error
    return redis
