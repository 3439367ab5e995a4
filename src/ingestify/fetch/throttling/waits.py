"""How long hosts asked to be left alone: kept for all clients of a process, and beyond it."""

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
"""No wait is believed for longer: a provider that wants more says so again tomorrow."""


class Waits:
    """The hosts that asked for a wait that nobody waits for. Safe to share between threads.

    Args:
        memory: Where they outlive the process; None: nowhere.
        clock: The time of day.
    """

    def __init__(self, memory: HostWaitsPort | None = None, *, clock: Callable[[], dt.datetime] = now) -> None:
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._by_host: dict[str, HostWait] = {}
        self._writes = True

    def begin_run(self, *, ignored: bool, writes: bool) -> None:
        """Learn what other runs were told.

        Args:
            ignored: Forget what hosts said up to now, and ask them.
            writes: Whether what hosts say from now on is kept for other runs.
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
        """Learn what other processes were told by now."""
        if self._memory is None:
            return
        try:
            found = self._memory.find()
        except StoreError as error:
            logger.debug("which hosts are to be left alone is not known: %s", error)
            return
        with self._lock:
            for wait in found:
                known = self._by_host.get(wait.host)
                if known is None or known.asked_at < wait.asked_at:
                    self._by_host[wait.host] = wait

    def find(self, host: str) -> HostWait | None:
        """Return the wait that a host is in, or None."""
        if not self._by_host:
            return None
        with self._lock:
            wait = self._by_host.get(host)
            if wait is not None and not wait.holds_at(self._clock()):
                del self._by_host[host]
                wait = None
            return wait

    def ask(self, host: str, seconds: float, status: int) -> HostWait:
        """A host asks to be left alone for so long; of requests that were under way together the first one counts."""
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
            logger.debug("%s, which no run will know: there is no lake yet", wait.reason)
        except StoreError as error:
            # Another process may have been told the same at the same moment.
            with contextlib.suppress(StoreError):
                if any(kept.host == wait.host for kept in memory.find()):
                    return
            logger.warning("%s, which the next run will not know: %s", wait.reason, error)
