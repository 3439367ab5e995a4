"""The threads of a run: a bounded pool that is fair between sources, a gate for back-pressure, and a token to stop."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable

from ingestify.domain.ports import RequestBudget
from ingestify.errors import SourceError
from ingestify.logging_context import bound, run_of_thread
from ingestify.progress.printable import PrintableLogger

__all__ = ["Gate", "ReaderLeft", "RunThread", "StopToken", "TaskQueue", "WorkerPool"]

logger = PrintableLogger(__name__)

Task = Callable[[], None]


class ReaderLeft(Exception):
    """The reader of a stream left its loop early. That is a reason to stop, and no error."""


class RunThread(threading.Thread):
    """A thread of a run, for which the run waits. A callback in such a thread may call the engine again.

    Its log lines are about the run of the thread that made it.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._run_id = run_of_thread()

    def run(self) -> None:
        """Do the work."""
        with bound(run=self._run_id):
            self._work()


class StopToken:
    """Says that a run has to stop, and why. The first reason stays."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.reason: BaseException | None = None
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    def stop(self, reason: BaseException) -> None:
        """Stop the run. Any thread may call it."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            calls, self._calls = self._calls, []
        self.event.set()
        for call in calls:
            call()

    def caught(self, error: BaseException) -> Exception:
        """Return an error of user code as an Exception; KeyboardInterrupt and SystemExit stop the run, as Ctrl-C does.

        Any thread may call it.
        """
        if isinstance(error, Exception):
            return error
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            interrupt = error if isinstance(error, KeyboardInterrupt) else KeyboardInterrupt(text)
            interrupt.__cause__ = None if interrupt is error else error
            self.stop(interrupt)
        wrapped = SourceError(text)
        wrapped.__cause__ = error
        return wrapped

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Call `call` once, in the thread that stops the run, or now if the run is stopped already."""
        with self._lock:
            if not self.event.is_set():
                self._calls.append(call)
                return
        call()

    @property
    def is_set(self) -> bool:
        """Whether the run has to stop."""
        return self.event.is_set()


class Gate:
    """Limits how many datasets of a source are in work at once: back-pressure on discovery.

    Args:
        limit: The limit as long as datasets may have to be fetched.
        wide_limit: The limit while datasets turn out to be unchanged, and leave at once.
    """

    def __init__(self, limit: int, wide_limit: int | None = None) -> None:
        self._narrow = self._limit = limit
        self._wide = max(limit, wide_limit or 0)
        self._inside = 0
        self._changed = threading.Condition()
        self._budget: RequestBudget | None = None
        self._files_each, self._lists = 1, 0

    @property
    def narrow_limit(self) -> int:
        """The limit as long as datasets may have to be fetched."""
        return self._within_budget(self._narrow)

    @property
    def is_full(self) -> bool:
        """Whether a dataset that comes now has to wait."""
        with self._changed:
            return self._inside >= self._within_budget(self._limit)

    def narrow_by(self, budget: RequestBudget, files_each: int, lists: int) -> None:
        """Admit no more datasets at once than the rest of a budget is enough for, so that what begins is completed.

        Args:
            budget: The budget.
            files_each: How many files a dataset has; each of them may be asked for twice.
            lists: How many requests it takes to read the lists once more.
        """
        self._budget, self._files_each, self._lists = budget, files_each, lists

    def _within_budget(self, limit: int) -> int:
        left = None if self._budget is None else self._budget.left_of_day
        return limit if left is None else max(1, min(limit, (left - self._lists) // (2 * self._files_each)))

    def widen(self, wide: bool) -> None:
        """Choose the wide limit or the narrow one. Datasets that are inside stay there."""
        with self._changed:
            self._limit = self._wide if wide else self._narrow
            self._changed.notify_all()

    def enter(self, stop: StopToken, wanted: int = 1) -> int:
        """Wait for a place, and take up to `wanted` free ones. Returns their number; 0: the run has to stop."""
        with self._changed:
            while self._inside >= (limit := self._within_budget(self._limit)):
                if stop.is_set:
                    return 0
                self._changed.wait(0.1)
            if stop.is_set:
                return 0
            taken = min(wanted, limit - self._inside)
            self._inside += taken
            return taken

    def enter_at_once(self, number: int = 1) -> None:
        """Take places even if none is free, for datasets that may not wait, or were inside before."""
        with self._changed:
            self._inside += number

    def step_out(self, number: int = 1) -> None:
        """Give places back for a while, so that a list goes on to which the datasets inside have to come back.

        Those of a source with a budget keep their places: its lists wait at no gate, and what begins must not spend the
        requests that these datasets still need.
        """
        if self._budget is None:
            self.leave(number)

    def step_in(self, number: int = 1) -> None:
        """Take the places again, even if none is free."""
        if self._budget is None:
            self.enter_at_once(number)

    def leave(self, number: int = 1) -> None:
        """Give places back."""
        with self._changed:
            self._inside -= number
            self._changed.notify(number)


class TaskQueue:
    """The tasks of one source in a pool. At most `limit` of them run at once; None: as many as there are threads."""

    __slots__ = ("limit", "lock", "name", "running", "tickets", "waiting")

    def __init__(self, name: str, limit: int | None = None) -> None:
        self.name = name
        self.limit = limit
        self.lock = threading.Lock()
        self.waiting: deque[Task] = deque()
        self.tickets = 0  # threads that were asked for and have not come; never more than tasks are waiting
        self.running = 0


class WorkerPool:
    """Daemon threads that take turns between the queues of sources, so that a slow source does not delay the others.

    A queue asks for a thread with a ticket, and never for more threads than it may use. So the next queue waits for at
    most as many tasks as there are threads.

    A task handles its own errors. An error that escapes is logged as a bug, and does not end the thread.

    Args:
        size: The number of threads. They start when they are needed.
        name: The name of the threads.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._tickets: queue.SimpleQueue[TaskQueue | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._outstanding = 0
        self._drained = threading.Event()
        self._drained.set()

    def submit(self, tasks: TaskQueue, task: Task, *, first: bool = False) -> None:
        """Queue a task. It runs after the tasks that wait in its queue, or before them if it is `first`."""
        with tasks.lock:
            if first:
                tasks.waiting.appendleft(task)
            else:
                tasks.waiting.append(task)
            most = self._size if tasks.limit is None else min(tasks.limit, self._size)
            asks = tasks.tickets + tasks.running < most
            if asks:
                tasks.tickets += 1
        if asks:
            self._ask(tasks)

    def close(self) -> None:
        """End the threads when all queues are empty, and wait for that."""
        self._drained.wait()
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._tickets.put(None)
        for thread in threads:
            thread.join()

    def _ask(self, tasks: TaskQueue) -> None:
        with self._lock:
            self._outstanding += 1
            self._drained.clear()
            if self._outstanding > len(self._threads) and len(self._threads) < self._size:
                name = f"{self._name}-{len(self._threads) + 1}"
                thread = RunThread(self._work_off, name)
                self._threads.append(thread)
                thread.start()
        self._tickets.put(tasks)

    def _work_off(self) -> None:
        while (tasks := self._tickets.get()) is not None:
            with tasks.lock:
                task = tasks.waiting.popleft()
                tasks.tickets -= 1
                tasks.running += 1
            try:
                task()
            except BaseException:
                logger.exception("A task of %s let an error escape; this is a bug in ingestify.", self._name)
            with tasks.lock:
                tasks.running -= 1
                goes_on = len(tasks.waiting) > tasks.tickets
                if goes_on:
                    tasks.tickets += 1
            if goes_on:
                self._tickets.put(tasks)
            else:
                self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            self._outstanding -= 1
            if self._outstanding == 0:
                self._drained.set()
