"""One line that says how far something is: moving on a terminal, a new one every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

from ingestify.cli.logs import set_stderr_writer, write_progress
from ingestify.cli.printable import printable
from ingestify.cli.standard_streams import may_move_cursor

__all__ = ["ProgressLine"]

LINE_SECONDS = 5.0
REFRESH_SECONDS = 0.25

_CLEAR_LINE_AND_SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"


class ProgressLine:
    """Shows a text on stderr, from a thread of its own."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._hides_cursor = False

    def restore_terminal(self) -> None:
        """Undo what the moving line does to the terminal, for a process that leaves at once."""
        if self._hides_cursor:
            with contextlib.suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), _CLEAR_LINE_AND_SHOW_CURSOR)

    @contextlib.contextmanager
    def shown(self, text: Callable[[], str | None]) -> Iterator[None]:
        """Show what `text` returns, again and again, while the block runs; None: nothing yet."""
        show = self._show_live if may_move_cursor(sys.stderr) else self._show_lines
        self._ended.clear()
        thread = threading.Thread(target=show, args=(text,), name="ingestify-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _show_lines(self, text: Callable[[], str | None]) -> None:
        """A line every few seconds: for logs, cron and notebooks."""
        while not self._ended.wait(LINE_SECONDS):
            if (line := text()) is not None:
                write_progress(line)

    def _show_live(self, text: Callable[[], str | None]) -> None:
        from rich.console import Console  # heavy, and only for terminals
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        console = Console(stderr=True)
        spinner = Spinner("dots", text="starting")
        self._hides_cursor = True
        with Live(spinner, console=console, refresh_per_second=1 / REFRESH_SECONDS, transient=True):
            set_stderr_writer(lambda text: console.print(text, markup=False, highlight=False, emoji=False))
            try:
                while not self._ended.wait(REFRESH_SECONDS):
                    if (line := text()) is not None:
                        spinner.update(text=Text(printable(line)))  # a str would be read as markup
            finally:
                set_stderr_writer(None)
