"""Until when hosts asked for no requests: known to all clients of a process, and to later runs."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable

from ingestify.clock import now
from ingestify.domain.ports import HostWait, HostWaitsPort
from ingestify.errors import LakeNotFound, StoreError
from ingestify.progress.printable import PrintableLogger

__all__ = ["Waits"]

logger = PrintableLogger(__name__)

LONGEST = dt.timedelta(days=1)
"""A longer wait is cut to this: a provider that still wants it says so again tomorrow."""


class Waits:
    """The hosts that asked for a pause that is too long to wait for. Safe to share between threads.

    Args:
        memory: Keeps the pauses for later runs; None: they end with the process.
        clock: The time of day.
    """

    def __init__(self, memory: HostWaitsPort | None = None, *, clock: Callable[[], dt.datetime] = now) -> None:
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._by_host: dict[str, HostWait] = {}
        self._writes = True

    def begin_run(self, *, ignored: bool, writes: bool) -> None:
        """Load the pauses that hosts asked other runs for.

        Args:
            ignored: Forget all pauses, and send requests to these hosts again.
            writes: Whether a pause that a host asks for from now on is kept for other runs.
        """
        self._writes = writes
        if not ignored:
            self.look_up()
            return
        with self._lock:
            self._by_host.clear()
        if self._memory is not None and writes:
            self._memory.forget()

    def look_up(self) -> None:
        """Load the pauses that hosts have asked other processes for since."""
        if self._memory is None:
            return
        try:
            found = self._memory.find()
        except StoreError as error:
            logger.debug("the catalogue could not tell which hosts asked for a pause: %s", error)
            return
        with self._lock:
            for wait in found:
                known = self._by_host.get(wait.host)
                if known is None or known.asked_at < wait.asked_at:
                    self._by_host[wait.host] = wait

    def find(self, host: str) -> HostWait | None:
        """Return the pause of a host that is not over yet, or None."""
        if not self._by_host:
            return None
        with self._lock:
            wait = self._by_host.get(host)
            if wait is not None and not wait.holds_at(self._clock()):
                del self._by_host[host]
                wait = None
            return wait

    def ask(self, host: str, seconds: float, status: int) -> HostWait:
        """Note that a host asks for a pause, and return it; of requests in flight, the first response counts."""
        asked = dt.timedelta(seconds=min(seconds, 10 * LONGEST.total_seconds()))
        with self._lock:
            moment = self._clock()
            known = self._by_host.get(host)
            wait = HostWait(host, moment, moment + min(asked, LONGEST), status, is_cut=asked > LONGEST)
            if known is not None and known.holds_at(moment) and abs(known.until - wait.until) < dt.timedelta(minutes=1):
                return known
            self._by_host[host] = wait
        if self._memory is not None and self._writes:
            self._keep(wait, self._memory)
        return wait

    @staticmethod
    def _keep(wait: HostWait, memory: HostWaitsPort) -> None:
        try:
            memory.save(wait)
        except LakeNotFound:
            logger.debug("%s. No later run will know that: there is no lake yet", wait.reason)
        except StoreError as error:
            # Another process may have saved the same pause at the same moment.
            with contextlib.suppress(StoreError):
                if any(kept.host == wait.host for kept in memory.find()):
                    return
            logger.warning("%s. The next run will not know that: %s", wait.reason, error)
