"""Events on their way to the subscribers, who hear them in the order of the commits while no lock is held."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from ingestify.domain.events import DomainEvent

__all__ = ["Outbox"]


class Outbox:
    """Publishes events one after the other, in one thread at a time. Safe to use from any thread.

    A subscriber may call the lake again, from its own thread or from another one that it waits for. Events that are put
    here meanwhile are published after the subscriber has returned, by the thread that called the subscriber. So no
    other thread waits for a subscriber.

    Args:
        publish: Publishes one event; never raises.
    """

    def __init__(self, publish: Callable[[DomainEvent], None]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._waiting: deque[DomainEvent] = deque()
        self._is_publishing = False

    def put(self, events: Iterable[DomainEvent]) -> None:
        """Queue events. A commit queues its events before the next commit begins."""
        with self._lock:
            self._waiting.extend(events)

    def publish_all(self) -> None:
        """Publish all queued events, unless another thread, or a caller of this method, is publishing them."""
        with self._lock:
            if self._is_publishing:
                return
            self._is_publishing = True
        try:
            while (event := self._next()) is not None:
                self._publish(event)
        except BaseException:
            self._is_publishing = False
            raise

    def _next(self) -> DomainEvent | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._is_publishing = False  # under the lock that `put` needs, so that no event stays in the queue
            return None
