"""The catalogue's event log, and the positions of its readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from ingestify.domain.dataset import Dataset
from ingestify.domain.event_reader import EventReaderState, FailedEvent
from ingestify.domain.events import DatasetEvent

__all__ = ["EventLogPort", "EventReadersPort"]


class EventLogPort(Protocol):
    """The event log of a catalogue."""

    def read(self, after_position: int, limit: int, *, has_history: bool = True) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order. There are none only at the end of the log.

        Args:
            after_position: Of the last event that is not wanted.
            limit: The most events. Of large ones fewer are returned, so that memory stays bounded.
            has_history: With the earlier revisions of the datasets; otherwise with the last one, and those of the
                current files.
        """

    def find_newest(self, limit: int, before: int | None = None, kinds: Collection[str] = ()) -> list[DatasetEvent]:
        """Return events before a position, newest first, without the earlier revisions of the datasets.

        Args:
            limit: The most events.
            before: The position of the last event of the page before; None: it is the first page.
            kinds: Which `event_type`s; none: any.
        """

    def find_datasets(self, positions: Sequence[int]) -> dict[int, str]:
        """Return the id of the dataset of each event that is in the log."""

    def get_last_position(self) -> int:
        """Return the position of the newest event in the log; 0 if there is none."""

    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""

    def settle(self, moment: dt.datetime) -> None:
        """Wait until every commit of a moment, or of an earlier one, can be read, so that no other one comes later."""

    def find_position_before(self, moment: dt.datetime) -> int:
        """Return the position of the last event before a moment."""

    def find_deleted(self, since: dt.datetime) -> list[Dataset]:
        """Return the datasets that were deleted after a moment, as they last were, oldest deletion first.

        A retention of events forgets deletions that are older than it.
        """


class EventReadersPort(Protocol):
    """The readers of a catalogue's event log."""

    def find_position(self, reader_name: str) -> int | None:
        """Return the position of a reader; None for a new one."""

    def set_position(self, reader_name: str, position: int) -> None:
        """Set the position of a reader; the failure of the event that it is at is forgotten."""

    def advance(self, reader_name: str, seen: int | None, position: int) -> bool:
        """Move a reader forward if its position is still `seen`; None: if it is new. Returns whether it was."""

    def switch_off(self, reader_name: str, reason: str) -> None:
        """Note that a reader gets no more events, and why; an empty reason: it gets them again."""

    def list_readers(self) -> list[EventReaderState]:
        """Return all readers, by name."""

    def forget(self, reader_name: str) -> bool:
        """Remove a reader and its failures. Returns whether it existed."""

    def find_failed(self, reader_name: str) -> list[FailedEvent]:
        """Return the failures of a reader, by position."""

    def save_failure(self, reader_name: str, failed: FailedEvent) -> None:
        """Save that a reader failed on an event. `failed_at` becomes now."""

    def forget_failure(self, reader_name: str, position: int) -> None:
        """Remove the failure of a reader on an event, which it has handled."""
