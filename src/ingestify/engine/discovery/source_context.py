"""What a run keeps for one source: its client, its lanes in the pools, its gate."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

from ingestify.domain.ports import Fetcher
from ingestify.domain.source import Source, collecting
from ingestify.engine.discovery.discovery import LOOK_UP_SIZE
from ingestify.engine.workers import Gate, Lane, StopToken

__all__ = ["SourceLane", "SourceLanes"]

SELECTORS_AT_ONCE = 8
"""How many selectors of one source are discovered side by side; other sources' have threads left."""


class SourceLane:
    """What a run keeps for one source."""

    def __init__(self, source: Source, fetcher: Fetcher, concurrency: int) -> None:
        self.source = source
        self.fetcher = fetcher
        self.files = Lane(source.name, fetcher.max_concurrency)
        # A source that submits and collects keeps state between the two: one selector at a time.
        self.discovery = Lane(source.name, 1 if collecting(source) else SELECTORS_AT_ONCE)
        self.gate = Gate(max(64, 4 * concurrency), LOOK_UP_SIZE)
        self._told: collections.Counter[tuple[str, ...]] = collections.Counter()
        self._lock = threading.Lock()

    def tells_first(self, *what: str) -> bool:
        """Whether this is the first time in the run that something is to be told of the source."""
        with self._lock:
            self._told[what] += 1
            return self._told[what] == 1

    @property
    def told(self) -> dict[tuple[str, ...], int]:
        """How often each thing was to be told."""
        with self._lock:
            return dict(self._told)


class SourceLanes:
    """The lanes of a run's sources, made when they are first needed. Safe to use from any thread.

    Args:
        fetcher_of: The HTTP client of a source.
        concurrency: How many files the run fetches at once.
        stop: Breaks off what is on the wire.
    """

    def __init__(self, fetcher_of: Callable[[Source], Fetcher], concurrency: int, stop: StopToken) -> None:
        self._fetcher_of = fetcher_of
        self._stop = stop
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._lanes: dict[int, SourceLane] = {}

    def of(self, source: Source) -> SourceLane:
        """Return the lane of a source."""
        with self._lock:
            lane = self._lanes.get(id(source))
            if lane is None:
                lane = self._lanes[id(source)] = SourceLane(source, self._fetcher_of(source), self._concurrency)
                # A provider that does not answer must not hold up the stop.
                self._stop.when_stopped(lane.fetcher.abort)
            return lane

    def all(self) -> list[SourceLane]:
        """Return those that were needed so far."""
        with self._lock:
            return list(self._lanes.values())
