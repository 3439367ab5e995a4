"""What a source finds out once in a run."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from ingestify.fetch.current_context import current_run

__all__ = ["OncePerRun"]

T = TypeVar("T")


class OncePerRun(Generic[T]):
    """Keeps one value for each run, as long as the run goes on. Any thread may call it. Outside of a run it is None."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: weakref.WeakKeyDictionary[threading.Event, T] = weakref.WeakKeyDictionary()

    def get(self, find: Callable[[], T]) -> T | None:
        """Return the value of the current run, or the result of `find`. An error of `find` is not kept.

        The other callers wait while one calls `find`.
        """
        run = current_run()
        if run is None:
            return None
        with self._lock:
            if run not in self._found:
                self._found[run] = find()
            return self._found[run]

    def replace(self, before: T, find: Callable[[], T]) -> None:
        """Replace the value of the current run by the result of `find`, unless another caller has replaced it."""
        run = current_run()
        if run is not None:
            with self._lock:
                if self._found.get(run) is before:
                    self._found[run] = find()
