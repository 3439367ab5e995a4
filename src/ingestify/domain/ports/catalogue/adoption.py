"""Ports of the adoption of a lake of the published package: its catalogue, and what ours needs to take it over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHistory

if TYPE_CHECKING:
    from ingestify.domain.adoption import PublishedEvent, PublishedIndex, Unreadable  # only an adoption imports it

__all__ = ["AdoptionPort", "PublishedCatalogue"]


class PublishedCatalogue(Protocol):
    """The catalogue of a lake of the published package, which is only read.

    Attributes:
        zone_note: What is assumed of its times, for people; empty: nothing.
    """

    zone_note: str

    def find_index(self) -> PublishedIndex:
        """Return which datasets there are."""

    def count_written_since(self, moment: dt.datetime) -> int:
        """Return how many datasets were written after a moment."""

    def load(self, dataset_ids: Sequence[str]) -> list[Dataset | Unreadable]:
        """Return datasets with all of their revisions. Their tags are those of the published package."""

    def read_events(self, after: int, limit: int) -> list[PublishedEvent]:
        """Return events of its log after a position, in order."""

    def get_last_position(self) -> int:
        """Return the last position that its log or one of its readers has."""

    def find_readers(self) -> dict[str, int]:
        """Return the position of each reader of its log."""


class AdoptionPort(Protocol):
    """The part of our catalogue that only an adoption uses. Until `finish` the lake cannot be opened otherwise."""

    def is_finished(self) -> bool:
        """Whether the adoption has ended, or somebody else has written to the lake."""

    def begin(self, dataset_ids: Sequence[str]) -> None:
        """Forget what an interrupted adoption has written, except the datasets with these ids."""

    def discard(self, dataset_ids: Sequence[str]) -> None:
        """Forget datasets that were written."""

    def write(self, histories: Sequence[DatasetHistory]) -> None:
        """Write datasets with all of their revisions, without events, in one transaction. Some may be there already."""

    def add_events(self, events: Sequence[DatasetEvent]) -> None:
        """Log events at the positions that they have."""

    def finish(self, readers: Mapping[str, int]) -> None:
        """Write the positions of readers and begin the lake's first epoch, in one transaction."""
