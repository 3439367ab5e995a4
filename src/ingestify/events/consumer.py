"""Readers of the catalogue's event log, each with its own cursor."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from ingestify.clock import as_utc, now
from ingestify.domain.dataset import Dataset, FileReader
from ingestify.domain.event_reader import FailedEvent, StartAt
from ingestify.domain.events import DatasetEvent
from ingestify.domain.ports import Catalogue
from ingestify.domain.readable_files import ReadableFiles
from ingestify.domain.text import problem_of_name
from ingestify.errors import ConfigurationError
from ingestify.events.cursor import ReaderCursor, position_of
from ingestify.progress.printable import PrintableLogger

__all__ = ["EventReader", "find_start"]

logger = PrintableLogger(__name__)

_SAVED_AFTER_SECONDS = 1.0
"""After so long the cursor is saved, even in the middle of a batch: the callback may be slow."""


def find_start(catalogue: Catalogue, start_at: StartAt) -> int:
    """Return the position after which a reader begins.

    Raises:
        ConfigurationError: `start_at` is no place in the log.
    """
    if start_at == "beginning":
        return 0
    if start_at in ("now", "end"):
        return catalogue.event_log.get_last_position()
    if isinstance(start_at, dt.datetime):
        moment = as_utc(start_at)
        if moment > now():  # events before it would be delivered
            raise ConfigurationError(
                f"The moment {moment:%Y-%m-%d %H:%M:%S} UTC has not come yet: give an earlier one, or 'now' for the "
                "events from now on."
            )
        return catalogue.event_log.find_position_before(moment)
    if isinstance(start_at, int) and not isinstance(start_at, bool) and start_at >= 0:
        last = catalogue.event_log.get_last_position()
        if start_at > last:  # the next events would never be delivered
            raise ConfigurationError(
                f"The position {start_at} is after the end of the log, which is at {last}: give the position of an "
                "event in it, or 'now' for the events from now on."
            )
        return start_at
    raise ConfigurationError(
        f"start_at is {start_at!r}; write 'beginning', 'now', the position of the last event that is not wanted, or a "
        f"datetime."
    )


class EventReader:
    """Delivers every logged domain event to one reader, at least once and in commit order.

    Only one process at a time reads for a reader's name. Use the reader in a `with` block, or close it.

    Args:
        catalogue: The catalogue with the event log.
        reader_name: The name of the cursor. Readers with different names each get every event.
        start_at: Where a new reader begins: `beginning`, `now` (or `end`), after a position, or with the first event
            since a moment.
        park_after: An event is parked after so many failures: it is kept for `retry_parked`, an error is logged, and
            the reader goes on with the next event. None: no event is parked, and the reader does not go on.
        lake: Loads the files of an event's dataset; None: such a dataset does not know its lake.
        on_close: Called when the reader is closed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        reader_name: str,
        *,
        start_at: StartAt = "beginning",
        park_after: int | None = None,
        lake: FileReader | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        if not reader_name:
            raise ConfigurationError("reader_name is empty; give the reader a name that stays the same between runs.")
        if problem := problem_of_name(reader_name):
            raise ConfigurationError(f"reader_name {reader_name!r:.80} {problem}.")
        if park_after is not None and park_after < 1:
            raise ConfigurationError(f"park_after: {park_after} is not 1 or more.")
        self._catalogue = catalogue
        self._reader_name = reader_name
        self._start_at = start_at
        self._park_after = park_after
        self._lake = lake
        self._on_close = on_close
        self._stop = threading.Event()
        self._cursor = ReaderCursor(
            catalogue,
            reader_name,
            f"reader '{reader_name}'",
            f"reads for '{reader_name}'",
            "wait for its end, or take another reader_name.",
        )

    def run(
        self, on_event: Callable[[DatasetEvent], object], poll_interval: float | None = None, batch_size: int = 100
    ) -> int:
        """Call `on_event` with each event that this reader has not had.

        Args:
            on_event: Called in the caller's thread. If it raises, the run ends, and the event comes again in the next
                run, unless it is parked.
            poll_interval: Seconds between queries for new events, until `stop()`; more than 0. None: return at the
                log's end. With an interval, a reader waits while another process reads for its name.
            batch_size: How many events are read at a time. The cursor is saved after each batch, at the end of the run,
                and each second. Only a process that is killed gets the events since then again.

        Returns:
            0 at the log's end or after `stop()`; 1 after the callback raised.

        Raises:
            ConfigurationError: An argument makes no sense; nothing was delivered.
            StoreError: Another process reads for this name, or somebody moved the cursor meanwhile.
            KeyboardInterrupt: After Ctrl-C, also while it waits. An event whose callback was interrupted comes again.
        """
        _check_callback("on_event", on_event)
        return self._run(lambda events: on_event(events[0]), poll_interval, batch_size, at_once=1)

    def run_batched(
        self,
        on_events: Callable[[list[DatasetEvent]], object],
        poll_interval: float | None = None,
        batch_size: int = 100,
    ) -> int:
        """Call `on_events` with lists of at most `batch_size` events; see `run`.

        If it raises, the whole list comes again in the next run. With `park_after`, the events come at once, in lists
        of one, to find the event that fails.
        """
        _check_callback("on_events", on_events)
        return self._run(on_events, poll_interval, batch_size, at_once=batch_size)

    @contextlib.contextmanager
    def unread(self, batch_size: int = 100) -> Iterator[Iterator[DatasetEvent]]:
        """Give the events that this reader has not had, up to the end of the log as it is when the block begins.

        At the end of the block, the cursor moves to the last event that the block took. If the block raises, the cursor
        stays, and all of them come again: the block succeeds or fails as a whole.

        Example::

            from ingestify import EventLogConsumer

            with EventLogConsumer.from_config("~/football/lake", "names") as reader, reader.unread() as unread:
                changed = {event.dataset.name for event in unread}

        Args:
            batch_size: How many events are read at a time.

        Raises:
            ConfigurationError: An argument makes no sense.
            StoreError: Another process reads for this name, or somebody moved the cursor meanwhile.
        """
        if batch_size < 1:
            raise ConfigurationError(f"batch_size: {batch_size} is not 1 or more.")
        lock = self._cursor.take_lock(None, self._stop)
        assert lock is not None, "only a polling reader waits"
        try:
            if self._cursor.find() is None:
                self._cursor.start(find_start(self._catalogue, self._start_at))
            yield self._iter_unread(self._catalogue.event_log.get_last_position(), batch_size)
            self._cursor.save()
            for failed in self._cursor.find_failed():
                if failed.position <= self._cursor.had and not failed.is_parked:
                    self._cursor.forget_failure(failed.position)
        finally:
            lock.release()

    def _iter_unread(self, end: int, batch_size: int) -> Iterator[DatasetEvent]:
        while self._cursor.had < end:
            events = self._catalogue.event_log.read(self._cursor.had, batch_size)
            if not events:
                return
            for event in events:
                if position_of(event) > end:
                    return
                self._cursor.had = position_of(event)
                yield self._with_lake(event)

    def retry_parked(self, on_event: Callable[[DatasetEvent], object]) -> int:
        """Call `on_event` with each parked event. If it does not raise, the event is not parked any more.

        Returns:
            0 if it did not raise, else 1.

        Raises:
            StoreError: Another process reads for this name.
        """
        _check_callback("on_event", on_event)
        lock = self._cursor.take_lock(None, self._stop)
        assert lock is not None, "only a polling reader waits"
        code = 0
        try:
            for parked in self._cursor.find_failed():
                if not parked.is_parked:
                    continue
                events = self._catalogue.event_log.read(parked.position - 1, 1)
                if not events or events[0].position != parked.position:
                    logger.warning("The parked event %d is not in the log any more.", parked.position)
                else:
                    try:
                        on_event(self._with_lake(events[0]))
                    except Exception as error:  # noqa: BLE001 - the edge to the caller's code
                        self._note_failure(parked.position, error, parked, is_parked=True)
                        code = 1
                        continue
                self._cursor.forget_failure(parked.position)
        finally:
            lock.release()
        return code

    def load_files(
        self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False
    ) -> ReadableFiles:
        """Return the files of an event's dataset; see `DatasetStore.load_files`.

        Raises:
            ConfigurationError: The reader was made without a lake.
        """
        if self._lake is None:
            raise ConfigurationError(
                f"The reader '{self._reader_name}' knows only the event log: make it with "
                f"EventLogConsumer.from_config, or give it lake=store."
            )
        return self._lake.load_files(dataset, data_feed_keys, lazy)

    def stop(self) -> None:
        """End a polling `run` after the current event. It may be called from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and close what was opened for the reader. A second call does nothing."""
        self.stop()
        if self._on_close is not None:
            self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- a run -----------------------------------------------------------------------------------------

    def _run(
        self,
        deliver: Callable[[list[DatasetEvent]], object],
        poll_interval: float | None,
        batch_size: int,
        at_once: int,
    ) -> int:
        if batch_size < 1:
            raise ConfigurationError(f"batch_size: {batch_size} is not 1 or more.")
        # Not `<= 0`, which is false for NaN. A wait of 0 would query the database without a pause.
        if poll_interval is not None and not 0 < poll_interval <= threading.TIMEOUT_MAX:
            raise ConfigurationError(f"poll_interval: {poll_interval} is no number of seconds above 0.")
        lock = self._cursor.take_lock(poll_interval, self._stop)
        if lock is None:
            return 0  # it was stopped while it waited
        try:
            if self._cursor.find() is None:
                self._cursor.start(find_start(self._catalogue, self._start_at))
            while not self._stop.is_set():
                events = [
                    self._with_lake(event) for event in self._catalogue.event_log.read(self._cursor.had, batch_size)
                ]
                if events:
                    try:
                        if not self._deliver(events, deliver, at_once):
                            return 1
                    finally:
                        self._cursor.save()
                elif poll_interval is None:
                    break
                else:
                    self._cursor.check_unmoved()
                    self._stop.wait(poll_interval)
            return 0
        finally:
            lock.release()

    def _deliver(
        self, events: Sequence[DatasetEvent], deliver: Callable[[list[DatasetEvent]], object], at_once: int
    ) -> bool:
        """Deliver a batch, up to a failure. Returns whether the run may go on."""
        failed = {one.position: one for one in self._cursor.find_failed() if not one.is_parked}
        for start in range(0, len(events), at_once):
            some = list(events[start : start + at_once])
            if self._stop.is_set():
                return True
            try:
                deliver(some)
            except Exception as error:  # noqa: BLE001 - the edge to the caller's code
                if len(some) > 1 and self._park_after is not None:
                    logger.warning(
                        "The reader '%s' failed on %d events together; they come one by one.",
                        self._reader_name,
                        len(some),
                    )
                    if not self._deliver(some, deliver, 1):
                        return False
                    continue
                first = position_of(some[0])
                if not self._note_failure(first, error, failed.pop(first, None)):
                    return False
            else:
                for position in [one for one in failed if one <= position_of(some[-1])]:
                    self._cursor.forget_failure(position)
                    del failed[position]
            self._cursor.had = position_of(some[-1])
            if self._cursor.unsaved_seconds > _SAVED_AFTER_SECONDS:
                self._cursor.save()
        return True

    def _note_failure(
        self, position: int, error: Exception, before: FailedEvent | None = None, *, is_parked: bool = False
    ) -> bool:
        """Save and log a failure. Returns whether the event is parked, so that the reader may go on."""
        failures = 1 + (0 if before is None else before.failures)
        is_parked = is_parked or (self._park_after is not None and failures >= self._park_after)
        text = self._cursor.note_failure(position, error, failures, is_parked=is_parked)
        logger.error(
            "The reader '%s' failed with %s; %s.",
            self._reader_name,
            text,
            f"the event {position} is parked after {failures} {'failure' if failures == 1 else 'failures'}, and comes "
            f"again with retry_parked"
            if is_parked
            else "the event comes again at its next run",
        )
        logger.debug("the reader's traceback", exc_info=error)
        return is_parked

    def _with_lake(self, event: DatasetEvent) -> DatasetEvent:
        if self._lake is not None:
            event.dataset.read_from(self._lake)
        return event


def _check_callback(name: str, callback: object) -> None:
    if not callable(callback):
        raise ConfigurationError(f"{name} is {callback!r}; it must be a function, which is called with new events.")
