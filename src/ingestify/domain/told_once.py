"""Warnings that are given once: for the same place in the caller's code, until the next run begins."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

__all__ = ["forget_warnings", "warn_once"]

_told: set[tuple[object, ...]] = set()
_lock = threading.Lock()


def warn_once(
    logger: logging.Logger | logging.LoggerAdapter[Any], message: str, *arguments: object, frames: int = 2
) -> None:
    """Log a warning, unless the same place in the code caused the same one before. Any thread may call it.

    Args:
        logger: The logger.
        message: The message, with %s for the arguments.
        *arguments: Its arguments.
        frames: How many frames above this function the place is; 0: any place is the same.
    """
    frame = sys._getframe(frames) if frames else None
    place = (message, arguments, frame and frame.f_code.co_filename, frame and frame.f_lineno)
    with _lock:
        if place in _told:
            return
        _told.add(place)
    logger.warning(message, *arguments)


def forget_warnings() -> None:
    """Give each warning once more, as a run begins."""
    with _lock:
        _told.clear()
