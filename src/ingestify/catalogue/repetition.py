"""What is done again: after a deadlock, a lost connection, a commit of which nobody knows."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

import sqlalchemy as sa

from ingestify.catalogue.refusals import FileChanged
from ingestify.catalogue.server_refusals import find_server_refusal
from ingestify.errors import OutcomeUnknown, StoreError

__all__ = ["Patience", "may_pass", "repeatable"]

P = ParamSpec("P")
T = TypeVar("T")

S = TypeVar("S", bound="_Asking | _HasPatience")

ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 2.0


class Patience:
    """How long a database is waited for, by all that ask it together. Safe to share between threads.

    A server that could not be reached again in all tries of one act is not waited for as long by each that follows: a
    run that has a hundred things to write down would take minutes to end. The first connection that succeeds brings the
    patience back.
    """

    def __init__(self) -> None:
        self._is_reached = True
        self._is_lost = False

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
