"""Which frames of a traceback are the caller's own code, and not ingestify's, Python's or the notebook's."""

from __future__ import annotations

import logging
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

__all__ = ["before_ours", "callers_lines", "from_own_code", "is_debugging"]

_OURS = str(Path(__file__).parent)
_PYTHONS = sysconfig.get_path("stdlib")
_NOTEBOOK = "IPython"
_CELLS = ("ipykernel_", "<ipython-input")
"""What the names of the files have in them that IPython makes of a notebook's cells."""


def is_debugging() -> bool:
    """Return whether tracebacks are shown whole: the logger `ingestify` logs DEBUG."""
    return logging.getLogger("ingestify").isEnabledFor(logging.DEBUG)


def from_own_code(frames: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first frame of the caller's own code on; None: there is none."""
    while frames is not None and (_is_ours(frames) or _is_pythons(frames)):
        frames = frames.tb_next
    return frames


def before_ours(frames: TracebackType | None) -> TracebackType | None:
    """Return a traceback up to where it enters ingestify; None: it begins there."""
    if frames is None or _is_ours(frames):
        return None
    return TracebackType(before_ours(frames.tb_next), frames.tb_frame, frames.tb_lasti, frames.tb_lineno)


def callers_lines(error: BaseException) -> list[str]:
    """Return the lines that led into ingestify, without those of the notebook itself."""
    lines: list[str] = []
    for frame in traceback.extract_tb(before_ours(error.__traceback__)):
        if any(name in frame.filename for name in _CELLS):
            lines.append(f"  Cell, line {frame.lineno}: {frame.line}")
        elif _NOTEBOOK not in frame.filename:
            lines += traceback.format_list([frame])
    return lines


def _is_ours(frames: TracebackType) -> bool:
    return frames.tb_frame.f_code.co_filename.startswith(_OURS)


def _is_pythons(frames: TracebackType) -> bool:
    file = frames.tb_frame.f_code.co_filename
    return file.startswith(_PYTHONS) and "site-packages" not in file
