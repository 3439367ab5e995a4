"""Tells the subscribers in this process of committed events."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence

from ingestify.domain.events import DomainEvent
from ingestify.domain.run_notice import RunFinished, RunOutcome, RunStarted
from ingestify.domain.subscriber import Subscriber
from ingestify.masking import mask_text

__all__ = ["Dispatcher"]

logger = logging.getLogger(__name__)


class Dispatcher:
    """Implements `domain.ports.EventPublisher`: it calls every subscriber, in order, in the thread that commits."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self._subscribers = list(subscribers)
        self._outcomes: dict[int, frozenset[RunOutcome]] = {}
        """Those that a subscriber is told of, by its `id`, as it may have no hash."""
        self._listeners: tuple[Callable[[DomainEvent], object], ...] = ()
        self._failed: set[tuple[str, str]] = set()

    def add_subscriber(self, subscriber: Subscriber, outcomes: Collection[RunOutcome] | None = None) -> None:
        """Add a subscriber, which hears the events that are published from now on.

        Args:
            subscriber: The subscriber.
            outcomes: It is told of the end of runs with one of these outcomes; None: of all runs.
        """
        self._subscribers.append(subscriber)
        if outcomes is not None:
            self._outcomes[id(subscriber)] = frozenset(outcomes)

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber. What one of them raises is logged and changes nothing else."""
        for subscriber in self._subscribers:
            try:
                subscriber.handle_many([event])
            except BaseException as error:  # noqa: BLE001 - the edge to user code, also to one that calls sys.exit
                self._log(subscriber, event.event_type, error, "the run goes on, and the event stays in the event log")
        for listener in self._listeners:
            listener(event)

    def run_started(self, run: RunStarted) -> None:
        """Tell every subscriber that a run began. What one of them raises is logged and changes nothing else."""
        for subscriber in self._subscribers:
            try:
                subscriber.on_run_started(run)
            except BaseException as error:  # noqa: BLE001 - the edge to user code, also to one that calls sys.exit
                self._log(subscriber, "the start of a run", error, "the run goes on")

    def run_finished(self, run: RunFinished) -> None:
        """Tell the subscribers that want this outcome. What one of them raises is logged and changes nothing else."""
        for subscriber in self._subscribers:
            if not run.outcomes & self._outcomes.get(id(subscriber), run.outcomes):
                continue
            try:
                subscriber.on_run_finished(run)
            except BaseException as error:  # noqa: BLE001 - the edge to user code, also to one that calls sys.exit
                self._log(subscriber, "the end of a run", error, "what the run did stays, and so does its exit code")

    @property
    def tells_of_runs(self) -> bool:
        """Whether any subscriber overrides a hook for the beginning or the end of runs."""
        return self._is_overridden("on_run_started", "on_run_finished")

    @contextlib.contextmanager
    def listening(self, listener: Callable[[DomainEvent], object]) -> Iterator[None]:
        """Call `listener`, which never raises, with each event while a block runs, after the subscribers."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def _log(self, subscriber: Subscriber, what: str, error: BaseException, consequence: str) -> None:
        """Log a failure: loudly the first time, as one that fails on one event mostly fails on twenty thousand."""
        kind = (type(subscriber).__name__, type(error).__name__)
        level = logging.INFO if kind in self._failed else logging.ERROR
        self._failed.add(kind)
        logger.log(
            level,
            "The subscriber %s failed on %s with %s: %s; %s.",
            kind[0],
            what,
            kind[1],
            mask_text(" ".join(str(error).split())).removesuffix("."),
            consequence,
        )
        logger.debug("the subscriber's traceback", exc_info=error)

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber overrides the hook for `event_type`."""
        return bool(self._listeners) or self._is_overridden(f"on_{event_type.event_type}", "handle", "handle_many")

    def _is_overridden(self, *hooks: str) -> bool:
        return any(
            getattr(type(subscriber), hook, None) is not getattr(Subscriber, hook)
            for subscriber in self._subscribers
            for hook in hooks
        )
