"""The progress of a call in Python and its last line, shown at a terminal or in a notebook."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.background_thread import in_background
from ingestify.progress.audience import in_notebook, is_watched
from ingestify.progress.line import REFRESH_SECONDS, THREAD_NAME, ProgressLine
from ingestify.progress.printable import printable

__all__ = ["Display"]


class Display:
    """The display of one call.

    Args:
        progress: None: show it if a person watches, at a terminal or in a notebook. True: show it always, elsewhere as
            a line on stderr every few seconds. False: show nothing.

    Attributes:
        is_on: Whether anything is shown.
    """

    def __init__(self, progress: bool | None) -> None:
        self.is_on = is_watched() if progress is None else progress
        self._cell = _Cell() if self.is_on and in_notebook() else None

    @contextlib.contextmanager
    def moving(self, text: Callable[[], str | None]) -> Iterator[None]:
        """Show the current result of `text` while the block runs; None: nothing yet."""
        if not self.is_on:
            yield
        elif self._cell is not None:
            with self._cell.moving(text):
                yield
        else:
            with ProgressLine(_write).shown(text):
                yield

    def tell(self, line: str) -> None:
        """Show a line that stays."""
        if self._cell is not None:
            self._cell.tell(printable(line))
        elif self.is_on:
            _write(line)


def _write(line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it may be closed, or none
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()


class _Cell:
    """The place of a display in the output of a notebook's cell.

    Not rich's: that needs ipywidgets, which not each notebook has, and puts into its widget what is printed meanwhile.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._handle: Any = None

    @contextlib.contextmanager
    def moving(self, text: Callable[[], str | None]) -> Iterator[None]:
        self._put("starting")  # by the caller's thread, whose cell it is
        try:
            with in_background(functools.partial(self._move, text), THREAD_NAME):
                yield
        finally:
            self._put("")

    def tell(self, line: str) -> None:
        self._lines.append(line)
        self._put("\n".join(self._lines))

    def _move(self, text: Callable[[], str | None], ended: threading.Event) -> None:
        shown = None
        while not ended.wait(REFRESH_SECONDS):
            line = text()
            if line is not None and line != shown:
                self._put(printable(line))
                shown = line

    def _put(self, text: str) -> None:
        from IPython.display import display  # there is a kernel, so there is IPython

        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
