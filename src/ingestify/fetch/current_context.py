"""What the current thread fetches for; code far from the engine, such as a source, reaches it without a parameter."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ingestify.domain.ports import FetchContext, Usage

__all__ = ["current_context", "use_context"]

_outside_a_run = FetchContext(Usage(), threading.Event())
_current: contextvars.ContextVar[FetchContext] = contextvars.ContextVar(
    "ingestify_fetch_context", default=_outside_a_run
)


@contextmanager
def use_context(context: FetchContext) -> Iterator[None]:
    """Make this the context of the current thread."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def current_context() -> FetchContext:
    """Return the context of the current thread; outside an engine's run, one that nobody reads or stops."""
    return _current.get()
