"""The catalogue's event log: what was committed, in order, and how far each reader is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingestify.domain.events import DatasetEvent

__all__ = ["EventLogPort"]


class EventLogPort(Protocol):
    """The event log of a catalogue."""

    def read_events(self, after_position: int, limit: int) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order."""

    def get_last_event_position(self) -> int:
        """Return the position of the newest event in the log; 0 if there is none."""

    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""

    def get_reader_position(self, reader_name: str) -> int:
        """Return where a reader of the event log stands; 0 for a new one."""

    def set_reader_position(self, reader_name: str, position: int) -> None:
        """Remember where a reader stands."""
