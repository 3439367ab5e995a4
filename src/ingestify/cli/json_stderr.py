"""stderr as JSON Lines: each line that the process writes there becomes an object, whoever writes it."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

from ingestify.logging_context import FIELDS, log_context
from ingestify.masking import mask_text

__all__ = ["JsonStderr", "taking_stderr"]

_OWN_ATTRIBUTES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    "run_id",
    "taskName",
    *FIELDS,
}
"""Of a log record; others come from `extra`."""

_DRAIN_SECONDS = 2.0
"""How long the end waits for what other processes have written."""


class JsonStderr(io.TextIOBase):
    """Takes the place of `sys.stderr`. Safe to use from any thread.

    Args:
        write_line: Writes a line, which is ASCII.
    """

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line = write_line
        self._lock = threading.RLock()
        self._begun: dict[int, str] = {}
        """By the thread: the line that it has begun."""

    # ---- what ingestify writes -------------------------------------------------------------------------

    def write_record(self, record: logging.LogRecord, run_id: str) -> None:
        """Write a log record.

        Args:
            record: The record.
            run_id: The run of the command, for a thread that works for no run; empty: there is none.
        """
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields: dict[str, object] = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **({"run": run_id} if run_id else {}),
            **log_context(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.stack_info:
            fields["stack"] = record.stack_info
        for name, value in vars(record).items():
            if name not in _OWN_ATTRIBUTES:
                fields.setdefault(name, value)
        self._write_object(fields)

    def _write_object(self, fields: dict[str, object]) -> None:
        # ASCII, so that no terminal, and no reader of lines, obeys a character of it.
        text = json.dumps({name: _value(value) for name, value in fields.items()}, ensure_ascii=True)
        with self._lock, contextlib.suppress(OSError, ValueError):  # there is no other place to report it
            self._write_line(text + "\n")

    # ---- what others write -----------------------------------------------------------------------------

    def write(self, text: str) -> int:
        """Write a text: each complete line becomes an object."""
        thread = threading.get_ident()
        *lines, begun = (self._begun.pop(thread, "") + text).split("\n")
        if begun:
            self._begun[thread] = begun
        for line in lines:
            self._write_raw(line)
        return len(text)

    def _write_raw(self, line: str) -> None:
        if line.strip():
            self.write_record(logging.LogRecord("stderr", logging.INFO, "", 0, "%s", (line.rstrip("\r"),), None), "")

    def end_lines(self) -> None:
        """Write the lines that were begun and not ended."""
        while self._begun:
            self._write_raw(self._begun.popitem()[1])

    def flush(self) -> None:
        """Do nothing: each object is flushed, and a line that has only begun is none yet."""

    def fileno(self) -> int:
        """Return the descriptor of stderr."""
        return 2

    def isatty(self) -> bool:
        """Return False: who reads it is a program."""
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As that of a stream."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """As that of a stream."""
        return "replace"


def _value(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return mask_text(str(value))


@contextlib.contextmanager
def taking_stderr() -> Iterator[JsonStderr]:
    """Turn what this process, and those that it starts, write to stderr into JSON Lines while the block runs."""
    theirs = sys.stderr
    with contextlib.ExitStack() as stack:
        try:
            is_descriptor = theirs.fileno() == 2
        except (OSError, ValueError):
            is_descriptor = False
        if is_descriptor:
            theirs.flush()
            kept = os.dup(2)
            stack.callback(os.close, kept)
            taken = JsonStderr(lambda line: _write_all(kept, line.encode("ascii")))
            stack.enter_context(_taking_descriptor(taken, kept))
        else:  # a stream of Python's own code, such as that of a test
            taken = JsonStderr(lambda line: print(line, end="", file=theirs, flush=True))
        sys.stderr = taken
        try:
            yield taken
        finally:
            taken.end_lines()
            sys.stderr = theirs


def _write_all(descriptor: int, line: bytes) -> None:
    # Not by a stream, which refuses what the handler of a signal writes in the middle of another line.
    while line:
        line = line[os.write(descriptor, line) :]


@contextlib.contextmanager
def _taking_descriptor(taken: JsonStderr, kept: int) -> Iterator[None]:
    """Let the descriptor of stderr lead to `taken`, for code that is not Python's, and for other processes."""
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)

    def pass_on() -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - a descriptor
            for line in lines:
                taken._write_raw(line.rstrip("\n"))

    thread = threading.Thread(target=pass_on, name="ingestify-stderr", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.dup2(kept, 2)
        thread.join(_DRAIN_SECONDS)  # a process that goes on may keep it open
