"""Job locks: one run at a time has a job, and its lock ends with its process."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import functools
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.jobs.held_lock import HeldLock
from ingestify.catalogue.jobs.session_locks import SessionLocks
from ingestify.catalogue.tables import Tables
from ingestify.domain.ports import JobLock
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.locked_file import LockedFile
from ingestify.progress.printable import PrintableLogger

__all__ = ["FileLocks", "JobLocks", "MemoryLocks", "NoLocks", "make_job_locks"]

logger = PrintableLogger(__name__)

_TRIES = 10


class JobLocks(Protocol):
    """The job locks of one kind of database. Safe to use from any thread."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of `key`, or None if another run has it. Never waits."""

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock; None: nobody, or unknown."""

    def is_held(self, key: str) -> bool | None:
        """Whether a run has the lock; None: unknown."""

    def close(self) -> None:
        """Release all locks that were taken here."""


def make_job_locks(database: Database, tables: Tables, require_lake: Callable[[], object]) -> JobLocks:
    """Return the locks of a lake. Two lakes in one database lock nothing of each other.

    Args:
        database: Where the lake is.
        tables: Those of the lake.
        require_lake: Raises where the lake is not there: then there is no folder for locks either.
    """
    if not database.dialect.has_one_writer:
        return SessionLocks(database, tables)
    if database.is_read_only:
        return NoLocks()  # nobody can write
    if database.path is None:
        return MemoryLocks()
    # SQLite resolves links before it names the files beside a database.
    path = Path(os.path.realpath(database.path))
    return FileLocks(path.with_name(f"{path.name}-locks"), tables.prefix, require_lake)


class NoLocks:
    """Every run gets every lock; then only the check of each change before its commit protects the lake."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:  # noqa: ARG002 - the protocol's
        """Return a lock that excludes nobody."""
        return HeldLock()

    def find_holder(self, key: str) -> JobHolder | None:  # noqa: ARG002 - the protocol's
        """Return None."""
        return None

    def is_held(self, key: str) -> bool | None:  # noqa: ARG002 - the protocol's
        """Return None."""
        return None

    def close(self) -> None:
        """Do nothing."""


class MemoryLocks:
    """The locks of a database in memory, which no other process has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, JobHolder] = {}

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock, or None if another run has it."""
        with self._lock:
            if key in self._holders:
                return None
            self._holders[key] = holder
            return HeldLock(functools.partial(self.release, key))

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock."""
        with self._lock:
            return self._holders.get(key)

    def is_held(self, key: str) -> bool | None:
        """Whether a run has the lock."""
        return self.find_holder(key) is not None

    def release(self, key: str) -> None:
        """Release a lock."""
        with self._lock:
            self._holders.pop(key, None)

    def close(self) -> None:
        """Release all locks."""
        with self._lock:
            self._holders.clear()


class FileLocks:
    """The locks of a database in a file: a folder beside it has a locked file for each job of a run.

    The operating system releases a file's lock when its process ends, however it ends. A file without a lock stays,
    and the next run takes it. If the file system has no locks, as on some network drives, a warning says so once, and
    every run gets every lock.

    Args:
        folder: Exists while there are locks.
        prefix: The beginning of every key.
        require_lake: Called before a lock is taken.
    """

    def __init__(self, folder: Path, prefix: str = "", require_lake: Callable[[], object] = lambda: None) -> None:
        self._folder = folder
        self._prefix = prefix
        self._require_lake = require_lake
        self._warned = threading.Lock()
        self._guard = threading.Lock()
        self._held: set[LockedFile] = set()

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock, or None if another process has it, or another engine of this process."""
        self._require_lake()
        try:
            file = self._take(self._path(key))
        except OSError as error:
            self._warn(error)
            return HeldLock()
        if file is None:
            return None
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same; only its holder stays unknown
            file.cut(0)  # what a dead process left there
            file.append(_holder_to_bytes(holder))
        with self._guard:
            self._held.add(file)
        return HeldLock(functools.partial(self.release, file))

    def _take(self, path: Path) -> LockedFile | None:
        for _ in range(_TRIES):
            self._folder.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # the holder of the last lock has just removed the folder
                return LockedFile.take(path, create=True)
        raise FileNotFoundError(errno.ENOENT, "the folder is removed again and again")

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock; None also while its holder is being written."""
        try:
            return _holder_from_bytes(self._path(key).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_held(self, key: str) -> bool | None:
        """Whether a run has the lock; None if the file system has no locks."""
        path = self._path(key)
        try:
            taken = LockedFile.take(path, create=False)
        except OSError:
            return None
        if taken is None:
            return path.exists()
        taken.remove()  # a dead process's
        return False

    def release(self, file: LockedFile) -> None:
        """Remove a lock's file, and the folder with the last one. Harmless when that was done."""
        with self._guard:
            if file in self._held:
                self._held.remove(file)
                file.remove()
                with contextlib.suppress(OSError):
                    self._folder.rmdir()

    def close(self) -> None:
        """Release the locks that are still held."""
        for file in list(self._held):
            self.release(file)

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(f"{self._prefix}\n{key}".encode()).hexdigest()[:40] + ".lock")

    def _warn(self, error: OSError) -> None:
        if self._warned.acquire(blocking=False):  # never released: one warning is enough
            logger.warning(
                "No locks can be made in %s (%s), so two runs of the same job may work at once. Neither overwrites "
                "the other, but both fetch the same files: start one run at a time, or move the catalogue to a "
                "local disk.",
                self._folder,
                error.strerror or error,
            )


def _holder_to_bytes(holder: JobHolder) -> bytes:
    process = holder.process
    return json.dumps(
        {
            "host": process.host,
            "pid": process.pid,
            "process_started": process.started,
            "started_at": holder.since.isoformat(),
        }
    ).encode()


def _holder_from_bytes(data: bytes) -> JobHolder:
    values: dict[str, Any] = json.loads(data)
    process = ProcessIdentity(values["host"], values["pid"], values["process_started"])
    return JobHolder(process, dt.datetime.fromisoformat(values["started_at"]))
