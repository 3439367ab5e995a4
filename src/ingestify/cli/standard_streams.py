"""Prepares stdin, stdout and stderr, which may be closed when the command starts."""

from __future__ import annotations

import io
import os
import sys

from ingestify.progress.audience import is_terminal

__all__ = ["can_ask", "prepare_streams"]


def prepare_streams() -> None:
    """Replace closed streams by the null device, and characters that a stream cannot encode by `?`."""
    # In this order each stream gets its own descriptor again. Otherwise the next file that is opened, which may be
    # the catalogue, becomes stdout, and output would be written into it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_ask() -> bool:
    """Return whether a person can see a question on stderr and answer it."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)
