"""One run at a job at a time: a lock for each job's identity, that ends with its process."""

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
    """How one kind of database keeps two runs from the same job. Safe to use from any thread."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock that `key` names, or None if somebody has it; never waits."""

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has it; None: nobody, or that is not known."""

    def is_held(self, key: str) -> bool | None:
        """Whether somebody has it; None: that is not known."""

    def close(self) -> None:
        """Let go of all that were taken here."""


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
        return NoLocks()  # nothing can be written, so nobody is to be kept from it
    if database.path is None:
        return MemoryLocks()
    # SQLite finds the files beside a database behind its links too.
    path = Path(os.path.realpath(database.path))
    return FileLocks(path.with_name(f"{path.name}-locks"), tables.prefix, require_lake)


class NoLocks:
    """Everybody may; the check of each change before its commit is what protects the lake then."""

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:  # noqa: ARG002 - the protocol's
        """Return what stands for a lock."""
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
    """For a database in memory, which no other process has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, JobHolder] = {}

    def try_lock(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock, or None if somebody has it."""
        with self._lock:
            if key in self._holders:
                return None
            self._holders[key] = holder
            return HeldLock(functools.partial(self.release, key))

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has it."""
        with self._lock:
            return self._holders.get(key)

    def is_held(self, key: str) -> bool | None:
        """Whether somebody has it."""
        return self.find_holder(key) is not None

    def release(self, key: str) -> None:
        """Let others have it."""
        with self._lock:
            self._holders.pop(key, None)

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            self._holders.clear()


class FileLocks:
    """For a database in a file: a folder beside it, with a locked file for each job that somebody is at.

    The operating system lets go of a file's lock when its process ends, however it ends; the file that is left then is
    nobody's, and the next one takes it. Where the file system knows no locks, as some network drives do, that is said
    once, and everybody may.

    Args:
        folder: It is there while there are locks.
        prefix: Begins every key.
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
        """Return the lock, or None if somebody has it: another process, or another engine of this one."""
        self._require_lake()
        try:
            file = self._take(self._path(key))
        except OSError as error:
            self._warn(error)
            return HeldLock()
        if file is None:
            return None
        with contextlib.suppress(OSError):  # on a full disk it is a lock all the same; only who has it is not told
            file.cut(0)  # what a process that died left there
            file.append(_holder_to_bytes(holder))
        with self._guard:
            self._held.add(file)
        return HeldLock(functools.partial(self.release, file))

    def _take(self, path: Path) -> LockedFile | None:
        for _ in range(_TRIES):
            self._folder.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # whoever had the last lock has just removed the folder
                return LockedFile.take(path, create=True)
        raise FileNotFoundError(errno.ENOENT, "the folder is removed again and again")

    def find_holder(self, key: str) -> JobHolder | None:
        """Return who has it; None also while that is being written."""
        try:
            return _holder_from_bytes(self._path(key).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_held(self, key: str) -> bool | None:
        """Whether somebody has it; None where the file system knows no locks."""
        path = self._path(key)
        try:
            taken = LockedFile.take(path, create=False)
        except OSError:
            return None
        if taken is None:
            return path.exists()
        taken.remove()  # a dead one's
        return False

    def release(self, file: LockedFile) -> None:
        """Remove a file, and the folder with the last one; harmless when that has happened."""
        with self._guard:
            if file in self._held:
                self._held.remove(file)
                file.remove()
                with contextlib.suppress(OSError):
                    self._folder.rmdir()

    def close(self) -> None:
        """Let go of those that nobody has let go of."""
        for file in list(self._held):
            self.release(file)

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(f"{self._prefix}\n{key}".encode()).hexdigest()[:40] + ".lock")

    def _warn(self, error: OSError) -> None:
        if self._warned.acquire(blocking=False):  # never released: once is enough
            logger.warning(
                "No locks can be made in %s (%s), so two runs of the same thing may go on at once. They take nothing "
                "from each other, but fetch what is new twice: let only one run at a time, or move the catalogue to a "
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
