"""The calls of bundle checks: each with a time limit, and what a check finds within bounds."""

from __future__ import annotations

import contextvars
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from ingestify.domain.bundle_check import Bundle, BundleCheck
from ingestify.engine.report.report import one_line
from ingestify.engine.workers import RunThread
from ingestify.errors import (
    ConfigurationError,
    FatalError,
    IngestifyError,
    IntegrityError,
    LoadError,
    MissingExtraError,
    SourceError,
    StopProcessing,
)

__all__ = ["MOST_REASONS", "CheckCalls", "CheckHangs", "Found", "as_sentence", "prepare_check"]

logger = logging.getLogger(__name__)

MOST_REASONS = 20
MOST_CHARACTERS = 500
"""Of each of them."""

MOST_COUNTED = 10_000
"""A check that finds more is not asked further."""

MOST_HANGING = 3
"""While so many calls of a check hang, the check is not called again."""

_LOOKS_FOR_STOP = 1.0
"""After how many seconds at the latest the waiting thread sees that the run has to stop."""


class CheckHangs(SourceError):
    """A check did not end within its time limit, or is not called as earlier calls of it hang."""


class Found(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        problems: The first ones, as `as_sentence` returns them.
        more: How many more there are.
        is_cut: Whether there may be more than that, too.
    """

    problems: tuple[str, ...] = ()
    more: int = 0
    is_cut: bool = False


class CheckCalls:
    """Calls the checks of one lake, for all of its runs. Safe to use from any thread.

    A check with a time limit is called in a thread of its own, because Python cannot end a call that hangs. After the
    limit nobody waits for that thread any more: it goes on until the call returns or the process ends, and what it
    finds is dropped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hanging: dict[int, list[threading.Thread]] = {}

    def find_problems(self, check: BundleCheck, bundle: Bundle, stop: threading.Event) -> Found:
        """Return what a check finds in a bundle. If it raises, that is what it found.

        Args:
            check: The check.
            bundle: The bundle.
            stop: Stops the run.

        Raises:
            CheckHangs: It did not end in time.
            SourceError: The run has to stop.
            StopProcessing: The check stops the run.
            FatalError: The check stops it loudly.
            IntegrityError: An object of the lake that it reads is damaged.
            MissingExtraError: It lacks a package.
        """
        limit = check.time_limit
        if limit is None:
            return _call(check, bundle)()
        self._refuse_hanging(check, limit)
        results: list[Callable[[], Found]] = []
        context = contextvars.copy_context()
        thread = RunThread(lambda: results.append(context.run(_call, check, bundle)), f"ingestify-check-{check.name}")
        deadline = time.monotonic() + limit
        thread.start()
        while True:
            left = deadline - time.monotonic()
            thread.join(min(max(left, 0), _LOOKS_FOR_STOP))
            has_ended = not thread.is_alive()
            if results:
                return results[0]()
            if stop.is_set():
                raise SourceError("the run has to stop")
            if has_ended:
                raise SourceError(f"the thread of the check {check.name} ended without a result")
            if left <= 0:
                break
        with self._lock:
            self._hanging.setdefault(id(check), []).append(thread)
        raise CheckHangs(
            f"the check {check.name} did not end within {limit:g} seconds (its time_limit). That call goes "
            f"on in a thread that nobody waits for, until this process ends. Find out what the check waits for, or "
            f"set a higher time_limit"
        )

    def _refuse_hanging(self, check: BundleCheck, limit: float) -> None:
        with self._lock:
            hanging = [thread for thread in self._hanging.pop(id(check), ()) if thread.is_alive()]
            if hanging:
                self._hanging[id(check)] = hanging
        if len(hanging) >= MOST_HANGING:
            raise CheckHangs(
                f"the check {check.name} is not called, as {len(hanging)} earlier calls of it still hang after its "
                f"time_limit of {limit:g} seconds. Find out what the check waits for, or set a higher "
                f"time_limit"
            )


def prepare_check(check: BundleCheck) -> None:
    """Let a check import what it needs.

    Raises:
        ConfigurationError: Its class has a wrong mode or time limit, or it cannot be prepared.
        MissingExtraError: It lacks a package.
    """
    mode: Any = check.mode
    limit: Any = check.time_limit
    if mode not in ("reject", "warn"):
        raise ConfigurationError(f"The check {check.name} has the mode {mode!r}; write 'reject' or 'warn'.")
    is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if limit is not None and not (is_number and 0 < limit < math.inf):
        raise ConfigurationError(
            f"The check {check.name} has the time_limit {limit!r}; write seconds, such as 60.0, or None."
        )
    try:
        check.prepare()
    except IngestifyError:
        raise
    except Exception as error:
        raise ConfigurationError(f"The check {check.name} cannot be prepared: {one_line(error)}") from error


def _call(check: BundleCheck, bundle: Bundle) -> Callable[[], Found]:
    """Call a check, and return what returns its result, or raises its error."""
    try:
        found = _find(check, bundle)
    except (StopProcessing, FatalError, IntegrityError, MissingExtraError) as error:
        return _raising(error)  # if the lake has a damaged object, or a package is missing, the bundle may be good
    except (LoadError, SourceError) as error:
        found = Found((f"{check.name}: {_told(error)}",))
    except BaseException as error:
        logger.debug("the check %s raised", check.name, exc_info=error)
        found = Found((f"the check {check.name} raised {_told(error)}",))
    return lambda: found


def _told(error: BaseException) -> str:
    try:
        return one_line(error)
    except Exception:  # noqa: BLE001 - an error of user code, whose text cannot be made
        return type(error).__name__


def _raising(error: BaseException) -> Callable[[], Found]:
    def raise_it() -> Found:
        raise error

    return raise_it


def _find(check: BundleCheck, bundle: Bundle) -> Found:
    returned: Any = check.find_problems(bundle)
    if returned is None:
        return Found()
    problems = iter([returned] if isinstance(returned, (str, bytes)) else returned)
    silent = f"{check.name} found something, and did not say what"
    first = tuple(as_sentence(str(problem) or silent) for problem in itertools.islice(problems, MOST_REASONS))
    more = sum(1 for _ in itertools.islice(problems, MOST_COUNTED - len(first)))
    return Found(first, more, is_cut=len(first) + more == MOST_COUNTED)


def as_sentence(problem: str) -> str:
    """Return what was found as it is kept and shown: the beginning of one line, without secrets."""
    return one_line(SourceError(problem))[:MOST_CHARACTERS]
