"""The command line: `ingestify`. It renders what the engine reports as data."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code; the console script's entry."""
    from ingestify.cli.app import run_command_line  # click is not needed to import this package

    sys.exit(run_command_line(sys.argv[1:]))
