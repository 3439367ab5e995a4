"""Tells the subscribers in this process of committed events."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

from ingestify.domain.events import DomainEvent
from ingestify.domain.subscriber import Subscriber
from ingestify.masking import mask_text

__all__ = ["Dispatcher"]

logger = logging.getLogger(__name__)


class Dispatcher:
    """Implements `domain.ports.EventPublisher`: it calls every subscriber, in order, in the thread that commits."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self._subscribers = list(subscribers)
        self._listeners: tuple[Callable[[DomainEvent], object], ...] = ()
        self._failed: set[tuple[str, str]] = set()

    def add_subscriber(self, subscriber: Subscriber) -> None:
        """Add a subscriber, which hears the events that are published from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber. What one of them raises is logged and changes nothing else."""
        for subscriber in self._subscribers:
            try:
                subscriber.handle_many([event])
            except BaseException as error:  # noqa: BLE001 - the edge to user code, also to one that calls sys.exit
                self._log(subscriber, event, error)
        for listener in self._listeners:
            listener(event)

    @contextlib.contextmanager
    def listening(self, listener: Callable[[DomainEvent], object]) -> Iterator[None]:
        """Call `listener`, which never raises, with each event while a block runs, after the subscribers."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def _log(self, subscriber: Subscriber, event: DomainEvent, error: BaseException) -> None:
        """Log a failure: loudly the first time, as one that fails on one event mostly fails on twenty thousand."""
        kind = (type(subscriber).__name__, type(error).__name__)
        level = logging.INFO if kind in self._failed else logging.ERROR
        self._failed.add(kind)
        logger.log(
            level,
            "The subscriber %s failed on %s with %s: %s; the run goes on, and the event stays in the event log.",
            kind[0],
            event.event_type,
            kind[1],
            mask_text(" ".join(str(error).split())),
        )
        logger.debug("the subscriber's traceback", exc_info=error)

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber overrides the hook for `event_type`."""
        hooks = (f"on_{event_type.event_type}", "handle", "handle_many")
        return bool(self._listeners) or any(
            getattr(type(subscriber), hook, None) is not getattr(Subscriber, hook)
            for subscriber in self._subscribers
            for hook in hooks
        )
