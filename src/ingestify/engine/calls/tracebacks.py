"""How an error of a run is shown where it is raised: the caller's own code and the message, not the run's threads."""

from __future__ import annotations

from typing import TypeVar

from ingestify.errors import IngestifyError
from ingestify.tracebacks import before_ours, from_own_code, is_debugging

__all__ = ["shortened"]

E = TypeVar("E", bound=BaseException)


def shortened(error: E) -> E:
    """Return an error as it is raised to the caller: with the frames of the caller's own code only.

    The message of an error of ingestify says what was behind it, so its causes are not shown; they stay in
    `__context__`. Any other error loses the frames before the caller's code, and keeps what it raised from there on. An
    error that met no code of the caller is a fault of ingestify, and stays whole. So does each error while the logger
    `ingestify` logs DEBUG.
    """
    if is_debugging():
        return error
    own = from_own_code(error.__traceback__)
    if isinstance(error, IngestifyError):
        behind = error.__cause__ or error.__context__
        is_own = behind is not None and from_own_code(behind.__traceback__) is not None
        error.__cause__ = shortened(behind) if behind is not None and is_own else None
        error.__context__ = behind
        error.__suppress_context__ = True
        return error.with_traceback(before_ours(own))
    return error if own is None else error.with_traceback(own)
