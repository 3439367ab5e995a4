"""Readers of the catalogue's event log, each with its own place in it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ingestify.domain.events import DatasetEvent
from ingestify.errors import ConfigurationError
from ingestify.masking import mask_text

__all__ = ["EventLog", "EventLogConsumer"]

logger = logging.getLogger(__name__)


class EventLog(Protocol):
    """The part of the catalogue that a reader needs."""

    def read_events(self, after_position: int, limit: int) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order."""

    def get_reader_position(self, reader_name: str) -> int:
        """Return where a reader stands; 0 for a new one."""

    def set_reader_position(self, reader_name: str, position: int) -> None:
        """Remember where a reader stands."""


_open_from_config: Callable[[str | Path], EventLog] | None = None


def provide_opening(opening: Callable[[str | Path], EventLog]) -> None:
    """Say how `from_config` opens a catalogue. `ingestify.main` does, so that no adapter is known here."""
    global _open_from_config
    _open_from_config = opening


class EventLogConsumer:
    """Delivers every logged domain event to one reader, at least once and in commit order.

    Args:
        event_log: Where the events are.
        reader_name: Names the cursor. Two readers with different names each get everything.
    """

    def __init__(self, event_log: EventLog, reader_name: str) -> None:
        if not reader_name:
            raise ConfigurationError("reader_name is empty; give the reader a name that stays the same between runs.")
        self._log = event_log
        self._reader_name = reader_name
        self._stop = threading.Event()

    @classmethod
    def from_config(cls, path: str | Path, reader_name: str) -> EventLogConsumer:
        """Open the catalogue that a config.yaml names.

        Raises:
            ConfigurationError: The settings are wrong.
        """
        assert _open_from_config is not None, "ingestify.main is not imported"
        return cls(_open_from_config(path), reader_name)

    def run(
        self, on_event: Callable[[DatasetEvent], object], poll_interval: float | None = None, batch_size: int = 100
    ) -> int:
        """Call `on_event` with each event that this reader has not had.

        Args:
            on_event: Called in the caller's thread. When it raises, the run ends, and that event comes again.
            poll_interval: Seconds between looks for new events, until `stop()`; more than 0. None: return at the
                log's end.
            batch_size: How many events are read at a time.

        Returns:
            0 at the log's end or after `stop()`; 1 after the callback raised.

        Raises:
            ConfigurationError: An argument makes no sense; nothing was delivered.
            KeyboardInterrupt: After Ctrl-C, also while it waits. An event whose callback was interrupted comes again.
        """
        _check_callback("on_event", on_event)

        def deliver(events: Sequence[DatasetEvent]) -> None:
            for event in events:
                on_event(event)
                self._advance(event)

        return self._run(deliver, poll_interval, batch_size)

    def run_batched(
        self,
        on_events: Callable[[list[DatasetEvent]], object],
        poll_interval: float | None = None,
        batch_size: int = 100,
    ) -> int:
        """Call `on_events` with lists of at most `batch_size` events; otherwise as `run`.

        When it raises, the whole list comes again.
        """
        _check_callback("on_events", on_events)

        def deliver(events: Sequence[DatasetEvent]) -> None:
            on_events(list(events))
            self._advance(events[-1])

        return self._run(deliver, poll_interval, batch_size)

    def stop(self) -> None:
        """End a polling `run` after the event it is at; may be called from any thread."""
        self._stop.set()

    def _advance(self, event: DatasetEvent) -> None:
        assert event.position is not None, "a logged event has a position"
        self._log.set_reader_position(self._reader_name, event.position)

    def _run(
        self, deliver: Callable[[Sequence[DatasetEvent]], None], poll_interval: float | None, batch_size: int
    ) -> int:
        if batch_size < 1:
            raise ConfigurationError(f"batch_size: {batch_size} is not 1 or more.")
        # Not `<= 0`, which says nothing against NaN. A wait of 0 would ask the database without a pause.
        if poll_interval is not None and not 0 < poll_interval <= threading.TIMEOUT_MAX:
            raise ConfigurationError(f"poll_interval: {poll_interval} is no number of seconds above 0.")
        while not self._stop.is_set():
            position = self._log.get_reader_position(self._reader_name)
            events = self._log.read_events(position, batch_size)
            if events:
                try:
                    deliver(events)
                except Exception as error:  # the edge to the caller's code
                    logger.error(
                        "The reader '%s' failed with %s: %s; what it failed on comes again at its next run.",
                        self._reader_name,
                        type(error).__name__,
                        mask_text(" ".join(str(error).split())),
                    )
                    logger.debug("the reader's traceback", exc_info=error)
                    return 1
            elif poll_interval is None:
                break
            else:
                self._stop.wait(poll_interval)
        return 0


def _check_callback(name: str, callback: object) -> None:
    if not callable(callback):
        raise ConfigurationError(f"{name} is {callback!r}; it must be a function that is called with what is new.")
