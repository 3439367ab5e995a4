"""What the current thread fetches for, and with which client; code such as a source reaches it without a parameter."""

from __future__ import annotations

import contextvars
import dataclasses
import threading
from contextlib import AbstractContextManager

from ingestify.domain.ports import FetchContext, Fetcher, UnreachableHosts, Usage

__all__ = ["activated", "current_client", "current_context", "current_run", "given_up_soon"]

_outside_a_run = FetchContext(Usage(), threading.Event())
_current: contextvars.ContextVar[tuple[Fetcher | None, FetchContext]] = contextvars.ContextVar(
    "ingestify_fetch_context", default=(None, _outside_a_run)
)


class activated(AbstractContextManager[None]):  # noqa: N801 - it is used like a function
    """While it is entered, the current thread fetches with `client`, and for `context`."""

    __slots__ = ("_both", "_observed", "_token")

    def __init__(self, client: Fetcher | None, context: FetchContext) -> None:
        self._both = (client, context)

    def __enter__(self) -> None:
        self._token = _current.set(self._both)
        self._observed = self._both[1].observed.attach()

    def __exit__(self, *_: object) -> None:
        self._both[1].observed.detach(self._observed)
        _current.reset(self._token)


def current_client() -> Fetcher | None:
    """Return the client of the source that the current thread works for; outside an engine's run, None."""
    return _current.get()[0]


def current_context() -> FetchContext:
    """Return the context of the current thread; outside an engine's run, one that nobody reads or stops."""
    return _current.get()[1]


def given_up_soon() -> AbstractContextManager[None]:
    """Let requests of the current thread give up a host that cannot be reached within seconds.

    For what the run can do without. That such a host does not answer says nothing of the other requests.
    """
    return activated(current_client(), dataclasses.replace(current_context(), unreachable_hosts=UnreachableHosts()))


def current_run() -> threading.Event | None:
    """Return what stops the run of the current thread, by which runs can be told apart; outside of a run, None."""
    context = current_context()
    return context.stop if context.is_run else None
