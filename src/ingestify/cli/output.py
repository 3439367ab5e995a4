"""Writes data to stdout: lines and JSON. OutputLost is raised if that fails.

While a command works, nobody else writes there: what a user's source or function prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

from ingestify.documents.document import as_json
from ingestify.progress.printable import JSON_UNSAFE, printable

__all__ = [
    "OutputLost",
    "abandon_stdout",
    "flush",
    "giving_stdout_back",
    "json_text",
    "keep_stdout_for_data",
    "stdout",
    "time_text",
    "write_document",
    "write_fields",
    "write_json",
    "write_json_lines",
    "write_line",
]


_data: TextIO | None = None
"""Where data goes while a command works; None: to `sys.stdout`."""

_given: contextlib.ExitStack | None = None
"""What gives stdout back; None: no command line runs."""

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


class OutputLost(Exception):
    """stdout cannot be written.

    Args:
        error: The error of the system.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output cannot be written: {error.strerror or error}.")
        self.reader_left = isinstance(error, BrokenPipeError)
        """Whether the reader closed the pipe, as `head` does."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputLost(error) from error


def keep_stdout_for_data() -> None:
    """Let only this module write to stdout, until `giving_stdout_back` ends; what others print there goes to stderr.

    Processes that begin meanwhile print there, too.
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
    flush()
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


def write_line(line: str) -> None:
    """Write a line of data to stdout. Characters that a terminal would obey are escaped.

    Raises:
        OutputLost: It cannot be written.
    """
    _write(printable(line))


def write_fields(*fields: tuple[str, str]) -> None:
    """Write a line for each title and text; raises the same as `write_line`."""
    for title, text in fields:
        write_line(f"  {title:<24} {text}")


def write_json(document: object) -> None:
    """Write a document as one line of JSON to stdout; raises the same as `write_line`."""
    _write(json_text(document))


def write_json_lines(text: str) -> None:
    """Write a JSON document of several lines to stdout, escaped as by `json_text`; raises the same as `write_line`."""
    for line in text.removesuffix("\n").split("\n"):
        _write(_escaped(line))


def write_document(text: str) -> None:
    """Write a text of several lines without escaping, such as a script; raises the same as `write_line`."""
    _write(text)


def _write(text: str) -> None:
    with _translated():
        stdout().write(text + "\n")


def json_text(document: object) -> str:
    """Return a document as one line that every JSON parser reads, and that stdout can show.

    A character that stdout cannot encode, or that a terminal would obey, becomes an escape.
    """
    return _escaped(json.dumps(as_json(document), ensure_ascii=False, allow_nan=False))


def _escaped(line: str) -> str:
    unicode = (stdout().encoding or "").lower().startswith("utf")
    return (JSON_UNSAFE if unicode else _NOT_PLAIN).sub(lambda found: json.dumps(found[0])[1:-1], line)


def flush() -> None:
    """Write the buffered output.

    Raises:
        OutputLost: It cannot be written.
    """
    with _translated():
        stdout().flush()


def abandon_stdout() -> None:
    """Discard the buffered and all further output. Otherwise Python would report the error again at exit."""
    with contextlib.suppress(OSError, ValueError):  # one without a descriptor needs nothing
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout().fileno())
        os.close(nowhere)


def time_text(moment: dt.datetime | None) -> str:
    """Return `2024-05-01 18:30:00` in UTC, or `-`."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
