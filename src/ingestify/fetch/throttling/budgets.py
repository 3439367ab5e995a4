"""The budgets of sources: how many requests of a minute and a day are left, counted in the catalogue for all processes.

A process reserves requests in blocks, so that the catalogue is not asked for each of them. What a process has reserved
and not sent is given back at the end of its run, or lost if the process is killed; it is never sent twice.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from ingestify.clock import monotonic, now, wait_for
from ingestify.domain.ports import RequestBudgetsPort
from ingestify.domain.request_budget import NOTHING_USED, BudgetLimits, BudgetState, BudgetUse, Reservation
from ingestify.errors import LakeNotFound, OutcomeUnknown, StoreError
from ingestify.failpoints import failpoint
from ingestify.fetch.throttling.circuit_breaker import BudgetUsedUp
from ingestify.fetch.throttling.rate_limit import Stopped
from ingestify.fetch.throttling.rate_limit_headers import read_counted_requests

__all__ = ["Budgets", "SourceBudget", "Taken"]

logger = logging.getLogger(__name__)

_NEVER = float("-inf")
_POLL_SECONDS = 0.05


class _Block:
    """Requests that were reserved together."""

    __slots__ = ("at", "unused", "valid_until")

    def __init__(self, at: dt.datetime, count: int, valid_until: float) -> None:
        self.at = at
        self.unused = count
        self.valid_until = valid_until


class Taken:
    """A reserved request that is about to be sent."""

    __slots__ = ("_block", "_lock")

    def __init__(self, block: _Block, lock: threading.Lock) -> None:
        self._block = block
        self._lock = lock

    def put_back(self) -> None:
        """Let another request have it, as nothing was sent."""
        with self._lock:
            self._block.unused += 1


class SourceBudget:
    """The budget of one source. Safe to share between threads.

    Args:
        source: The name of the source.
        limits: The most requests, of all processes together.
        longest_wait_seconds: A request waits so long for the next day; for the next minute it always waits.
        memory: Counts for all processes; None: this process counts alone.

    Attributes:
        limits: The most requests.
    """

    def __init__(
        self, source: str, limits: BudgetLimits, longest_wait_seconds: float, memory: RequestBudgetsPort | None = None
    ) -> None:
        self.limits = limits
        self._source = source
        self._longest_wait_seconds = longest_wait_seconds
        self._memory = memory
        self._own = NOTHING_USED
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._block = _Block(NOTHING_USED.at, 0, _NEVER)
        self._use = NOTHING_USED
        self._goes_on: Reservation | None = None
        self._closed_until = _NEVER
        self._is_told = False

    @property
    def left_of_day(self) -> int | None:
        """How many requests of the day are left, as far as this process knows; None: there is no such limit."""
        with self._lock:
            left = self.limits.left(self._use, self._use.at).per_day
            return None if left is None else left + self._block.unused

    @property
    def is_half_used(self) -> bool:
        """Whether less than half of the requests of the day are left."""
        left = self.left_of_day
        return left is not None and self.limits.per_day is not None and left * 2 < self.limits.per_day

    def is_enough_for(self, requests: int) -> bool:
        """Return whether so many requests are left now, as far as this process knows, so that none has to wait."""
        left_of_day, per_minute = self.left_of_day, self.limits.per_minute
        return (left_of_day is None or left_of_day >= requests) and (per_minute is None or per_minute >= 2 * requests)

    def take(self, stop: threading.Event) -> Taken:
        """Wait until a request may be sent, and count it.

        Raises:
            BudgetUsedUp: There is none before the next day.
            Stopped: `stop` was set, before or meanwhile.
            StoreError: The catalogue cannot count it.
        """
        while (taken := self._take_reserved()) is None:
            while not self._turn.acquire(timeout=_POLL_SECONDS):
                if stop.is_set():
                    raise Stopped
            try:
                if (taken := self._take_reserved()) is not None:
                    return taken
                seconds = self._reserve()
            finally:
                self._turn.release()
            if seconds > 0 and wait_for(stop, seconds):
                raise Stopped
        return taken

    def look_anew(self) -> None:
        """Ask the catalogue again, also if the budget was used up before."""
        self._closed_until = _NEVER

    def give_back(self) -> None:
        """Give back what is reserved and was not sent."""
        with self._turn, self._lock:
            block, self._block = self._block, _Block(NOTHING_USED.at, 0, _NEVER)
        if not block.unused:
            return
        failpoint("budget.returning")
        try:
            self._update(lambda use, _: use.without(block.at, block.unused))
        except StoreError as error:
            logger.debug("%s: %d reserved requests are lost: %s", self._source, block.unused, error)

    def learn(self, headers: Mapping[str, str]) -> float:
        """Note how many requests the provider has counted, if it says so: others may use the same account.

        Returns:
            For how many seconds the provider has no more requests, if it has none and says that; else 0.
        """
        said = read_counted_requests(headers, self.limits, now())
        with self._lock:
            known = self._use.as_of(self._use.at)
        if said.of_day > known.of_day or said.of_minute > sum(known.of_seconds.values()):
            try:
                self._update(
                    lambda use, moment: use.as_of(moment).at_least(of_minute=said.of_minute, of_day=said.of_day)
                )
            except StoreError as error:
                logger.debug("%s: what its provider has counted could not be kept: %s", self._source, error)
        return said.used_up_seconds

    # ---- in the catalogue ------------------------------------------------------------------------------

    def _take_reserved(self) -> Taken | None:
        with self._lock:
            block = self._block
            if block.unused <= 0 or monotonic() >= block.valid_until:
                return None
            block.unused -= 1
            return Taken(block, self._lock)

    def _reserve(self) -> float:
        """Reserve a block, in its turn. Returns for how many seconds there is nothing; 0: it has reserved one."""
        began = monotonic()
        if began < self._closed_until:
            assert self._goes_on is not None
            return self._wait_for(self._goes_on, self._closed_until - began)
        with self._lock:
            before, self._block = self._block, _Block(NOTHING_USED.at, 0, _NEVER)
        try:
            reservation = self._reserve_block(before.at, before.unused)
        except OutcomeUnknown:  # then both are lost, what was given back and what was reserved
            reservation = self._reserve_block(before.at, 0)
        if reservation.goes_on_at is not None:
            seconds = (reservation.goes_on_at - reservation.at).total_seconds()
            self._goes_on, self._closed_until = reservation, began + seconds
            return self._wait_for(reservation, seconds)
        failpoint("budget.reserved")
        with self._lock:
            # The moment of the reservation was later than `began`, so that the block ends early rather than late.
            self._block = _Block(reservation.at, reservation.count, began + reservation.valid_seconds)
        return 0.0

    def _reserve_block(self, at: dt.datetime, unused: int) -> Reservation:
        """Reserve a block in the catalogue, and give back what was not used of the one before."""
        got: list[Reservation] = []

        def change(use: BudgetUse, moment: dt.datetime) -> BudgetUse:
            reservation, after = self.limits.reserve(use.without(at, unused), moment, self.limits.block)
            got.append(reservation)
            return after

        self._update(change)
        return got[-1]

    def _wait_for(self, used_up: Reservation, seconds: float) -> float:
        """Return for how many seconds a request has to wait; raises BudgetUsedUp if that is too long."""
        assert used_up.goes_on_at is not None
        if used_up.is_of_day and seconds > self._longest_wait_seconds:
            raise BudgetUsedUp(
                f"the budget of the source '{self._source}' is used up ({self.limits}); it goes on at "
                f"{used_up.goes_on_at:%Y-%m-%d %H:%M} UTC",
                used_up.goes_on_at,
            )
        level = logging.DEBUG if self._is_told or seconds < 1 else logging.WARNING
        self._is_told = self._is_told or seconds >= 1
        logger.log(
            level, "%s: its budget (%s) is used up; it waits, for %.0f s now.", self._source, self.limits, seconds
        )
        return seconds

    def _update(self, change: Callable[[BudgetUse, dt.datetime], BudgetUse]) -> None:
        after = NOTHING_USED

        def changed(use: BudgetUse, moment: dt.datetime) -> BudgetUse:
            nonlocal after
            after = change(use, moment)
            return after

        try:
            if self._memory is None:
                raise LakeNotFound
            self._memory.update(self._source, changed)
        except LakeNotFound:  # there is no lake yet: nobody else counts
            self._own = changed(self._own, now())
        with self._lock:
            self._use = after


class Budgets:
    """The budgets of the sources that have one; implements `domain.ports.RequestBudgetBook`.

    Args:
        memory: Counts for all processes; None: this process counts alone.
    """

    def __init__(self, memory: RequestBudgetsPort | None = None) -> None:
        self._memory = memory
        self._by_source: dict[str, SourceBudget] = {}

    def add(self, source: str, limits: BudgetLimits, longest_wait_seconds: float) -> None:
        """Give a source a budget, before it is used; see `SourceBudget`."""
        self._by_source[source] = SourceBudget(source, limits, longest_wait_seconds, self._memory)

    def find(self, source: str) -> SourceBudget | None:
        """Return the budget of a source; None: it has none."""
        return self._by_source.get(source)

    def states(self) -> Sequence[BudgetState]:
        """Return what is left of each budget, in the catalogue."""
        if not self._by_source:
            return []
        uses: Mapping[str, BudgetUse] = {}
        moment = now()
        if self._memory is not None:
            with contextlib.suppress(LakeNotFound):  # nothing was asked yet
                uses, moment = self._memory.find()
        return [
            BudgetState.of(source, budget.limits, uses.get(source, NOTHING_USED), moment)
            for source, budget in self._by_source.items()
        ]

    def begin_run(self) -> None:
        """Ask the catalogue again for each budget, also if it was used up before."""
        for budget in self._by_source.values():
            budget.look_anew()

    def end_run(self) -> None:
        """Give back what is reserved and was not sent."""
        for budget in self._by_source.values():
            budget.give_back()
