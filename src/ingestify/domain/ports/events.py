"""Ports of subscribers: how they hear of events, and what they can read from the lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DomainEvent
from ingestify.domain.readable_files import ReadableFiles
from ingestify.domain.run_notice import RunFinished, RunStarted

__all__ = ["DatasetStorePort", "EventPublisher"]


class EventPublisher(Protocol):
    """Tells subscribers in this process what was committed."""

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber. An error in a subscriber is not raised."""

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber listens to events of this type."""

    @property
    def tells_of_runs(self) -> bool:
        """Whether any subscriber listens to the beginning or the end of runs."""

    def run_started(self, run: RunStarted) -> None:
        """Tell every subscriber that a run began. An error in a subscriber is not raised."""

    def run_finished(self, run: RunFinished) -> None:
        """Tell the subscribers that want this outcome of a run. An error in a subscriber is not raised."""

    def listening(self, listener: Callable[[DomainEvent], object]) -> AbstractContextManager[None]:
        """Call `listener`, which never raises, with each event while a block runs, after the subscribers."""


class DatasetStorePort(Protocol):
    """The lake, as a subscriber sees it."""

    bucket: str

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> ReadableFiles:
        """Return the dataset's current files; see `DatasetStore.load_files`."""
