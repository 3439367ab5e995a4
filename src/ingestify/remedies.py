"""Remedies: what a message says can be done next, as a command or as a call in Python.

At the command line a remedy is `'ingestify verify --repair --lake lake'`, with the options that named the lake of the
current command. In Python it is `engine.verify(repair=True)`. The choice holds for the whole process, so that all
threads say the same.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import shlex
from collections.abc import Iterator

__all__ = ["at_command_line", "at_lake", "is_at_command_line", "quoted", "remedy"]

_PYTHON = {
    "run": "engine.load()",
    "run --accept-missing": "engine.load(accept_missing=True)",
    "list": "engine.list_datasets()",
    "show": "engine.store.get_dataset({})",
    "delete": "engine.destroy_dataset({})",
    "delete --now": "engine.store.delete_datasets([…], with_objects=True)",
    "status": "engine.store.load_ingestion_job_summaries()",
    "status --failed": "engine.store.load_ingestion_job_summaries()",
    "verify": "engine.verify()",
    "verify --repair": "engine.verify(repair=True)",
    "gc": "engine.collect_garbage()",
    "restored": "engine.store.identity.restore()",
    "publish": "publishing.publish()",
    "publish dead-letters": "publishing.iter_dead_letters()",
    "publish status": "publishing.status()",
    "publish switch-on": "publishing.switch_on({})",
    "tables build": "engine.build_tables()",
    "tables build --rebuild": "engine.build_tables({}, rebuild=True)",
    "tables verify --make-rows": "engine.verify_tables(make_rows=True)",
    "adopt": "ingestify.adopt(…)",
    "adopt --yes": "ingestify.adopt(…, dry_run=False)",
    "sources competitions": "engine.competitions({})",
    "quarantine list": "engine.quarantine",
    "quarantine show": "engine.quarantine.get_entry({})",
    "quarantine retry": "engine.quarantine.request_retry({})",
    "quarantine discard": "engine.quarantine.discard({}, decided_by=…)",
}
"""A command's call in Python. A command that is not here has none."""

_BY_PLANS = ("run", "plan", "sync-indexes")

_WITHOUT_LAKE = ("init",)

_OF_ALL_BUCKETS = ("adopt", "gc", "restored", "events", "publish", "sync-indexes", "sources")


@dataclasses.dataclass(frozen=True, slots=True)
class _Lake:
    """The options that named the lake of the current command."""

    options: str = ""
    bucket: str = ""
    has_plans: bool = True


_lake: _Lake | None = None
"""None: in Python."""

_is_for_target = contextvars.ContextVar("_is_for_target", default=False)


def is_at_command_line() -> bool:
    """Return whether this process runs a command."""
    return _lake is not None


@contextlib.contextmanager
def at_command_line() -> Iterator[None]:
    """Return commands from `remedy` while the block runs."""
    global _lake
    before, _lake = _lake, _Lake()
    try:
        yield
    finally:
        _lake = before


def at_lake(options: str, bucket: str = "", *, has_plans: bool = True) -> None:
    """Set how the current command's remedies name its lake.

    Args:
        options: The options as they are typed, such as `--lake lake`; empty: none.
        bucket: The value of `--bucket` as it is typed; empty: none.
        has_plans: Whether a config.yaml with ingestion plans names the lake.
    """
    global _lake
    _lake = _Lake(options, bucket, has_plans)


@contextlib.contextmanager
def for_the_target() -> Iterator[None]:
    """Return remedies for the target of a copy in this thread while the block runs, and not for its source."""
    token = _is_for_target.set(True)
    try:
        yield
    finally:
        _is_for_target.reset(token)


def remedy(command: str, *arguments: str) -> str:
    """Return a remedy: `'ingestify delete ID --lake lake'`, or `engine.destroy_dataset("ID")`.

    Args:
        command: The name of a command, with options that belong to it, such as `verify --repair`.
        *arguments: The arguments of the command.
    """
    for_target = _is_for_target.get()
    if command in _WITHOUT_LAKE:
        return f"'{' '.join(('ingestify', command, *arguments))}'"
    if _lake is None and command in _PYTHON:
        call = _PYTHON[command].format(", ".join(f'"{argument}"' for argument in arguments)).replace("(, ", "(")
        return call.replace("engine.", "target.", 1) if for_target else call
    lake = _Lake("--lake …") if for_target else _lake or _Lake()
    if not lake.has_plans and command.split()[0] in _BY_PLANS:
        return f"'ingestify {command}', with the config.yaml of its plans,"
    of_bucket = lake.bucket and command.split()[0] not in _OF_ALL_BUCKETS
    bucket = f"--bucket {lake.bucket}" if of_bucket else ""
    return f"'{' '.join(filter(None, ('ingestify', command, *arguments, lake.options, bucket)))}'"


def quoted(value: str) -> str:
    """Return a value as it is typed in a shell; in double quotes if possible, as messages use single quotes."""
    quoted = shlex.quote(value)
    return quoted if quoted == value or set(value) & set('"$`!\\') else f'"{value}"'
