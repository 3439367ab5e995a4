"""What is done again: after a deadlock, a lost connection, a commit of which nobody knows."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from ingestify.catalogue.server_refusals import find_server_refusal
from ingestify.errors import OutcomeUnknown, StoreError

__all__ = ["attempts", "may_pass", "repeatable"]

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6
LONGEST_PAUSE_SECONDS = 2.0


def attempts() -> Iterator[bool]:
    """Yield for each try whether it is the last one, and pause before each but the first.

    At random up to 0.1, 0.2, 0.4, … seconds: two that met are not to meet again.
    """
    for number in range(ATTEMPTS):
        if number:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.05 * 2**number)))  # noqa: S311 - no secret
        yield number == ATTEMPTS - 1


def may_pass(error: BaseException | None) -> bool:
    """Whether a transaction that the database refused with `error` may succeed when it is done again as it is."""
    refusal = find_server_refusal(error)
    return refusal is not None and refusal.may_pass


def repeatable(act: Callable[P, T]) -> Callable[P, T]:
    """Let what may be done twice be done again where it did not happen, or where that is not known.

    For what reads, or says how something is to be, such as the state of a job; not for what adds an event.
    """

    @functools.wraps(act)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        again_once = True
        for is_last in attempts():
            try:
                return act(*args, **kwargs)
            except StoreError as error:
                if may_pass(error.__cause__) and not is_last:
                    continue
                # Two writers of a server may insert the same row, which the second one finds when it looks again.
                met = isinstance(error, OutcomeUnknown) or isinstance(error.__cause__, sa.exc.IntegrityError)
                if not (met and again_once):
                    raise
                again_once = False
        raise AssertionError("unreachable")

    return done
