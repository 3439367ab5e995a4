"""Bounded threads: a pool that is fair between sources, a gate for back-pressure, a token to stop."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable

from ingestify.progress.printable import PrintableLogger

__all__ = ["Gate", "Lane", "ReaderLeft", "RunThread", "StopToken", "WorkerPool"]

logger = PrintableLogger(__name__)

Task = Callable[[], None]


class ReaderLeft(Exception):
    """The reader of a stream left its loop early: a reason to stop, and no error."""


class RunThread(threading.Thread):
    """A thread of a run. It may be in a callback that calls the engine again, and is what the run waits for."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)


class StopToken:
    """Says that a run is to stop, and why. The first reason stays."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.reason: BaseException | None = None
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    def stop(self, reason: BaseException) -> None:
        """Ask for the stop; may be called from any thread."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            calls, self._calls = self._calls, []
        self.event.set()
        for call in calls:
            call()

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Let `call` be called, once, by whoever asks for the stop: at once if that has happened."""
        with self._lock:
            if not self.event.is_set():
                self._calls.append(call)
                return
        call()

    @property
    def is_set(self) -> bool:
        """Whether the run is to stop."""
        return self.event.is_set()


class Gate:
    """Lets at most `limit` things through until some come back: back-pressure on discovery.

    Args:
        limit: How many, as long as they may have to be fetched.
        wide_limit: How many while they come back at once, as what is unchanged does.
    """

    def __init__(self, limit: int, wide_limit: int | None = None) -> None:
        self._narrow = self._limit = limit
        self._wide = max(limit, wide_limit or 0)
        self._inside = 0
        self._changed = threading.Condition()

    @property
    def narrow_limit(self) -> int:
        """How many it lets through as long as they may have to be fetched."""
        return self._narrow

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now has to wait."""
        with self._changed:
            return self._inside >= self._limit

    def widen(self, wide: bool) -> None:
        """Say whether what came through last came back at once. What is inside stays there."""
        with self._changed:
            self._limit = self._wide if wide else self._narrow
            self._changed.notify_all()

    def enter(self, stop: StopToken, wanted: int = 1) -> int:
        """Wait for a place, and take as many of those wanted as there are then. Returns 0 if the run is to stop."""
        with self._changed:
            while self._inside >= self._limit:
                if stop.is_set:
                    return 0
                self._changed.wait(0.1)
            if stop.is_set:
                return 0
            taken = min(wanted, self._limit - self._inside)
            self._inside += taken
            return taken

    def enter_at_once(self, number: int = 1) -> None:
        """Take places even if there are none: for those who hold themselves back, or were inside before."""
        with self._changed:
            self._inside += number

    def leave(self, number: int = 1) -> None:
        """Give places back."""
        with self._changed:
            self._inside -= number
            self._changed.notify(number)


class Lane:
    """The tasks of one source in a pool; at most `limit` of them run at once (None: as many as there are threads)."""

    __slots__ = ("limit", "lock", "name", "running", "tickets", "waiting")

    def __init__(self, name: str, limit: int | None = None) -> None:
        self.name = name
        self.limit = limit
        self.lock = threading.Lock()
        self.waiting: deque[Task] = deque()
        self.tickets = 0  # asked for and not taken yet; never more than tasks are waiting
        self.running = 0


class WorkerPool:
    """Daemon threads that take turns between lanes, so that a slow source does not hold up the others.

    A lane asks for a thread with a ticket, and for no more threads than it may use; so behind the tickets of one
    lane the next one waits for as many tasks as there are threads, at most.

    A task handles its own errors; one that escapes is logged as a bug and does not end the thread.

    Args:
        size: How many threads; they start as they are needed.
        name: What the threads are called.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._tickets: queue.SimpleQueue[Lane | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._outstanding = 0
        self._drained = threading.Event()
        self._drained.set()

    def submit(self, lane: Lane, task: Task, *, first: bool = False) -> None:
        """Queue a task; it runs after those queued before it in its lane, or, if `first`, before them."""
        with lane.lock:
            if first:
                lane.waiting.appendleft(task)
            else:
                lane.waiting.append(task)
            most = self._size if lane.limit is None else min(lane.limit, self._size)
            asks = lane.tickets + lane.running < most
            if asks:
                lane.tickets += 1
        if asks:
            self._ask(lane)

    def close(self) -> None:
        """Let the threads end when their queues are empty, and wait for them."""
        self._drained.wait()
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._tickets.put(None)
        for thread in threads:
            thread.join()

    def _ask(self, lane: Lane) -> None:
        with self._lock:
            self._outstanding += 1
            self._drained.clear()
            if self._outstanding > len(self._threads) and len(self._threads) < self._size:
                name = f"{self._name}-{len(self._threads) + 1}"
                thread = RunThread(self._work_off, name)
                self._threads.append(thread)
                thread.start()
        self._tickets.put(lane)

    def _work_off(self) -> None:
        while (lane := self._tickets.get()) is not None:
            with lane.lock:
                task = lane.waiting.popleft()
                lane.tickets -= 1
                lane.running += 1
            try:
                task()
            except BaseException:
                logger.exception("A task of %s let an error escape; this is a bug in ingestify.", self._name)
            with lane.lock:
                lane.running -= 1
                goes_on = len(lane.waiting) > lane.tickets
                if goes_on:
                    lane.tickets += 1
            if goes_on:
                self._tickets.put(lane)
            else:
                self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            self._outstanding -= 1
            if self._outstanding == 0:
                self._drained.set()
