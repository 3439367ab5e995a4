"""Asks before something is removed or moved."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ingestify.cli.logs import write_stderr
from ingestify.cli.standard_streams import can_ask
from ingestify.progress.printable import printable

__all__ = ["confirm", "yes_option"]

SHOWN = 10

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")


def confirm(question: str, what: Sequence[str], *, yes: bool) -> None:
    """Show what a command would do, and return only if a person agrees.

    Args:
        question: Such as `Remove 3 matches with all revisions?`.
        what: A line for each thing; the first ten are shown.
        yes: Whether the person agreed already, with --yes.

    Raises:
        click.UsageError: There is no terminal to ask on.
        click.Abort: The person does not agree.
    """
    if yes:
        return
    for line in what[:SHOWN]:
        write_stderr(f"  {line}")
    if len(what) > SHOWN:
        write_stderr(f"  … and {len(what) - SHOWN:,} more")
    if not can_ask():
        raise click.UsageError(f"{question} There is no terminal to ask on, so nothing was done; --yes answers it.")
    click.confirm(printable(question), abort=True, err=True)
