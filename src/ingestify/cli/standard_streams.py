"""stdin, stdout and stderr as a command needs them, whatever it was started with."""

from __future__ import annotations

import io
import os
import sys

from ingestify.progress.audience import is_terminal

__all__ = ["can_ask", "prepare_streams"]


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
