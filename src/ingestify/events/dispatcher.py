"""Tells subscribers in this process what was committed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ingestify.domain.events import DomainEvent
from ingestify.domain.subscriber import Subscriber

__all__ = ["Dispatcher"]

logger = logging.getLogger(__name__)


class Dispatcher:
    """Implements `domain.ports.EventPublisher`: every subscriber, in order, in the thread that commits."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self._subscribers = list(subscribers)

    def add_subscriber(self, subscriber: Subscriber) -> None:
        """Let it hear what is published from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber. What one of them raises is logged and changes nothing else."""
        for subscriber in self._subscribers:
            try:
                subscriber.handle(event)
            except BaseException:  # the edge to user code, also to one that calls sys.exit
                logger.exception(
                    "The subscriber %s failed on %s; the run goes on, and the event stays in the event log.",
                    type(subscriber).__name__,
                    event.event_type,
                )

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber overrides the hook for `event_type`."""
        hook = f"on_{event_type.event_type}"
        return any(
            getattr(type(subscriber), hook, None) is not getattr(Subscriber, hook)
            or type(subscriber).handle is not Subscriber.handle
            for subscriber in self._subscribers
        )
