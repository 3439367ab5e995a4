"""What the current thread fetches for; code far from the engine, such as a source, reaches it without a parameter."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import threading
from collections.abc import Iterator

from ingestify.domain.ports import FetchContext, UnreachableHosts, Usage

__all__ = ["current_context", "current_run", "given_up_soon", "reset_context", "set_context"]

_outside_a_run = FetchContext(Usage(), threading.Event())
_current: contextvars.ContextVar[FetchContext] = contextvars.ContextVar(
    "ingestify_fetch_context", default=_outside_a_run
)


def set_context(context: FetchContext) -> contextvars.Token[FetchContext]:
    """Make this the context of the current thread. Returns what `reset_context` takes."""
    return _current.set(context)


def reset_context(token: contextvars.Token[FetchContext]) -> None:
    """Make the context before `set_context` that of the current thread again."""
    _current.reset(token)


def current_context() -> FetchContext:
    """Return the context of the current thread; outside an engine's run, one that nobody reads or stops."""
    return _current.get()


@contextlib.contextmanager
def given_up_soon() -> Iterator[None]:
    """Let requests of the current thread give up a host that cannot be reached within seconds.

    For what the run can do without. That such a host does not answer says nothing of the other requests.
    """
    token = set_context(dataclasses.replace(current_context(), unreachable_hosts=UnreachableHosts()))
    try:
        yield
    finally:
        reset_context(token)


def current_run() -> threading.Event | None:
    """Return what stops the run of the current thread, by which runs can be told apart; outside of a run, None."""
    context = _current.get()
    return None if context is _outside_a_run else context.stop
