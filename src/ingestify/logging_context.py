"""What a log line is about: the run, the job, the dataset and the host that the current thread works for.

The engine and the HTTP client say it, which costs some microseconds a dataset. Who configures logging decides
whether lines have it: by a filter on a handler, or as a processor of structlog.
"""

from __future__ import annotations

import contextvars
import logging
from contextlib import AbstractContextManager
from types import MappingProxyType

__all__ = ["FIELDS", "LogContextFilter", "bound", "log_context", "run_of_thread"]

FIELDS = ("run", "job", "source", "selector", "dataset_type", "dataset", "host")
"""The names that there are, from the whole to its parts."""

_LONGEST = 1000
"""Characters of a value: each line has all of them, and a provider may have written some."""

_NOTHING: MappingProxyType[str, object] = MappingProxyType({})

_current: contextvars.ContextVar[MappingProxyType[str, object] | dict[str, object]] = contextvars.ContextVar(
    "ingestify_log_context", default=_NOTHING
)


class bound(AbstractContextManager[None]):  # noqa: N801 - it is used like a function
    """While it is entered, lines of this thread are about this, too. A value becomes text only for a line."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _current.set({**_current.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def run_of_thread() -> str:
    """Return the run that the current thread works for; empty: it works for none."""
    return str(_current.get().get("run", ""))


def log_context() -> dict[str, str]:
    """Return what the current thread works for, for its log lines.

    For structlog, as a processor::

        def add_log_context(logger, method, event):
            return {**ingestify.log_context(), **event}

    Returns:
        Some of `run`, `job`, `source`, `selector`, `dataset_type`, `dataset`, `host`; outside of a run, nothing. `run`
        and `job` are ids, as in a `JobSummary`; `dataset` is the identifier as text; `host` is that of the request that
        is on its way. Long texts are cut.
    """
    found = _current.get()
    return {name: str(found[name])[:_LONGEST] for name in FIELDS if name in found and found[name] != ""}


class LogContextFilter(logging.Filter):
    """Gives each log record the attributes of `log_context`; those that are unknown are empty.

    Add it to a handler, not to a logger, so that the records of all loggers have them. With a `QueueHandler`, add it
    to that one: the thread that logs has to call it.

    Example::

        import logging

        import ingestify

        handler = logging.StreamHandler()
        handler.addFilter(ingestify.LogContextFilter())
        handler.setFormatter(logging.Formatter("%(levelname)s %(source)s %(dataset)s %(host)s %(message)s"))
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes that the record does not have. Returns True."""
        known = log_context()
        for name in FIELDS:
            if not hasattr(record, name):
                setattr(record, name, known.get(name, ""))
        return True
