"""How a command shows what it found: what -q, -v and --json ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeVar

from ingestify.cli.logs import write_progress, write_stderr
from ingestify.cli.output import write_json
from ingestify.progress.line import ProgressLine, ShowProgress, unshown

__all__ = ["Console"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Console:
    """The options of a command about its output.

    Attributes:
        quiet: Nothing goes to stderr but errors, and no progress is shown.
        verbose: More goes there.
        as_json: Data on stdout is JSON, and no progress is shown.
    """

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False

    def tell(self, text: str) -> None:
        """Write a line for people to stderr, unless the command is quiet."""
        if not self.quiet:
            write_stderr(text)

    def show(self, value: T, document: Callable[[T], object], write_lines: Callable[[T], object]) -> None:
        """Write a value to stdout: as one line of JSON, or as lines for people."""
        if self.as_json:
            write_json(document(value))
        else:
            write_lines(value)

    @property
    def show_progress(self) -> ShowProgress:
        """What shows how far a piece of work is; nothing does with -q or --json."""
        return unshown if self.quiet or self.as_json else ProgressLine(write_progress).shown

    def tell_terms(self, name: str, terms: Mapping[str, str]) -> None:
        """Say under which licence, and with which attribution, a provider gives its data out."""
        if terms:
            self.tell(f"{name}: {' · '.join(terms.values())}")
