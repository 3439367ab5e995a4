"""What a kind of database does for its connections."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from ingestify.catalogue.databases.dialect import Dialect

__all__ = ["Connector"]


class Connector(Protocol):
    """How one database is reached, and how transactions begin there.

    Attributes:
        where: The URL without its secrets, for messages.
        path: The database's file; None if it has none.
        is_read_only: Whether it may only be read.
        is_one_connection: Whether the database is its connection, and gone with it.
        dialect: Its words.
        read_begin: The statements with which a transaction begins that sees one moment.
        write_begin: Those of a transaction that writes, and sees what others have committed when it looks.
        read_lock: Held by a thread while it reads.
        write_lock: Held by a thread while it writes.
        lock_seconds: How long it is waited for what another process has locked.
    """

    where: str
    path: Path | None
    is_read_only: bool
    is_one_connection: bool
    dialect: Dialect
    read_begin: tuple[str, ...]
    write_begin: tuple[str, ...]
    read_lock: AbstractContextManager[Any]
    write_lock: AbstractContextManager[Any]
    lock_seconds: float

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself.

        Raises:
            MissingExtraError: The driver is not installed.
        """

    def prepare(self, engine: sa.Engine) -> None:
        """Do once what a database needs before it is used."""

    def reading(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Watch over a transaction that reads.

        Raises:
            FileChanged: What was read is not of one moment, and is to be read again.
        """

    def is_locked(self, error: BaseException) -> bool:
        """Whether a transaction could not begin as another process has locked the database, so that it is tried again.

        False where the server itself waits.
        """

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return the statements after which the server waits so long for a lock; 0: as shortly as it can."""

    def session_id(self, connection: Any) -> int:
        """Return by what the server knows a connection of the driver's."""

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """End those sessions that wait for a lock."""

    def before_commit(self) -> None:
        """Make sure of what a commit needs besides the database's own files.

        Raises:
            StoreError: It could not be had; nothing may be committed.
        """
