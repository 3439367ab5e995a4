"""The connections of one kind of database."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.dialect import Dialect

__all__ = ["Connector"]


class Connector(ABC):
    """How one database is reached, and how transactions begin there. The defaults are those of a server.

    Attributes:
        where: The URL without its secrets, for messages.
        path: The database's file; None if it has none.
        is_read_only: Whether it may only be read.
        is_one_connection: Whether the database is in memory, and gone with its connection.
        dialect: Its SQL.
        read_begin: The statements that begin a transaction that sees one moment.
        write_begin: Those that begin a transaction that writes, and sees the commits of others up to each statement.
        read_lock: Held by a thread while it reads.
        write_lock: Held by a thread while it writes.
        lock_seconds: How long it waits for a lock of another process.
    """

    where: str
    path: Path | None = None
    is_read_only = False
    is_one_connection = False
    dialect: Dialect
    read_begin: tuple[str, ...]
    write_begin: tuple[str, ...]
    read_lock: AbstractContextManager[Any] = contextlib.nullcontext()
    write_lock: AbstractContextManager[Any] = contextlib.nullcontext()
    lock_seconds: float

    @abstractmethod
    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself.

        Raises:
            MissingExtraError: The driver is not installed.
        """

    def prepare(self, engine: sa.Engine) -> None:  # noqa: B027 - some need nothing
        """Do once what a database needs before it is used."""

    def reading(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Check a transaction that reads.

        Raises:
            FileChanged: The transaction did not read one moment, and has to be repeated.
        """
        return contextlib.nullcontext()

    def is_locked(self, error: BaseException) -> bool:
        """Whether a transaction could not begin because another process has locked the database; it is tried again.

        False where the server itself waits.
        """
        return False

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return the statements after which the server waits so long for a lock; 0: as shortly as it can."""
        return ()

    def session_id(self, connection: Any) -> int:
        """Return the server's id of a driver's connection."""
        return 0

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:  # noqa: B027
        """End those sessions that wait for a lock."""

    def before_commit(self) -> None:  # noqa: B027 - a server keeps its own files
        """Sync what a commit needs besides the database's own files.

        Raises:
            StoreError: That failed; nothing may be committed.
        """
