"""Which events a consumer has handled already."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Literal, Self, get_args

from ingestify.consume.event import ConsumedEvent
from ingestify.errors import ConfigurationError, StoreError

__all__ = ["Seen"]

_By = Literal["event", "dataset"]

# Without a sync for each event: what a power cut takes away comes again, as after a lost acknowledgement.
_SET_UP = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "CREATE TABLE IF NOT EXISTS {} (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, position INTEGER)",
)


class Seen:
    """The events that a consumer has handled. Use it in a `with` block, or close it. Any thread may call its methods.

    What it forgets, or loses when the machine loses power, comes a second time; it never takes a new event for a
    repeat. So add an event after its result is kept, and acknowledge the message after that.

    Example::

        with Seen("seen.db") as seen:
            if event not in seen:
                ...
                seen.add(event)

    Args:
        path: A file that keeps them, for one process; it is made with its folder. None: in memory, until the process
            ends.
        size: How many are remembered, the newest ones; about 100 bytes each.
        by: `event`: those of the last `size` events. `dataset`: for each of `size` datasets, the last position; an
            event at that position of the log, or before it, is a repeat, however long ago it came. That is for a
            transport that keeps the order of a dataset, and a consumer that wants the newest state: a message that was
            a dead letter, and is sent after later ones of its dataset, counts as a repeat too.

    Raises:
        ConfigurationError: An argument makes no sense, or the file cannot be used.
    """

    def __init__(self, path: str | Path | None = None, *, size: int = 100_000, by: _By = "event") -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigurationError(f"size: {size!r} is no whole number of 1 or more.")
        if by not in get_args(_By):
            raise ConfigurationError(f"by is {by!r}; write 'event' or 'dataset'.")
        self._size = size
        self._is_by_dataset = by == "dataset"
        self._table = f"last_of_{by}"
        self._lock = threading.Lock()
        self._title = "memory" if path is None else str(path)
        try:
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
            )
            for statement in _SET_UP:
                self._database.execute(statement.format(self._table))
            self._count = self._run("SELECT count(*) FROM {}") or 0
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"{self._title} cannot keep the events that were seen: {error}. Name another file; or remove that one, "
                f"and old events count as new."
            ) from error

    def __contains__(self, event: ConsumedEvent) -> bool:
        """Whether an event is a repeat.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._lock:
            return event.position <= self._last_position(self._id_of(event))

    def add(self, event: ConsumedEvent) -> None:
        """Remember an event, and forget the oldest if there are too many.

        Raises:
            StoreError: The file cannot be written.
        """
        key = self._id_of(event)
        with self._lock:
            last = self._last_position(key)
            if event.position <= last:
                return
            self._run("INSERT OR REPLACE INTO {} (id, position) VALUES (?, ?)", key, event.position)
            self._count += last < 0
            if self._count > self._size:
                extra = self._count - self._size
                self._run("DELETE FROM {0} WHERE number IN (SELECT number FROM {0} ORDER BY number LIMIT ?)", extra)
                self._count -= extra

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _id_of(self, event: ConsumedEvent) -> str:
        return f"{event.lake_id}/{event.epoch}/{event.dataset_id}" if self._is_by_dataset else event.id

    def _last_position(self, key: str) -> int:
        found = self._run("SELECT position FROM {} WHERE id = ?", key)
        return -1 if found is None else found

    def _run(self, statement: str, *values: str | int) -> int | None:
        try:
            row = self._database.execute(statement.format(self._table), values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{self._title} cannot keep the events that were seen: {error}.") from error
        return None if row is None else int(row[0])
