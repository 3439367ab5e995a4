"""The catalogue's event log: what was committed, in order, and how far each reader is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from ingestify.domain.event_reader import EventReaderState, FailedEvent
from ingestify.domain.events import DatasetEvent

__all__ = ["EventLogPort", "EventReadersPort"]


class EventLogPort(Protocol):
    """The event log of a catalogue."""

    def read(self, after_position: int, limit: int) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order."""

    def get_last_position(self) -> int:
        """Return the position of the newest event in the log; 0 if there is none."""

    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""

    def find_position_before(self, moment: dt.datetime) -> int:
        """Return the position behind which the events since a moment are."""


class EventReadersPort(Protocol):
    """The readers of a catalogue's event log."""

    def find_position(self, reader_name: str) -> int | None:
        """Return where a reader of the event log stands; None for a new one."""

    def set_position(self, reader_name: str, position: int) -> None:
        """Put a reader anywhere; what it fails on at the moment is forgotten."""

    def advance(self, reader_name: str, seen: int | None, position: int) -> bool:
        """Move a reader forward, if it stands where it was seen; None: if it is not there. False: it does not."""

    def list_readers(self) -> list[EventReaderState]:
        """Return the readers of the event log by name."""

    def forget(self, reader_name: str) -> bool:
        """Forget a reader with all that it failed on. Returns whether there was one."""

    def find_failed(self, reader_name: str) -> list[FailedEvent]:
        """Return what a reader failed on, by position."""

    def save_failure(self, reader_name: str, failed: FailedEvent) -> None:
        """Remember that a reader failed on an event. Its `failed_at` is set to now."""

    def forget_failure(self, reader_name: str, position: int) -> None:
        """Forget that a reader failed on an event: it is done with it."""
