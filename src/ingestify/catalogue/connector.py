"""What a kind of database does for its connections."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from ingestify.catalogue.dialect import Dialect

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

    def before_commit(self) -> None:
        """Make sure of what a commit needs besides the database's own files.

        Raises:
            StoreError: It could not be had; nothing may be committed.
        """
