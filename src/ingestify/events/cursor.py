"""The cursor of one reader of the event log: its lock, its position, and the events that it failed on."""

from __future__ import annotations

import os
import socket
import threading
import time

from ingestify.clock import now
from ingestify.domain.event_reader import FailedEvent
from ingestify.domain.events import DatasetEvent
from ingestify.domain.ports import Catalogue, JobLock
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.errors import StoreError
from ingestify.failpoints import failpoint
from ingestify.masking import mask_text
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy

__all__ = ["ReaderCursor", "error_text", "lock_of", "position_of"]

logger = PrintableLogger(__name__)

_LONGEST_WAIT_SECONDS = 5.0


class ReaderCursor:
    """Where one reader is in the log. Only one process at a time holds the cursor of a name.

    Args:
        catalogue: The catalogue with the event log.
        reader_name: The name under which the catalogue keeps the position.
        title: What messages call the reader, such as `reader 'counter'`.
        work: What it does, after `Another process`, such as `reads for 'counter'`.
        advice: What to do when another process holds the cursor, the end of a sentence.

    Attributes:
        had: The position of the last event that the reader is done with; `save` writes it into the catalogue.
    """

    def __init__(self, catalogue: Catalogue, reader_name: str, title: str, work: str, advice: str) -> None:
        self._catalogue = catalogue
        self._reader_name = reader_name
        self._title = title
        self._work = work
        self._advice = advice
        self._position: int | None = None
        """The cursor in the catalogue; None: it is a new reader."""
        self._saved_at = 0.0
        self.had = 0

    def take_lock(self, poll_interval: float | None, stop: threading.Event) -> JobLock | None:
        """Return the lock of this reader's name; None: the reader was stopped while it waited.

        Args:
            poll_interval: Seconds between two attempts; None: do not wait.
            stop: Ends the wait.

        Raises:
            StoreError: Another process has the lock, and there is no interval.
        """
        key = lock_of(self._reader_name)
        process = ProcessIdentity(socket.gethostname(), os.getpid(), "")
        has_said = False
        while True:
            lock = self._catalogue.job_locks.try_lock(key, JobHolder(process, now()))
            if lock is not None:
                return lock
            holder = self._catalogue.job_locks.find_holder(key)
            who = f"Another process {self._work}" + ("" if holder is None else f" ({holder})")
            if poll_interval is None:
                raise StoreError(f"{who}, and each event would be delivered twice: {self._advice}")
            if not has_said:
                has_said = True
                logger.info("%s; this one waits for its end.", who)
            if stop.wait(min(poll_interval, _LONGEST_WAIT_SECONDS)):
                return None

    def find(self) -> int | None:
        """Read the position from the catalogue and return it; None: it is a new reader."""
        self._position = self._catalogue.event_readers.find_position(self._reader_name)
        self.had = self._position or 0
        self._saved_at = time.monotonic()
        return self._position

    def start(self, position: int) -> None:
        """Write the first position of a new reader."""
        self.had = position
        self._advance()

    @property
    def unsaved_seconds(self) -> float:
        """How long ago the position was saved."""
        return time.monotonic() - self._saved_at

    def save(self) -> None:
        """Save the position: only forward, and only if nobody else moved it.

        Raises:
            StoreError: Somebody moved it.
        """
        if self.had != (self._position or 0):
            self._advance()

    def _advance(self) -> None:
        if not self._catalogue.event_readers.advance(self._reader_name, self._position, self.had):
            raise self._moved()
        self._position = self.had
        self._saved_at = time.monotonic()
        failpoint("publish.cursor_saved")

    def check_unmoved(self) -> None:
        """Look whether the position is still the one that was saved last. Without new events nothing is saved.

        Raises:
            StoreError: Somebody moved it.
        """
        if self._catalogue.event_readers.find_position(self._reader_name) != self._position:
            raise self._moved()

    def _moved(self) -> StoreError:
        return StoreError(
            f"The {self._title} does not stand at {self._position} any more: somebody has moved it, "
            f"such as with {remedy('events reset')}. Start it again, and it goes on from there."
        )

    def note_failure(self, position: int, error: BaseException | str, failures: int, *, is_parked: bool) -> str:
        """Save a failure. Returns its text, without secrets."""
        text = error_text(error) if isinstance(error, BaseException) else mask_text(" ".join(error.split()))
        failed = FailedEvent(position, failures, is_parked, text, now())
        self._catalogue.event_readers.save_failure(self._reader_name, failed)
        return text

    def find_failed(self) -> list[FailedEvent]:
        """Return the failures, by position."""
        return self._catalogue.event_readers.find_failed(self._reader_name)

    def forget_failure(self, position: int) -> None:
        """Remove the failure on an event, which the reader has handled."""
        self._catalogue.event_readers.forget_failure(self._reader_name, position)


def lock_of(reader_name: str) -> str:
    """Return the key of the lock that the process has which reads for this name."""
    return f"event reader {reader_name}"


def error_text(error: BaseException) -> str:
    """Return an error as one line without secrets."""
    return f"{type(error).__name__}: {mask_text(' '.join(str(error).split()))}"


def position_of(event: DatasetEvent) -> int:
    """Return the position of a logged event."""
    assert event.position is not None, "a logged event has a position"
    return event.position
