"""Which client a thread fetches with, and for what work."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestify.domain.ports import FetchContext, Usage

if TYPE_CHECKING:
    from ingestify.fetch.http import HttpClient

__all__ = ["activate", "active_client", "active_context"]

_active: contextvars.ContextVar[tuple[HttpClient, FetchContext] | None] = contextvars.ContextVar(
    "ingestify_http", default=None
)
_nobodys = FetchContext(Usage(), threading.Event())


@contextmanager
def activate(client: HttpClient, context: FetchContext) -> Iterator[None]:
    """Make this the client of this thread, working for `context`."""
    token = _active.set((client, context))
    try:
        yield
    finally:
        _active.reset(token)


def active_client() -> HttpClient | None:
    """Return the client that this thread works with, inside an engine's run; else None."""
    found = _active.get()
    return None if found is None else found[0]


def active_context() -> FetchContext:
    """Return what this thread works for; outside an engine's run, a context that nobody reads or stops."""
    found = _active.get()
    return _nobodys if found is None else found[1]
