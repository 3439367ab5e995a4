"""Whether a person watches, and where: at a terminal, in a notebook, or nowhere."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["QUIET_VARIABLE", "in_notebook", "is_terminal", "is_watched", "may_move_cursor"]

QUIET_VARIABLE = "INGESTIFY_NO_PROGRESS"

_NOBODY_LOOKS = (QUIET_VARIABLE, "CI", "PYTEST_CURRENT_TEST")


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; it may be closed, or None."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def may_move_cursor(stream: TextIO) -> bool:
    """Return whether a stream obeys escape codes, and the user wants them; see https://no-color.org for `NO_COLOR`."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook. This imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else getattr(ipython, "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def is_watched() -> bool:
    """Return whether a person watches: stderr is a terminal, or this is a notebook; no test, no CI, no worker process.

    `INGESTIFY_NO_PROGRESS=1` turns it off.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        return False  # it has its parent's terminal, as its siblings have
    if any(os.environ.get(name) not in (None, "", "0", "false") for name in _NOBODY_LOOKS):
        return False
    return in_notebook() or is_terminal(sys.stderr)
