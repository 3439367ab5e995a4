"""Writes to stderr: lines for people, and logging, which only the command line configures."""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import itertools
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from ingestify.cli.json_stderr import JsonStderr, taking_stderr
from ingestify.logging_context import LogContextFilter
from ingestify.masking import mask_text
from ingestify.progress.audience import is_terminal
from ingestify.progress.printable import printable, printable_block

__all__ = [
    "FORMAT_VARIABLE",
    "JSON_FORMAT",
    "choose_format",
    "collapsed_repeats",
    "in_chosen_form",
    "set_run_id",
    "set_up_logging",
    "write_error",
    "write_progress",
    "write_stderr",
    "write_stderr_block",
]

FORMAT_VARIABLE = "INGESTIFY_LOG_FORMAT"
FORMAT_OPTION = "--log-format"

JSON_FORMAT = "json"
"""The format with which all that goes to stderr is JSON Lines."""

_FOR_PEOPLE = "%(message)s"
_FOR_PEOPLE_DEBUGGING = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_WITHOUT_TERMINAL = "%(asctime)s %(levelname)s run=%(run_id)s %(message)s"
_WITHOUT_TERMINAL_DEBUGGING = "%(asctime)s %(levelname)s run=%(run_id)s %(threadName)s %(name)s: %(message)s"

_NO_RUN = "-"
_run_id = _NO_RUN
_chosen_format: str | None = None
_json: JsonStderr | None = None


@contextlib.contextmanager
def in_chosen_form(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Write JSON Lines to stderr while the block runs, if the command line or the environment asks for them.

    This holds from before the command line is understood, as an error of it is written there, too.
    """
    global _json
    if _asked_format(arguments, environment) != JSON_FORMAT or _json is not None:
        yield
        return
    try:
        with taking_stderr() as _json:
            yield
    finally:
        _json = None


def _asked_format(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    asked = environment.get(FORMAT_VARIABLE, "")
    for argument, value in itertools.pairwise([*arguments, ""]):
        if argument == FORMAT_OPTION:
            asked = value
        elif argument.startswith(f"{FORMAT_OPTION}="):
            asked = argument.partition("=")[2]
    return asked


def write_stderr(text: str, level: int = logging.INFO) -> None:
    """Write a line to stderr, above a progress line if there is one. May be called from any thread; never raises.

    Characters that a terminal would obey, and line breaks, are escaped: see `ingestify.progress.printable`.

    Args:
        text: The line.
        level: How serious it is, where stderr is JSON.
    """
    if _json is None:
        _write(printable(text))
    else:
        _write_json(text, level)


def write_stderr_block(text: str, level: int = logging.INFO) -> None:
    """Write a text of several lines in the same way. Each line but the first begins with a blank."""
    if _json is None:
        _write(printable_block(text))
    else:
        _write_json(text, level)


def write_error(text: str, error: BaseException, *, is_block: bool = False, has_traceback: bool = False) -> None:
    """Write the sentence about the error that ended a command.

    Args:
        text: The sentence.
        error: The error.
        is_block: Whether the sentence has several lines.
        has_traceback: Whether the traceback belongs to it, where stderr is JSON.
    """
    if _json is None:
        (write_stderr_block if is_block else write_stderr)(text)
    else:
        _write_json(text, logging.ERROR, error if has_traceback else None)


def is_json() -> bool:
    """Whether stderr is JSON Lines."""
    return _json is not None


def _write_json(text: str, level: int, error: BaseException | None = None) -> None:
    if _json is not None and text:
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        _json.write_record(
            logging.LogRecord("ingestify", level, "", 0, "%s", (mask_text(text),), exc_info), _run_of_command()
        )


def _run_of_command() -> str:
    return "" if _run_id == _NO_RUN else _run_id


def _write(text: str) -> None:
    # If stderr cannot be written, there is no other place to report it.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def set_run_id(run_id: str) -> None:
    """Set the run of the log lines, until logging is set up again."""
    global _run_id
    _run_id = run_id


def choose_format(pattern: str | None) -> None:
    """Set the format of log lines, in the %-style of Python's logging, with `run_id` besides; None: the default.

    `json` is chosen by `in_chosen_form`.

    Raises:
        ValueError: It is no format, or names an unknown field.
    """
    global _chosen_format
    if pattern == JSON_FORMAT:
        pattern = None
    if pattern is not None:
        _ShownFormatter(pattern).format(logging.LogRecord("ingestify", logging.INFO, "", 0, "", None, None))
    _chosen_format = pattern


def write_progress(text: str) -> None:
    """Write a progress line; without a terminal, as a line of the log."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _StderrHandler):
            handler.handle(logging.LogRecord("ingestify", logging.INFO, "", 0, "%s", (text,), None))
            return
    write_stderr(text)


class _ShownFormatter(logging.Formatter):
    """Formats all log records without secrets, and without characters that a terminal obeys."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.run_id = _run_id
        LogContextFilter().filter(record)
        record.asctime = self.formatTime(record)
        message = mask_text(self.formatMessage(record))
        # Records of ingestify are one line each. Other packages may log several, as Python's warnings do.
        is_ours = record.name.partition(".")[0] == "ingestify"
        parts = [printable(message) if is_ours else printable_block(message)]
        if record.exc_info:
            parts.append(self._below(self.formatException(record.exc_info)))
        if record.stack_info:
            parts.append(self._below(self.formatStack(record.stack_info)))
        return "\n".join(parts)

    @staticmethod
    def _below(text: str) -> str:
        return printable_block(mask_text(text), indents_all=True)


class _StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, which a progress line may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if _json is None:
                _write(self.format(record))
            else:
                _json.write_record(record, _run_of_command())
        except Exception:  # noqa: BLE001 - logging's own way
            self.handleError(record)


def set_up_logging(*, quiet: bool = False, verbose: bool = False, debug: bool = False) -> None:
    """Send logs to stderr: errors and warnings, with -v also what happens, with --debug all.

    Where stderr is no terminal, each line says when it was, and of which run it is.
    """
    set_run_id(_NO_RUN)
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    handler = _StderrHandler()
    if is_terminal(sys.stderr):
        pattern = _FOR_PEOPLE_DEBUGGING if debug else _FOR_PEOPLE
    else:
        pattern = _WITHOUT_TERMINAL_DEBUGGING if debug else _WITHOUT_TERMINAL
    handler.setFormatter(_ShownFormatter(_chosen_format or pattern))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ingestify").setLevel(level)
    # The errors of a source's own threads, and the warnings of libraries, are logged too, so that they are masked.
    threading.excepthook = _log_death
    logging.captureWarnings(True)


def _log_death(death: threading.ExceptHookArgs) -> None:
    if death.exc_type is SystemExit:
        return
    name = "a thread" if death.thread is None else f"the thread '{death.thread.name}'"
    error = death.exc_value or death.exc_type()
    logging.getLogger("ingestify").error("%s died of an error", name, exc_info=error)


class _Repeats(logging.Filter):
    """Logs an error once if several selectors of a source have it, and counts the others.

    The engine logs each as (source, selector, error).
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "ingestify.engine.run.jobs" or record.levelno != logging.ERROR:
            return True
        if not isinstance(record.args, tuple) or len(record.args) != 3:
            return True
        source, _, error = map(str, record.args)
        with self._lock:
            self._counts[source, error] += 1
            return self._counts[source, error] == 1

    def lines(self) -> list[str]:
        """Return a line for each error that occurred more than once."""
        return [
            f"{source}: {error} (and {count - 1:,} more {'selector' if count == 2 else 'selectors'})"
            for (source, error), count in self._counts.items()
            if count > 1
        ]


@contextlib.contextmanager
def collapsed_repeats() -> Iterator[None]:
    """Show an error that several selectors share once while the block runs, and their number at the end."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, _StderrHandler)]
    if not handlers or logging.getLogger("ingestify").isEnabledFor(logging.DEBUG):
        yield
        return
    repeats = _Repeats()
    handlers[0].addFilter(repeats)
    try:
        yield
    finally:
        handlers[0].removeFilter(repeats)
        for line in repeats.lines():
            write_stderr(mask_text(line), logging.ERROR)
