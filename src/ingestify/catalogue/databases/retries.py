"""Retries after a deadlock, a lost connection, or a commit with an unknown outcome."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

import sqlalchemy as sa

from ingestify.catalogue.databases.database_errors import FileChanged
from ingestify.catalogue.databases.server_errors import find_server_error
from ingestify.clock import monotonic, sleep
from ingestify.errors import OutcomeUnknown, StoreError

__all__ = ["RetryBudget", "may_pass", "retried"]

P = ParamSpec("P")
T = TypeVar("T")

S = TypeVar("S", bound="_HasDatabase | _HasRetryBudget")

ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 2.0

LIMITED_WAIT_SECONDS = 1.0
"""How long a thread waits for a lock after `limit_lock_waits`."""


class RetryBudget:
    """How long all calls on one database together wait for it. Safe to share between threads.

    After one call could not reach the server in all of its attempts, the calls that follow try once: otherwise a run
    with a hundred rows to write would take minutes to end. The first connection that succeeds restores the attempts.

    The same holds for a lock of another writer. After one call waited for it in vain, the next calls do not wait: for
    as long as the wait was, or until one of them gets the lock. Readers and writers wait for different locks.

    Args:
        lock_seconds: How long a call waits for a lock.
    """

    def __init__(self, lock_seconds: float = 60.0) -> None:
        self.lock_seconds = lock_seconds
        self._is_reached = True
        self._is_lost = False
        self._only_tried_until = {True: 0.0, False: 0.0}
        self._limited_until: float | None = None

    def note_connection(self, *, succeeded: bool) -> None:
        """Note that a connection was opened, or could not be."""
        self._is_reached = succeeded
        if succeeded:
            self._is_lost = False

    def attempts(self) -> Iterator[bool]:
        """Yield for each attempt whether it is the last one, and pause before each but the first.

        The pause is random, up to 0.1, 0.2, 0.4, … seconds, so that two writers that met do not meet again.
        """
        if self._is_lost:
            yield True
            return
        for number in range(ATTEMPTS):
            if number:
                sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.05 * 2**number)))  # noqa: S311 - no secret
            yield number == ATTEMPTS - 1

    def seconds_for_lock(self, *, writes: bool, since: float | None = None) -> float:
        """Return how long a call may wait for a lock from now on; 0: it tries once.

        Args:
            writes: Whether a writer waits, or a reader.
            since: When the wait began, by the monotonic clock; None: now.
        """
        moment = monotonic()
        if moment < self._only_tried_until[writes]:
            return 0.0
        until = (moment if since is None else since) + self.lock_seconds
        if self._limited_until is not None:
            until = min(until, self._limited_until)
        return max(0.0, until - moment)

    def note_lock(self, *, writes: bool, was_had: bool) -> None:
        """Note that a call got a lock, or waited for it in vain."""
        self._only_tried_until[writes] = 0.0 if was_had else monotonic() + self.lock_seconds

    def limit_lock_waits(self) -> None:
        """End all waits for locks after a second, until `restore_lock_waits`."""
        self._limited_until = monotonic() + LIMITED_WAIT_SECONDS

    def restore_lock_waits(self) -> None:
        """Wait for locks as usual again."""
        if self._limited_until is not None:
            self._limited_until = None
            self._only_tried_until = {True: 0.0, False: 0.0}

    def spend(self) -> None:
        """Note that a call gave up after its last attempt."""
        self._is_lost = not self._is_reached


class _HasRetryBudget(Protocol):
    @property
    def retry_budget(self) -> RetryBudget:
        """The retry budget of the database."""


class _HasDatabase(Protocol):
    @property
    def _database(self) -> _HasRetryBudget:
        """The database that the methods use."""


def _retry_budget_of(owner: _HasDatabase | _HasRetryBudget) -> RetryBudget:
    own: _HasRetryBudget | None = getattr(owner, "_database", None)
    return cast(_HasRetryBudget, owner).retry_budget if own is None else own.retry_budget


def may_pass(error: BaseException | None) -> bool:
    """Whether a transaction that failed with `error` may succeed when it is retried."""
    if isinstance(error, FileChanged):
        return True
    server_error = find_server_error(error)
    return server_error is not None and server_error.may_pass


def retried(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Retry a call that did not happen, or whose outcome is unknown. It has to be one that may happen twice.

    That holds for a call that reads, or that writes a state, such as the state of a job. It does not hold for a call
    that adds an event. The function is a method of an object with a `_database`, or takes the database first.
    """

    @functools.wraps(act)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        may_repeat = True
        retry_budget = _retry_budget_of(self)
        for is_last in retry_budget.attempts():
            try:
                return act(self, *args, **kwargs)
            except StoreError as error:
                if may_pass(error.__cause__):
                    if not is_last:
                        continue
                    retry_budget.spend()
                # Two writers of a server may insert the same row; the second one finds it in the next attempt.
                met = isinstance(error, OutcomeUnknown) or isinstance(error.__cause__, sa.exc.IntegrityError)
                if not (met and may_repeat):
                    raise
                may_repeat = False
        raise AssertionError("unreachable")

    return call
