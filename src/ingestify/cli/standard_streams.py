"""stdin, stdout and stderr as a command needs them, whatever it was started with."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

__all__ = ["can_ask", "is_terminal", "may_move_cursor", "prepare_streams"]


def prepare_streams() -> None:
    """Put the null device in the place of closed streams, and let no character of a name end the command."""
    # In this order each gets its own descriptor back. Otherwise the next file that is opened, which may be the
    # catalogue, becomes stdout, and whatever writes there writes into it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_ask() -> bool:
    """Return whether there is a person who sees a question on stderr and can answer it."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def may_move_cursor(stream: TextIO) -> bool:
    """Return whether escape codes do what they say, and are wanted; see https://no-color.org for `NO_COLOR`."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person is at the other end; a stream may be closed, or none."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False
