"""A progress line: it moves on a terminal; elsewhere a new line is written every few seconds."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TextIO

from ingestify.background_thread import in_background
from ingestify.progress.audience import is_terminal, may_move_cursor
from ingestify.progress.printable import printable

__all__ = ["ProgressLine", "ShowProgress", "unshown"]

ShowProgress = Callable[[Callable[[], str | None]], AbstractContextManager[None]]
"""Shows the current result of a function while a block runs; None: nothing yet."""

LINE_SECONDS = 5.0
REFRESH_SECONDS = 0.25
THREAD_NAME = "ingestify-progress"

_CLEAR_LINE_AND_SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"

_one_at_a_time = threading.Lock()


class ProgressLine:
    """Shows a text on stderr, from a thread of its own. Only one line is shown at a time.

    Other output is written above a moving line, each line when it is complete. The moving line is hidden while another
    output, such as a progress bar, has flushed an incomplete line.

    Args:
        write_line: Writes a line where there is no terminal.
    """

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line = write_line
        self._hides_cursor = False

    def restore_terminal(self) -> None:
        """Undo the changes of the moving line to the terminal, for a process that exits at once."""
        if self._hides_cursor:
            with contextlib.suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), _CLEAR_LINE_AND_SHOW_CURSOR)

    @contextlib.contextmanager
    def shown(self, text: Callable[[], str | None]) -> Iterator[None]:
        """Show the current result of `text` while the block runs; None: nothing yet."""
        if not _one_at_a_time.acquire(blocking=False):
            yield
            return
        show = self._show_live if may_move_cursor(sys.stderr) else self._show_lines
        try:
            with in_background(functools.partial(show, text), THREAD_NAME):
                yield
        finally:
            _one_at_a_time.release()

    def _show_lines(self, text: Callable[[], str | None], ended: threading.Event) -> None:
        """Write a line every few seconds: for logs and cron."""
        while not ended.wait(LINE_SECONDS):
            if (line := text()) is not None:
                self._write_line(line)

    def _show_live(self, text: Callable[[], str | None], ended: threading.Event) -> None:
        if ended.wait(REFRESH_SECONDS):
            return  # a short block needs no line, nor rich
        self._hides_cursor = True
        atexit.register(self.restore_terminal)
        try:
            moving = _MovingLine()
            with _printed_above(moving), moving:
                while True:
                    if (line := text()) is not None:
                        moving.show(line)
                    if ended.wait(REFRESH_SECONDS):
                        return
        finally:
            self._hides_cursor = False
            atexit.unregister(self.restore_terminal)


def unshown(text: Callable[[], str | None]) -> contextlib.nullcontext[None]:  # noqa: ARG001 - as `shown`
    """Show nothing; used in place of `ProgressLine.shown`."""
    return contextlib.nullcontext()


class _MovingLine:
    """A line at the cursor that is redrawn. Safe to use from any thread."""

    def __init__(self) -> None:
        from rich.console import Console  # heavy, and only for terminals
        from rich.live import Live
        from rich.spinner import Spinner

        self._lock = threading.RLock()
        self._is_moving = False
        self._spinner = Spinner("dots", text="starting")
        self._live = Live(
            self._spinner,
            console=Console(file=sys.stderr),
            auto_refresh=False,
            transient=True,
            # It would send what goes to stdout to stderr, and break long lines.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> None:
        with self._lock:
            self._is_moving = True
            self._live.start(refresh=True)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_moving = False
            self._live.stop()

    def show(self, line: str) -> None:
        """Redraw the line, unless other output has begun a line there."""
        from rich.text import Text  # a str would be read as markup

        with self._lock:
            self._spinner.update(text=Text(printable(line)))
            if self._live.is_started:
                self._live.refresh()

    def write(self, stream: TextIO, text: str) -> None:
        """Write a text to a stream of the same terminal. While its last line is incomplete, nothing moves."""
        with self._lock:
            self._live.stop()
            stream.write(text)
            stream.flush()
            if self._is_moving and text.endswith("\n"):
                self._live.start(refresh=True)


class _Above:
    """Replaces stdout or stderr while a line moves. It buffers an incomplete line until its end, or a flush."""

    def __init__(self, stream: TextIO, moving: _MovingLine) -> None:
        self._stream = stream
        self._moving = moving
        self._lock = threading.Lock()
        self._begun = ""

    def write(self, text: str) -> int:
        with self._lock:
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._moving.write(self._stream, whole + newline)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            if self._begun:
                self._moving.write(self._stream, self._begun)
                self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _printed_above(moving: _MovingLine) -> Iterator[None]:
    """Write printed and logged output above a moving line while the block runs."""
    replaced: list[tuple[str, TextIO, _Above]] = []
    handlers: list[tuple[logging.StreamHandler[Any], TextIO]] = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not is_terminal(stream):
            continue
        above = _Above(stream, moving)
        replaced.append((name, stream, above))
        setattr(sys, name, above)
        # A handler that was made before has the stream itself.
        for handler in logging.getLogger().handlers + logging.getLogger("ingestify").handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
                handler.setStream(above)
                handlers.append((handler, stream))
    try:
        yield
    finally:
        for handler, stream in handlers:
            handler.setStream(stream)
        for name, stream, above in replaced:
            if getattr(sys, name) is above:  # else somebody has put theirs there meanwhile
                setattr(sys, name, stream)
            above.flush()
