"""The state of one source in one run: its HTTP client, its queues in the worker pools, its gate."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

from ingestify.domain.ports import Fetcher
from ingestify.domain.source import Source, collecting
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE
from ingestify.engine.workers import Gate, StopToken, TaskQueue

__all__ = ["SourceContext", "SourceContexts"]

SELECTORS_AT_ONCE = 8
"""How many selectors of one source are discovered at once, so that other sources get threads too."""


class SourceContext:
    """The state of one source in one run.

    Attributes:
        discovery: Its discoveries, in the pool of discovery threads.
        is_one_at_a_time: Whether `find_datasets` never runs twice at once: whatever calls it is in `discovery`.
        reads_index_again: Whether the index is read once more for a dataset whose files do not show that they belong
            together. That of a source that submits and collects is not.
    """

    def __init__(self, source: Source, fetcher: Fetcher, concurrency: int) -> None:
        self.source = source
        self.fetcher = fetcher
        self.files = TaskQueue(source.name, fetcher.max_concurrency)
        # A source that submits and collects keeps state between the two: one selector at a time.
        is_collecting = collecting(source) is not None
        self.is_one_at_a_time = not source.concurrent_discovery or is_collecting
        self.reads_index_again = source.reads_index_again and not is_collecting
        self.discovery = TaskQueue(source.name, 1 if self.is_one_at_a_time else SELECTORS_AT_ONCE)
        self.gate = Gate(max(64, 4 * concurrency), LOOK_UP_SIZE)
        self._told: collections.Counter[tuple[str, ...]] = collections.Counter()
        self._lock = threading.Lock()

    def tells_first(self, *what: str) -> bool:
        """Count a message about the source. Returns whether it is the first such message of the run."""
        with self._lock:
            self._told[what] += 1
            return self._told[what] == 1

    @property
    def told(self) -> dict[tuple[str, ...], int]:
        """How often each message was counted."""
        with self._lock:
            return dict(self._told)


class SourceContexts:
    """The states of all sources of a run, each made when it is first needed. Safe to use from any thread.

    Args:
        fetcher_of: Returns the HTTP client of a source.
        concurrency: How many files the run fetches at once.
        stop: When the run stops, the requests of every source are aborted.
    """

    def __init__(self, fetcher_of: Callable[[Source], Fetcher], concurrency: int, stop: StopToken) -> None:
        self._fetcher_of = fetcher_of
        self._stop = stop
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._contexts: dict[int, SourceContext] = {}

    def of(self, source: Source) -> SourceContext:
        """Return the state of a source."""
        with self._lock:
            context = self._contexts.get(id(source))
            if context is None:
                context = SourceContext(source, self._fetcher_of(source), self._concurrency)
                self._contexts[id(source)] = context
                # A provider that does not answer must not hold up the stop.
                self._stop.when_stopped(context.fetcher.abort)
            return context

    def all(self) -> list[SourceContext]:
        """Return the states that were made so far."""
        with self._lock:
            return list(self._contexts.values())
