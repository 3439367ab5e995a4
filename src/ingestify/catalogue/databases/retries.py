"""What is done again: after a deadlock, a lost connection, a commit of which nobody knows."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

import sqlalchemy as sa

from ingestify.catalogue.databases.database_errors import FileChanged
from ingestify.catalogue.databases.server_errors import find_server_refusal
from ingestify.errors import OutcomeUnknown, StoreError

__all__ = ["Patience", "may_pass", "repeatable"]

P = ParamSpec("P")
T = TypeVar("T")

S = TypeVar("S", bound="_Asking | _HasPatience")

ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 2.0

HURRY_SECONDS = 1.0
"""How long a lock is waited for by those that are to come to an end."""


class Patience:
    """How long a database is waited for, by all that ask it together. Safe to share between threads.

    A server that could not be reached again in all tries of one act is not waited for as long by each that follows: a
    run that has a hundred things to write down would take minutes to end. The first connection that succeeds brings the
    patience back.

    So it is with a lock that somebody else keeps: when it was waited for in vain, it is only tried, for as long as the
    wait was, or until it was had. Reading and writing wait for different locks.

    Args:
        lock_seconds: How long a lock is waited for.
    """

    def __init__(self, lock_seconds: float = 60.0) -> None:
        self.lock_seconds = lock_seconds
        self._is_reached = True
        self._is_lost = False
        self._only_tried_until = {True: 0.0, False: 0.0}
        self._hurried_until: float | None = None

    def note_connection(self, *, succeeded: bool) -> None:
        """A connection was opened, or could not be."""
        self._is_reached = succeeded
        if succeeded:
            self._is_lost = False

    def attempts(self) -> Iterator[bool]:
        """Yield for each try whether it is the last one, and pause before each but the first.

        At random up to 0.1, 0.2, 0.4, … seconds: two that met are not to meet again.
        """
        if self._is_lost:
            yield True
            return
        for number in range(ATTEMPTS):
            if number:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.05 * 2**number)))  # noqa: S311 - no secret
            yield number == ATTEMPTS - 1

    def seconds_for_lock(self, *, writes: bool, since: float | None = None) -> float:
        """Return how long a lock may be waited for from now on; 0: it is only tried.

        Args:
            writes: Whether it is one that a writer waits for.
            since: When the wait began, by the monotonic clock; None: now.
        """
        moment = time.monotonic()
        if moment < self._only_tried_until[writes]:
            return 0.0
        until = (moment if since is None else since) + self.lock_seconds
        if self._hurried_until is not None:
            until = min(until, self._hurried_until)
        return max(0.0, until - moment)

    def note_lock(self, *, writes: bool, was_had: bool) -> None:
        """A lock was had, or waited for in vain."""
        self._only_tried_until[writes] = 0.0 if was_had else time.monotonic() + self.lock_seconds

    def hurry(self) -> None:
        """Let all waits for locks end in a second, until `calm`."""
        self._hurried_until = time.monotonic() + HURRY_SECONDS

    def calm(self) -> None:
        """Wait for locks as usual again."""
        if self._hurried_until is not None:
            self._hurried_until = None
            self._only_tried_until = {True: 0.0, False: 0.0}

    def spend(self) -> None:
        """An act was given up after its last try."""
        self._is_lost = not self._is_reached


class _HasPatience(Protocol):
    @property
    def patience(self) -> Patience:
        """That of the database."""


class _Asking(Protocol):
    @property
    def _database(self) -> _HasPatience:
        """What is asked."""


def _patience_of(asking: _Asking | _HasPatience) -> Patience:
    own: _HasPatience | None = getattr(asking, "_database", None)
    return cast(_HasPatience, asking).patience if own is None else own.patience


def may_pass(error: BaseException | None) -> bool:
    """Whether a transaction that the database refused with `error` may succeed when it is done again as it is."""
    if isinstance(error, FileChanged):
        return True
    refusal = find_server_refusal(error)
    return refusal is not None and refusal.may_pass


def repeatable(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Let what may be done twice be done again where it did not happen, or where that is not known.

    For what reads, or says how something is to be, such as the state of a job; not for what adds an event. It is a
    method of what has a `_database`, or takes the database first.
    """

    @functools.wraps(act)
    def done(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        again_once = True
        patience = _patience_of(self)
        for is_last in patience.attempts():
            try:
                return act(self, *args, **kwargs)
            except StoreError as error:
                if may_pass(error.__cause__):
                    if not is_last:
                        continue
                    patience.spend()
                # Two writers of a server may insert the same row, which the second one finds when it looks again.
                met = isinstance(error, OutcomeUnknown) or isinstance(error.__cause__, sa.exc.IntegrityError)
                if not (met and again_once):
                    raise
                again_once = False
        raise AssertionError("unreachable")

    return done
