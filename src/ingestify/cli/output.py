"""How commands write data to stdout: lines, JSON, times; and what they raise when that cannot be."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["OutputLost", "abandon_stdout", "flush", "json_text", "time_text", "write_json", "write_line"]

# JSON may hold them as they are, and what reads output line by line takes them for ends of lines.
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


class OutputLost(Exception):
    """What goes to stdout reaches nobody.

    Args:
        error: What the system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output cannot be written: {error.strerror or error}.")
        self.reader_left = isinstance(error, BrokenPipeError)
        """Whether the reader has seen enough and left, as `head` does."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputLost(error) from error


def write_line(line: str) -> None:
    """Write a line of data to stdout.

    Raises:
        OutputLost: It cannot be written.
    """
    with _translated():
        sys.stdout.write(line + "\n")


def write_json(value: Any) -> None:
    """Write JSON values as one line to stdout; `write_line` says what it raises."""
    write_line(json_text(value))


def json_text(value: Any) -> str:
    """Return JSON values as one line that stdout can show: what it has no character for is escaped, so not lost."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not unicode, default=_plain)
    return text if text.isascii() else text.translate(_LINE_ENDS)


def flush() -> None:
    """Write what is still buffered.

    Raises:
        OutputLost: It cannot be written.
    """
    with _translated():
        sys.stdout.flush()


def abandon_stdout() -> None:
    """Send what is buffered, and what is still written, nowhere: else Python complains once more at exit."""
    with contextlib.suppress(OSError, ValueError):  # one without a descriptor needs nothing
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def time_text(moment: dt.datetime | None) -> str:
    """Return `2024-05-01 18:30:00` in UTC, or `-`."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
