"""Failpoints: named places at which a test, or a person, can kill a run or let it fail. Off in normal use.

`INGESTIFY_FAILPOINTS="commit.written=kill"` kills the process there as by kill -9, the first time. Several failpoints
are separated by commas; `@3` means the third time::

    INGESTIFY_FAILPOINTS="publish.renamed=kill@2"          die between the renames of the second and the third file
    INGESTIFY_FAILPOINTS="staging.synced=error:ENOSPC"     the disk is full from then on: an OSError
    INGESTIFY_FAILPOINTS="commit.begun=sleep:0.5"          wait half a second, each time

A test in the same process installs a function instead: `with installed({"commit.written": function}):`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from ingestify.errors import ConfigurationError

__all__ = ["NAMES", "VARIABLE", "failpoint", "installed", "parse", "set_from_environment"]

VARIABLE = "INGESTIFY_FAILPOINTS"

NAMES = (
    "job.begun",  # the row of a job is written; nothing is discovered yet
    "discovery.found",  # a resource was announced
    "decision.made",  # a batch was decided about, nothing is done yet
    "budget.reserved",  # requests of a budget are reserved, none of them is sent
    "budget.returning",  # all requests of a run are done, those that it reserved and did not send are not given back
    "fetch.sent",  # a request is about to go out
    "fetch.received",  # some bytes of an answer are there
    "staging.created",  # a temporary object exists, empty
    "staging.written",  # it has its bytes, which may not be on the disk
    "staging.synced",  # they are on the disk
    "partial.noted",  # what a half file is was noted beside it
    "publish.begun",  # all files of a bundle are staged and judged, none has its name
    "publish.folder_made",  # a folder was made for them
    "publish.renamed",  # one file got its name; others may not have theirs
    "publish.synced",  # all have theirs, which are on the disk, and no row names them
    "commit.settled",  # all folders above the files of a group of datasets are on the disk
    "commit.begun",  # a transaction is open, nothing is written
    "commit.written",  # all rows are written, and not committed
    "commit.done",  # they are committed, and nobody was told
    "commit.told",  # subscribers were told
    "job.saved",  # the row of a job was written again
    "run.remembered",  # what was ingested whole is noted, jobs may not have ended
    "delete.rows_gone",  # the rows of datasets are removed, their objects are not
    "removal.noted",  # the paths of objects are noted, and these are not removed
    "delete.object_gone",  # one object was removed, others may not be
    "adoption.taken",  # some datasets of another lake are committed, others are not
    "adoption.logged",  # some events of its log are committed
    "adoption.finished",  # all is committed, and the storage has no mark yet
    "tables.made",  # the rows of a batch are made, nothing of it is written
    "tables.noted",  # its problems are noted
    "tables.created",  # a table exists, without rows
    "tables.removed",  # the rows of datasets that the lake has no more are gone
    "tables.widened",  # columns of a table are wider, the rows that need it are not there
    "tables.committed",  # a batch is committed, problems that it solved are noted
    "tables.made_anew",  # all rows are in a table beside the old one
    "tables.exchanged",  # they took the place of the old ones, and are still there too
    "publish.sent",  # messages are on their way to a broker, which has not acknowledged all
    "publish.acknowledged",  # it has, and the cursor of the publisher is not saved
    "publish.cursor_saved",  # the cursor of a reader of the event log is saved
    "push.stored",  # a pushed file is in the inbox, its notice is not, and the sender has no answer
    "push.announced",  # its notice is there too
    "tables.tidied",  # old files of a table are removed
)
"""All there are, in the order in which a dataset passes them."""

_Action = Callable[[], None]
_actions: dict[str, _Action] | None = None


def failpoint(name: str) -> None:
    """The walk has come to the failpoint `name`. Any thread; it costs next to nothing when none is set."""
    if _actions is not None and (action := _actions.get(name)) is not None:
        action()


@contextlib.contextmanager
def installed(actions: Mapping[str, _Action]) -> Iterator[None]:
    """Call these functions at their failpoints, from whichever thread comes by, instead of what was set before.

    Raises:
        ConfigurationError: There is no failpoint of that name.
    """
    global _actions
    for name in actions:
        _check_name(name)
    before, _actions = _actions, dict(actions)
    try:
        yield
    finally:
        _actions = before


def parse(text: str) -> dict[str, _Action]:
    """Return what a value of `INGESTIFY_FAILPOINTS` asks for.

    Raises:
        ConfigurationError: It cannot be understood; the message says which part, and what could stand there.
    """
    actions: dict[str, _Action] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, wanted = part.partition("=")
        _check_name(name)
        action, _, number = wanted.partition("@")
        if not equals or (number and not (number.isascii() and number.isdigit() and int(number))):
            raise _not_understood(part)
        actions[name] = _Counted(_action(action, part), int(number or 1))
    return actions


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise ConfigurationError(f"{VARIABLE}: there is no failpoint '{name}'; there are {', '.join(NAMES)}.")


def _not_understood(part: str) -> ConfigurationError:
    return ConfigurationError(
        f"{VARIABLE}: '{part}' is not understood; write NAME=kill, NAME=kill@3, NAME=error:ENOSPC or NAME=sleep:0.5."
    )


def _action(wanted: str, part: str) -> _Action:
    kind, _, argument = wanted.partition(":")
    if kind == "kill" and not argument:
        return _die
    if kind == "error":
        number = getattr(errno, argument or "EIO", None)
        if isinstance(number, int):
            return lambda: _raise(number)
    if kind == "sleep":
        with contextlib.suppress(ValueError):
            seconds = float(argument)
            if 0 <= seconds < 3600:
                return lambda: time.sleep(seconds)
    raise _not_understood(part)


class _Counted:
    """Acts from the given time on that it is called."""

    def __init__(self, action: _Action, number: int) -> None:
        self._action = action
        self._left = number
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            is_due = self._left <= 0
        if is_due:
            self._action()


def _die() -> None:
    if sys.platform == "win32":
        os._exit(137)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal comes to the process, not to this thread: go no step further meanwhile


def _raise(number: int) -> None:
    raise OSError(number, os.strerror(number))


def set_from_environment() -> bool:
    """Set what the environment asks for, once for this process. Returns whether it asks for anything.

    Raises:
        ConfigurationError: As `parse`.
    """
    global _actions
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        _actions = parse(text)
    return bool(text)
