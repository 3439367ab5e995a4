"""Connections to the catalogue's database, and the transactions on them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from ingestify.catalogue.databases.connector import Connector
from ingestify.catalogue.databases.database_errors import DATABASE_ERRORS, is_lock_timeout, store_error_for
from ingestify.catalogue.databases.database_url import MYSQL, POSTGRESQL, SQLITE, parse_url
from ingestify.catalogue.databases.mysql import MysqlConnector
from ingestify.catalogue.databases.postgresql import PostgresqlConnector
from ingestify.catalogue.databases.retries import LIMITED_WAIT_SECONDS, RetryBudget, may_pass
from ingestify.catalogue.databases.sqlite import SqliteConnector
from ingestify.errors import LakeUnwritable, LakeVersionError, OutcomeUnknown, StoreError

__all__ = ["Database", "check_url"]

_CONNECTORS: dict[str, Callable[[sa.URL], Connector]] = {
    SQLITE: SqliteConnector,
    POSTGRESQL: PostgresqlConnector,
    MYSQL: MysqlConnector,
}


_PAUSE_SECONDS = 0.005


class Database:
    """One database, safe to share between threads.

    Args:
        connector: How the database is reached.
        echo: Whether SQLAlchemy shows each statement.

    Attributes:
        where: The URL without a password, for messages.
        path: The database's file; None if it has none.
        is_read_only: Whether this user may only read it.
        dialect: Its SQL.
        retry_budget: How often an error that may pass is retried.
    """

    def __init__(self, connector: Connector, *, echo: bool = False) -> None:
        self._connector = connector
        self.where = connector.where
        self.path = connector.path
        self.is_read_only = connector.is_read_only
        self.dialect = connector.dialect
        self.retry_budget = RetryBudget(connector.lock_seconds)
        self._closed = False
        self._busy: dict[sa.Connection, int] = {}
        self._waits_restored = threading.Event()
        self._version: tuple[str, str] | None = None
        self._before_use: Callable[[], object] | None = None
        self._engine = connector.make_engine(echo=echo)
        sa.event.listen(self._engine, "begin", self._begin)
        self._reader = self._engine.execution_options(ingestify_begin=connector.read_begin)
        self._writer = self._engine.execution_options(ingestify_begin=connector.write_begin)

    @classmethod
    def open(cls, url: str, *, echo: bool = False) -> Database:
        """Open the database that `url` names; for a file, make its folder.

        Raises:
            ConfigurationError: `url` is no URL, or its scheme is not supported.
            MissingExtraError: The driver for it is not installed.
            StoreError: The folder cannot be made, or the database cannot be opened.
        """
        database = cls.reach(url, echo=echo)
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def reach(cls, url: str, *, echo: bool = False) -> Database:
        """Return the database that `url` names, as `open` does, without a connection; `prepare` makes the first one."""
        parsed = parse_url(url)
        return cls(_CONNECTORS[_driver_of(parsed)](parsed), echo=echo)

    def prepare(self) -> None:
        """Do once what a database needs before its first use; for a file, make its folder.

        Raises:
            StoreError: The folder cannot be made, or the database cannot be opened.
        """
        self._connector.prepare(self._engine)

    @property
    def is_in_memory(self) -> bool:
        """Whether the database is in memory, and gone with its connection."""
        return self._connector.is_one_connection

    @property
    def has_no_file(self) -> bool:
        """Whether the database is a file that does not exist, or is empty."""
        if self.path is None:
            return False
        try:
            return self.path.stat().st_size == 0
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # opening it gives the error

    def before_use(self, check: Callable[[], object] | None) -> None:
        """Call `check` before each transaction; it may raise. None: call nothing."""
        self._before_use = check

    @property
    def sql_dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect, to compile statements with."""
        return self._engine.dialect

    @contextlib.contextmanager
    def read(self, doing: str) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction that sees the database as it is at one moment.

        Args:
            doing: The action, for the message of an error, such as `read jobs`.
        """
        self._check_open(doing)
        with (
            self._translated(doing, writes=False),
            self._connector.read_lock,
            self._begun(writes=False) as (connection, transaction),
        ):
            with connection, transaction, self._connector.reading(connection):
                yield connection
            self.retry_budget.note_lock(writes=False, was_had=True)

    @contextlib.contextmanager
    def write(self, doing: str, error_type: type[StoreError] = StoreError) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction that writes; it is committed when the block ends without an error.

        SQLite has one writer at a time. On a server, other writers commit meanwhile, and each statement sees their
        commits: a row that must stay as it was read has to be locked (`Dialect.lock_rows`).

        Args:
            doing: The action, for the message of an error, such as `save a job`.
            error_type: The type that an error of the database is raised as.

        Raises:
            StoreError: As `error_type`: the database refused, and nothing was written.
            OutcomeUnknown: The commit itself raised, so the caller has to find out whether it happened.
            LakeVersionError: Another ingestify has migrated the tables; nothing was written.
        """
        self._check_open(doing)
        if self.is_read_only:
            raise LakeUnwritable(
                f"The catalogue {self.where} cannot {doing}: this user may only read its file. Give the user the "
                f"right to write the file and its folder, or use another lake."
            )
        with (
            self._translated(doing, error_type, writes=True),
            self._connector.write_lock,
            self._begun(writes=True) as (connection, transaction),
        ):
            with connection, transaction:
                yield connection
                self._refuse_other_version(connection)
                self._connector.before_commit()
                self._commit(connection, transaction, doing)
            self.retry_budget.note_lock(writes=True, was_had=True)

    @contextlib.contextmanager
    def settled(self, doing: str, version_table: str) -> Iterator[sa.Connection]:
        """Yield a connection on which the outcome of a transaction that logged events can be read.

        On a server, a transaction whose connection was lost may still be committing: this call waits for it.
        """
        if self.dialect.has_one_writer:
            with self.read(doing) as connection:
                yield connection
        else:
            with self.write(doing) as connection:
                self.dialect.lock_log(connection, version_table)
                yield connection

    def open_session(self, doing: str) -> sa.Connection:
        """Return a connection for locks that live as long as it does; each statement commits by itself.

        The pool does not give it to others, and the caller closes it.
        """
        self._check_open(doing)
        connection = self._engine.execution_options(ingestify_begin=()).connect()
        connection.detach()
        return connection

    # ---- waiting for locks -----------------------------------------------------------------------------

    def limit_lock_waits(self) -> None:
        """End waits for locks after a second at the most, until `restore_lock_waits`. Called from any thread."""
        self.retry_budget.limit_lock_waits()
        if not self.dialect.has_one_writer:
            self._waits_restored = threading.Event()
            threading.Thread(
                target=self._end_waits, args=(self._waits_restored,), name="ingestify-lock-waits", daemon=True
            ).start()

    def restore_lock_waits(self) -> None:
        """Wait for locks as usual again."""
        self._waits_restored.set()
        self.retry_budget.restore_lock_waits()

    def _end_waits(self, waits_restored: threading.Event) -> None:
        """End, on the server, the waits that began before `limit_lock_waits`. Runs in a thread of its own."""
        while not waits_restored.wait(LIMITED_WAIT_SECONDS) and not self._closed:
            with contextlib.suppress(StoreError, *DATABASE_ERRORS):
                if busy := list(self._busy.values()):
                    with self.open_session("end the waits for locks") as session:
                        self._connector.end_waits(session, busy)

    @contextlib.contextmanager
    def _begun(self, *, writes: bool) -> Iterator[tuple[sa.Connection, sa.Transaction]]:
        """Yield a connection whose transaction has begun. In SQLite the begin waits for the lock."""
        since = time.monotonic()
        engine = self._writer if writes else self._reader
        while True:
            try:
                connection, transaction = _connect(engine)
                break
            except sa.exc.DBAPIError as error:
                if self._connector.is_locked(error):
                    if self.retry_budget.seconds_for_lock(writes=writes, since=since):
                        time.sleep(_PAUSE_SECONDS)
                        continue
                else:
                    self.retry_budget.note_connection(succeeded=False)
                raise
        self.retry_budget.note_connection(succeeded=True)
        self._busy[connection] = self._connector.session_id(connection.connection.dbapi_connection)
        try:
            yield connection, transaction
        finally:
            del self._busy[connection]

    def _begin(self, connection: sa.Connection) -> None:
        """Begin the transaction in a connection's own way."""
        statements: tuple[str, ...] = connection.get_execution_options().get("ingestify_begin", ("BEGIN",))
        if statements:
            seconds = self.retry_budget.seconds_for_lock(writes=statements is self._connector.write_begin)
            if connection.info.get("ingestify_lock_seconds", self._connector.lock_seconds) != seconds:
                statements = (*self._connector.lock_wait(seconds), *statements)
                connection.info["ingestify_lock_seconds"] = seconds
        for statement in statements:
            connection.exec_driver_sql(statement)

    # ---- errors ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _translated(self, doing: str, error_type: type[StoreError] = StoreError, *, writes: bool) -> Iterator[None]:
        """Raise an error of the database as `error_type`."""
        try:
            yield
        except DATABASE_ERRORS as error:
            translated = store_error_for(error, self.where, doing, error_type)
            if is_lock_timeout(error):
                self.retry_budget.note_lock(writes=writes, was_had=False)
            elif self._version is not None and not isinstance(translated, LakeUnwritable) and not may_pass(error):
                # If another ingestify has migrated the tables, any statement may fail.
                with contextlib.suppress(*DATABASE_ERRORS), self._reader.connect() as connection:
                    self._refuse_other_version(connection)
            raise translated from error

    def guard_version(self, version_table: str, version: str) -> None:
        """From now on, refuse to commit if the tables have another version than this."""
        self._version = (version_table, version)
        self.dialect.tables_version = version

    def _refuse_other_version(self, connection: sa.Connection) -> None:
        """Refuse to commit if the tables were migrated.

        The version is read last: nobody alters a table that this transaction has written to before it ends, so the
        version is that of the tables it wrote to.
        """
        if self._version is None:
            return
        table, version = self._version
        found = self.dialect.read_version(connection, table)
        if found != version:
            state = "are being migrated" if found is None else f"have the version '{found}' by now"
            raise LakeVersionError(
                f"Another ingestify has migrated the lake {self.where} meanwhile: its tables {state}, and this process "
                f"knows '{version}'. It has written nothing into them. Let it run with the same ingestify as the "
                f"others, then run it again."
            )

    def _commit(self, connection: sa.Connection, transaction: sa.Transaction, doing: str) -> None:
        try:
            transaction.commit()
        except DATABASE_ERRORS as error:
            if self._connector.is_one_connection:
                connection.connection.rollback()
            else:
                connection.invalidate()  # the outcome is read on another connection
            translated = store_error_for(error, self.where, doing)
            raise OutcomeUnknown(
                f"Whether the commit happened is not known: it is there whole, or not at all. {translated}"
            ) from error

    def close(self) -> None:
        """Close every connection. Harmless when they are closed already."""
        self._closed = True
        self._engine.dispose()

    def _check_open(self, doing: str) -> None:
        if self._closed:
            raise StoreError(f"The catalogue {self.where} is closed, so it cannot {doing}. Open the lake again.")
        if self._before_use is not None:
            self._before_use()


def check_url(url: sa.URL) -> None:
    """Check a parsed URL as far as that needs no connection and no folder.

    Raises:
        ConfigurationError: An option is invalid.
        MissingExtraError: The driver is not installed.
    """
    if _driver_of(url) != SQLITE:
        _CONNECTORS[_driver_of(url)](url).make_engine(echo=False).dispose()


def _driver_of(url: sa.URL) -> str:
    return SQLITE if url.get_backend_name() == "sqlite" else url.drivername


def _connect(engine: sa.Engine) -> tuple[sa.Connection, sa.Transaction]:
    """Return a connection with a transaction; a new connection if the pool's was lost while nobody used it.

    BEGIN itself shows whether the connection is alive, so no other round trip is needed.
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
