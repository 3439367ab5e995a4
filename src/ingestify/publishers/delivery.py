"""A call of `publish` that takes several requests: how it is split, and what becomes of it as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ingestify.domain.message import Message
from ingestify.errors import ConfigurationError, MessagesRefused, PublisherSwitchedOff, PublishUnavailable

__all__ = ["deliver", "split"]

_WORST_FIRST = (PublisherSwitchedOff, ConfigurationError)


def split(
    messages: Sequence[Message],
    size_of: Callable[[Message], int],
    *,
    most_messages: int,
    most_bytes: int,
    most_message_bytes: int,
    limit: str,
) -> tuple[list[list[Message]], dict[str, str]]:
    """Split messages into requests.

    Args:
        messages: The messages of one call.
        size_of: The bytes of a message, as the other system counts them.
        most_messages: Of one request.
        most_bytes: Of one request.
        most_message_bytes: Of one message.
        limit: What the last number is, for people, such as "max_message_bytes".

    Returns:
        The messages of each request, and the ids of those that are too large, each with why.
    """
    parts: list[list[Message]] = []
    refused: dict[str, str] = {}
    room = 0
    for message in messages:
        size = size_of(message)
        if size > most_message_bytes:
            refused[message.id] = f"it has {size:,} bytes, and {limit} is {most_message_bytes:,}"
            continue
        if not parts or size > room or len(parts[-1]) >= most_messages:
            parts.append([])
            room = most_bytes
        parts[-1].append(message)
        room -= size
    return parts, refused


def deliver(
    parts: Sequence[Sequence[Message]],
    send: Callable[[Sequence[Message]], None],
    *,
    parallelism: int = 1,
    refused: Mapping[str, str] | None = None,
) -> None:
    """Send each part, several at a time. After a failure, no further part is begun.

    Args:
        parts: The messages of each request.
        send: Sends a part; it returns and raises as `Publisher.publish`. Up to `parallelism` threads call it.
        parallelism: How many parts are sent at a time.
        refused: Messages that are not sent, by id, each with why.

    Raises:
        PublisherSwitchedOff: A part raised it.
        ConfigurationError: A part raised it.
        PublishUnavailable: A part raised it; with all that were acknowledged.
        MessagesRefused: Some were refused, and all others were acknowledged.
    """
    outcome = _Outcome(parts, send, dict(refused or {}))
    threads = min(parallelism, len(parts))
    if threads <= 1:
        outcome.work()
    else:
        with ThreadPoolExecutor(threads, thread_name_prefix="publish") as pool:
            try:
                for one in [pool.submit(outcome.work) for _ in range(threads)]:
                    one.result()
            except BaseException as error:
                outcome.failures.append(error)  # so that the threads end after their current request
                raise
    outcome.tell()


class _Outcome:
    """What has become of the parts so far."""

    def __init__(
        self, parts: Sequence[Sequence[Message]], send: Callable[[Sequence[Message]], None], refused: dict[str, str]
    ) -> None:
        self._remaining = iter(parts)
        self._send = send
        self._lock = threading.Lock()
        self._refused = refused
        self._acknowledged: set[str] = set()
        self.failures: list[BaseException] = []

    def work(self) -> None:
        """Send parts until there is none, or one failed."""
        while True:
            with self._lock:
                part = None if self.failures else next(self._remaining, None)
            if part is None:
                return
            acknowledged = {message.id for message in part}
            try:
                self._send(part)
            except MessagesRefused as error:
                acknowledged -= error.refused.keys()
                self._refused.update(error.refused)
            except Exception as error:  # noqa: BLE001 - `tell` raises it
                acknowledged = set(error.acknowledged) if isinstance(error, PublishUnavailable) else set()
                self.failures.append(error)
            with self._lock:
                self._acknowledged |= acknowledged

    def tell(self) -> None:
        """Raise what the parts raised."""
        others = [one for one in self.failures if not isinstance(one, PublishUnavailable)]
        for kind in (*_WORST_FIRST, Exception):
            for error in others:
                if isinstance(error, kind):
                    raise error
        unavailable = [one for one in self.failures if isinstance(one, PublishUnavailable)]
        if unavailable:
            asked = [one.retry_after for one in unavailable if one.retry_after is not None]
            raise PublishUnavailable(
                str(unavailable[0]), retry_after=max(asked, default=None), acknowledged=self._acknowledged
            ) from unavailable[0]
        if self._refused:
            raise MessagesRefused(self._refused)
