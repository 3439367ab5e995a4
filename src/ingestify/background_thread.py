"""A thread that works while a block runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

__all__ = ["in_background"]


@contextlib.contextmanager
def in_background(work: Callable[[threading.Event], object], name: str) -> Iterator[None]:
    """Call a function in a thread of its own while the block runs, and wait for its end.

    Args:
        work: Called with an event. It has to return soon after that is set, which it is at the end of the block.
        name: The name of the thread.
    """
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
