"""Writes data to stdout: lines and JSON. OutputLost is raised if that fails."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
from collections.abc import Iterator

from ingestify.data_stdout import stdout
from ingestify.documents.document import as_json
from ingestify.progress.printable import JSON_UNSAFE, printable

__all__ = [
    "OutputLost",
    "abandon_stdout",
    "flush",
    "json_text",
    "time_text",
    "write_document",
    "write_fields",
    "write_json",
    "write_json_lines",
    "write_line",
]


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
