"""The command line: `ingestify`. It renders what the engine reports as data."""

from __future__ import annotations

import signal
import sys
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code; the console script's entry."""
    signal.signal(signal.SIGTERM, _interrupt)
    from ingestify.cli.app import run_command_line  # click is not needed to import this package
    from ingestify.cli.standard_streams import prepare_streams

    prepare_streams()
    sys.exit(run_command_line(sys.argv[1:]))


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    """A scheduler's SIGTERM ends a command as Ctrl-C does, with exit code 130."""
    raise KeyboardInterrupt
