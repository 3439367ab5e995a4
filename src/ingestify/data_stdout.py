"""stdout as the place of a command's data alone: what a user's source or function prints meanwhile goes to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = ["giving_stdout_back", "keep_stdout_for_data", "stdout"]

_data: TextIO | None = None
"""Where data goes while a command works; None: to `sys.stdout`."""

_given: contextlib.ExitStack | None = None
"""What gives stdout back; None: no command line runs."""


def keep_stdout_for_data() -> None:
    """Let only who asks for `stdout()` write there, until `giving_stdout_back` ends; others write to stderr.

    Processes that begin meanwhile write to stderr, too.

    Raises:
        OSError: What waits to be written cannot be written.
    """
    global _data
    if _given is None or _data is not None:  # no command line, or a command of a command
        return
    theirs = sys.stdout
    _given.callback(setattr, sys, "stdout", theirs)
    _data = _given.enter_context(_moved_away(theirs))
    sys.stdout = sys.stderr


@contextlib.contextmanager
def giving_stdout_back() -> Iterator[None]:
    """Undo `keep_stdout_for_data` at the end of the block."""
    global _data, _given
    before, _given = (_data, _given), contextlib.ExitStack()
    try:
        yield
    finally:
        _given.close()
        _data, _given = before


@contextlib.contextmanager
def _moved_away(theirs: TextIO) -> Iterator[TextIO]:
    """Yield a stream that writes where stdout wrote, whose descriptor is that of stderr until the block ends."""
    try:
        descriptor, errors = theirs.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):  # a stream without one, which only Python's own code writes to
        yield theirs
        return
    theirs.flush()
    kept = os.dup(descriptor)
    os.dup2(errors, descriptor)
    is_direct = getattr(theirs, "line_buffering", False) or getattr(theirs, "write_through", False)
    data = open(  # noqa: SIM115 - it is closed below
        kept, "w", buffering=1 if is_direct else -1, encoding=theirs.encoding, errors=theirs.errors, closefd=False
    )
    try:
        yield data
    finally:
        os.dup2(kept, descriptor)
        with contextlib.suppress(OSError):  # it was flushed, or its error was told
            data.close()
        os.close(kept)


def stdout() -> TextIO:
    """Return the stream that data is written to."""
    return sys.stdout if _data is None else _data
