"""Who is told of what was committed, and what they may ask of the lake then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DomainEvent

__all__ = ["DatasetStorePort", "EventPublisher"]


class EventPublisher(Protocol):
    """Tells subscribers in this process what was committed."""

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber; never raises what one of them raised."""

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber listens to events of this type."""


class DatasetStorePort(Protocol):
    """What a subscriber may ask of the lake."""

    bucket: str

    def load_files(self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False) -> Any:
        """Return the dataset's current files; see `DatasetStore.load_files`."""
