"""Events on their way to the subscribers: told in the order of the commits, while no lock is held."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from ingestify.domain.events import DomainEvent

__all__ = ["Outbox"]


class Outbox:
    """Tells of events one after the other, in one thread at a time. Safe to use from any thread.

    A subscriber may call the lake again, from its own thread or from another one that it waits for. What is put here
    meanwhile is told when it has returned, by the thread that is telling already; so nobody ever waits for a subscriber
    who has not called it.

    Args:
        publish: Tells of one event; never raises.
    """

    def __init__(self, publish: Callable[[DomainEvent], None]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._waiting: deque[DomainEvent] = deque()
        self._is_telling = False

    def put(self, events: Iterable[DomainEvent]) -> None:
        """Queue events; whoever commits does so before anybody else can commit."""
        with self._lock:
            self._waiting.extend(events)

    def tell(self) -> None:
        """Tell of all that waits, unless another thread, or this one further out, is doing so."""
        with self._lock:
            if self._is_telling:
                return
            self._is_telling = True
        try:
            while (event := self._next()) is not None:
                self._publish(event)
        except BaseException:
            self._is_telling = False
            raise

    def _next(self) -> DomainEvent | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._is_telling = False  # in one step with the look, so that nothing is left that nobody tells
            return None
