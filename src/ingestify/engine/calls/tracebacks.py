"""How an error of a run is shown where it is raised: what its reader wrote, and its message; not the run's threads."""

from __future__ import annotations

import logging
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ingestify.errors import IngestifyError

__all__ = ["shortened"]

E = TypeVar("E", bound=BaseException)

_OURS = str(Path(__file__).parents[2])
_PYTHONS = sysconfig.get_path("stdlib")


def shortened(error: E) -> E:
    """Return an error as it is raised to whoever called: with the frames of their own code only.

    One of ours says in its message what was behind it, so its causes are not shown; they stay in `__context__`. Of any
    other the frames before the caller's code go, and nothing that it raised from there on. One that met no code of
    theirs is a fault of ours, and stays whole. So does each while the logger `ingestify` logs DEBUG.
    """
    if logging.getLogger("ingestify").isEnabledFor(logging.DEBUG):
        return error
    own = _from_own_code(error.__traceback__)
    if isinstance(error, IngestifyError):
        behind = error.__cause__ or error.__context__
        is_own = behind is not None and _from_own_code(behind.__traceback__) is not None
        error.__cause__ = shortened(behind) if behind is not None and is_own else None
        error.__context__ = behind
        error.__suppress_context__ = True
        return error.with_traceback(_up_to_ours(own))
    return error if own is None else error.with_traceback(own)


def _from_own_code(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first frame of the caller's own code on; None: there is none."""
    while traceback is not None and _is_inside(traceback):
        traceback = traceback.tb_next
    return traceback


def _up_to_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without what our code did in it."""
    if traceback is None or _is_ours(traceback):
        return None
    rest = _up_to_ours(traceback.tb_next)
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)


def _is_ours(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_OURS)


def _is_inside(traceback: TracebackType) -> bool:
    file = traceback.tb_frame.f_code.co_filename
    return _is_ours(traceback) or (file.startswith(_PYTHONS) and "site-packages" not in file)
