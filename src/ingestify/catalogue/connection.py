"""Connections to the catalogue's database, and the transactions on them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from ingestify.catalogue.connector import Connector
from ingestify.catalogue.connectors.mysql import MysqlConnector
from ingestify.catalogue.connectors.postgresql import PostgresqlConnector
from ingestify.catalogue.connectors.sqlite import SqliteConnector
from ingestify.catalogue.database_url import MYSQL, POSTGRESQL, SQLITE, parse_url
from ingestify.catalogue.refusals import DATABASE_ERRORS, refusal_for, translated
from ingestify.catalogue.repetition import Patience
from ingestify.errors import LakeUnwritable, OutcomeUnknown, StoreError

__all__ = ["Database", "check_url"]

_CONNECTORS: dict[str, Callable[[sa.URL], Connector]] = {
    SQLITE: SqliteConnector,
    POSTGRESQL: PostgresqlConnector,
    MYSQL: MysqlConnector,
}


class Database:
    """One database, safe to share between threads.

    Args:
        connector: How it is reached.
        echo: Whether SQLAlchemy shows each statement.

    Attributes:
        where: The URL without a password, for messages.
        path: The database's file; None if it has none.
        is_read_only: Whether it may only be read.
        dialect: Its words.
        patience: How often what may pass is tried.
    """

    def __init__(self, connector: Connector, *, echo: bool = False) -> None:
        self._connector = connector
        self.where = connector.where
        self.path = connector.path
        self.is_read_only = connector.is_read_only
        self.dialect = connector.dialect
        self.patience = Patience()
        self._closed = False
        self._engine = connector.make_engine(echo=echo)
        sa.event.listen(self._engine, "begin", _begin)
        self._reader = self._engine.execution_options(ingestify_begin=connector.read_begin)
        self._writer = self._engine.execution_options(ingestify_begin=connector.write_begin)

    @classmethod
    def open(cls, url: str, *, echo: bool = False) -> Database:
        """Open the database that `url` names; of a file, make its folder.

        Raises:
            ConfigurationError: The URL's scheme is not supported, or it is no URL.
            MissingExtraError: The driver for it is not installed.
            StoreError: The folder cannot be made, or the database cannot be opened.
        """
        parsed = parse_url(url)
        connector = _CONNECTORS[_driver_of(parsed)](parsed)
        database = cls(connector, echo=echo)
        try:
            connector.prepare(database._engine)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def sql_dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect, to compile statements with."""
        return self._engine.dialect

    @contextlib.contextmanager
    def read(self, doing: str) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction: all that is read on it is of one moment."""
        self._check_open(doing)
        with translated(self.where, doing), self._connector.read_lock:
            connection, transaction = self._connect(self._reader)
            with connection, transaction, self._connector.reading(connection):
                yield connection

    @contextlib.contextmanager
    def write(self, doing: str, refusal: type[StoreError] = StoreError) -> Iterator[sa.Connection]:
        """Give a connection to write on; all or nothing of what is written on it is kept.

        In SQLite there is one writer at a time. On servers others write meanwhile, and what they have committed is seen
        from then on: what must stay as it was looked at is held (`Dialect.hold`).

        Raises:
            StoreError: As `refusal`, when the database refuses; then nothing is kept.
            OutcomeUnknown: The commit itself raised, so whether it happened is to be found out.
        """
        self._check_open(doing)
        if self.is_read_only:
            raise LakeUnwritable(
                f"The catalogue {self.where} cannot {doing}: this user may only read its file. Give the user the "
                f"right to write the file and its folder, or use another lake."
            )
        with translated(self.where, doing, refusal), self._connector.write_lock:
            connection, transaction = self._connect(self._writer)
            with connection, transaction:
                yield connection
                self._connector.before_commit()
                self._commit(connection, transaction, doing)

    @contextlib.contextmanager
    def settled(self, doing: str, version_table: str) -> Iterator[sa.Connection]:
        """Give a connection on which to look up what became of a transaction that logs events.

        On a server, one whose connection was lost may be committing still: it is waited for.
        """
        if self.dialect.has_one_writer:
            with self.read(doing) as connection:
                yield connection
        else:
            with self.write(doing) as connection:
                self.dialect.lock_log(connection, version_table)
                yield connection

    def open_session(self, doing: str) -> sa.Connection:
        """Return a connection for what lasts as long as the connection does; each statement is committed by itself.

        It is not of those that others use, and is to be closed.
        """
        self._check_open(doing)
        connection = self._engine.execution_options(ingestify_begin=()).connect()
        connection.detach()
        return connection

    def _connect(self, engine: sa.Engine) -> tuple[sa.Connection, sa.Transaction]:
        try:
            connected = _connect(engine)
        except sa.exc.DBAPIError:
            self.patience.note_connection(succeeded=False)
            raise
        self.patience.note_connection(succeeded=True)
        return connected

    def _commit(self, connection: sa.Connection, transaction: sa.Transaction, doing: str) -> None:
        try:
            transaction.commit()
        except DATABASE_ERRORS as error:
            if self._connector.is_one_connection:
                connection.connection.rollback()
            else:
                connection.invalidate()  # what is looked up next is not to be what this connection believes
            refused = refusal_for(error, self.where, doing)
            raise OutcomeUnknown(
                f"Whether the commit happened is not known: it is there whole, or not at all. {refused}"
            ) from error

    def close(self) -> None:
        """Close every connection. Harmless when they are closed already."""
        self._closed = True
        self._engine.dispose()

    def _check_open(self, doing: str) -> None:
        if self._closed:
            raise StoreError(f"The catalogue {self.where} is closed, so it cannot {doing}. Open the lake again.")


def check_url(url: sa.URL) -> None:
    """Refuse what can be told of a parsed URL without asking its server, nor making a folder.

    Raises:
        ConfigurationError: An option makes no sense.
        MissingExtraError: The driver is not installed.
    """
    if _driver_of(url) != SQLITE:
        _CONNECTORS[_driver_of(url)](url).make_engine(echo=False).dispose()


def _driver_of(url: sa.URL) -> str:
    return SQLITE if url.get_backend_name() == "sqlite" else url.drivername


def _connect(engine: sa.Engine) -> tuple[sa.Connection, sa.Transaction]:
    """Return a connection with a transaction; a new one if that which the pool had was lost while nobody used it.

    To begin is to ask whether it is there: no other question is needed, which would be another round trip.
    """
    for is_last in (False, True):
        connection = engine.connect()
        try:
            return connection, connection.begin()
        except sa.exc.DBAPIError as error:
            connection.close()
            if is_last or not error.connection_invalidated:
                raise
        except BaseException:
            connection.close()
            raise
    raise AssertionError("unreachable")


def _begin(connection: sa.Connection) -> None:
    for statement in connection.get_execution_options().get("ingestify_begin", ("BEGIN",)):
        connection.exec_driver_sql(statement)
