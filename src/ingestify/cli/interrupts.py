"""What Ctrl-C and SIGTERM do to a command that ends in its own time."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from ingestify.cli.exit_codes import EXIT_INTERRUPTED
from ingestify.cli.logs import write_stderr

__all__ = ["two_stage_interrupt"]


@contextlib.contextmanager
def two_stage_interrupt(
    stopping: str, stop: Callable[[], object], before_leaving: Callable[[], object] = lambda: None
) -> Iterator[threading.Event]:
    """While the block runs, the first Ctrl-C or SIGTERM stops it cleanly, and the second leaves the process at once.

    Args:
        stopping: The sentence that says how it stops.
        stop: Called by the first one, in the main thread; it may raise.
        before_leaving: Called by the second one.

    Returns:
        An event that is set by the first one.
    """
    was_asked = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if was_asked.is_set():
            before_leaving()
            os._exit(EXIT_INTERRUPTED)
        was_asked.set()
        write_stderr(f"{stopping} Press Ctrl-C again to leave at once.", logging.WARNING)
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield was_asked  # signals belong to the main thread
        return
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield was_asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
