"""Connections to the catalogue's database, and the transactions on them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from ingestify.catalogue.databases.connector import Connector
from ingestify.catalogue.databases.database_errors import DATABASE_ERRORS, is_lock_timeout, refusal_for
from ingestify.catalogue.databases.database_url import MYSQL, POSTGRESQL, SQLITE, parse_url
from ingestify.catalogue.databases.mysql import MysqlConnector
from ingestify.catalogue.databases.postgresql import PostgresqlConnector
from ingestify.catalogue.databases.retries import HURRY_SECONDS, Patience, may_pass
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
        self.patience = Patience(connector.lock_seconds)
        self._closed = False
        self._busy: dict[sa.Connection, int] = {}
        self._calm = threading.Event()
        self._version: tuple[str, str] | None = None
        self._before_use: Callable[[], object] | None = None
        self._engine = connector.make_engine(echo=echo)
        sa.event.listen(self._engine, "begin", self._begin)
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
        database = cls.reach(url, echo=echo)
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def reach(cls, url: str, *, echo: bool = False) -> Database:
        """Return the database that `url` names, as `open` does; nothing is asked of it, or made, before `prepare`."""
        parsed = parse_url(url)
        return cls(_CONNECTORS[_driver_of(parsed)](parsed), echo=echo)

    def prepare(self) -> None:
        """Do once what a database needs before it is used; of a file, make its folder.

        Raises:
            StoreError: The folder cannot be made, or the database cannot be opened.
        """
        self._connector.prepare(self._engine)

    @property
    def is_in_memory(self) -> bool:
        """Whether the database is its connection, and gone with it."""
        return self._connector.is_one_connection

    @property
    def has_no_file(self) -> bool:
        """Whether it is a file that is not there, or is empty, so that there is nothing to ask it."""
        if self.path is None:
            return False
        try:
            return self.path.stat().st_size == 0
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # who opens it is told

    def before_use(self, look: Callable[[], object] | None) -> None:
        """Call `look` before each transaction, which may raise and is not called while it is at work; None: nothing."""
        self._before_use = look

    @property
    def sql_dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect, to compile statements with."""
        return self._engine.dialect

    @contextlib.contextmanager
    def read(self, doing: str) -> Iterator[sa.Connection]:
        """Give a connection inside a transaction: all that is read on it is of one moment."""
        self._check_open(doing)
        with (
            self._translated(doing, writes=False),
            self._connector.read_lock,
            self._begun(writes=False) as (connection, transaction),
        ):
            with connection, transaction, self._connector.reading(connection):
                yield connection
            self.patience.note_lock(writes=False, was_had=True)

    @contextlib.contextmanager
    def write(self, doing: str, refusal: type[StoreError] = StoreError) -> Iterator[sa.Connection]:
        """Give a connection to write on; all or nothing of what is written on it is kept.

        In SQLite there is one writer at a time. On servers others write meanwhile, and what they have committed is seen
        from then on: what must stay as it was looked at is held (`Dialect.lock_rows`).

        Raises:
            StoreError: As `refusal`, when the database refuses; then nothing is kept.
            OutcomeUnknown: The commit itself raised, so whether it happened is to be found out.
            LakeVersionError: Another ingestify has migrated the tables; nothing is kept.
        """
        self._check_open(doing)
        if self.is_read_only:
            raise LakeUnwritable(
                f"The catalogue {self.where} cannot {doing}: this user may only read its file. Give the user the "
                f"right to write the file and its folder, or use another lake."
            )
        with (
            self._translated(doing, refusal, writes=True),
            self._connector.write_lock,
            self._begun(writes=True) as (connection, transaction),
        ):
            with connection, transaction:
                yield connection
                self._refuse_other_version(connection)
                self._connector.before_commit()
                self._commit(connection, transaction, doing)
            self.patience.note_lock(writes=True, was_had=True)

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

    # ---- waiting for others ----------------------------------------------------------------------------

    def hurry(self) -> None:
        """Let whoever waits for a lock wait for a second more at the most, until `calm`; from any thread."""
        self.patience.hurry()
        if not self.dialect.has_one_writer:
            self._calm = threading.Event()
            threading.Thread(target=self._end_waits, args=(self._calm,), name="ingestify-hurry", daemon=True).start()

    def calm(self) -> None:
        """Wait for locks as usual again."""
        self._calm.set()
        self.patience.calm()

    def _end_waits(self, calm: threading.Event) -> None:
        """End, on the server, the waits that began before there was a hurry. A thread of its own."""
        while not calm.wait(HURRY_SECONDS) and not self._closed:
            with contextlib.suppress(StoreError, *DATABASE_ERRORS):
                if busy := list(self._busy.values()):
                    with self.open_session("end what waits") as session:
                        self._connector.end_waits(session, busy)

    @contextlib.contextmanager
    def _begun(self, *, writes: bool) -> Iterator[tuple[sa.Connection, sa.Transaction]]:
        """Give a connection whose transaction has begun; in SQLite a lock is waited for by that."""
        since = time.monotonic()
        engine = self._writer if writes else self._reader
        while True:
            try:
                connection, transaction = _connect(engine)
                break
            except sa.exc.DBAPIError as error:
                if self._connector.is_locked(error):
                    if self.patience.seconds_for_lock(writes=writes, since=since):
                        time.sleep(_PAUSE_SECONDS)
                        continue
                else:
                    self.patience.note_connection(succeeded=False)
                raise
        self.patience.note_connection(succeeded=True)
        self._busy[connection] = self._connector.session_id(connection.connection.dbapi_connection)
        try:
            yield connection, transaction
        finally:
            del self._busy[connection]

    def _begin(self, connection: sa.Connection) -> None:
        """Begin the transaction in a connection's own way."""
        statements: tuple[str, ...] = connection.get_execution_options().get("ingestify_begin", ("BEGIN",))
        if statements:
            seconds = self.patience.seconds_for_lock(writes=statements is self._connector.write_begin)
            if connection.info.get("ingestify_lock_seconds", self._connector.lock_seconds) != seconds:
                statements = (*self._connector.lock_wait(seconds), *statements)
                connection.info["ingestify_lock_seconds"] = seconds
        for statement in statements:
            connection.exec_driver_sql(statement)

    # ---- what goes wrong -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _translated(self, doing: str, refusal: type[StoreError] = StoreError, *, writes: bool) -> Iterator[None]:
        """Translate what the database raises inside into a `refusal`."""
        try:
            yield
        except DATABASE_ERRORS as error:
            refused = refusal_for(error, self.where, doing, refusal)
            if is_lock_timeout(error):
                self.patience.note_lock(writes=writes, was_had=False)
            elif self._version is not None and not isinstance(refused, LakeUnwritable) and not may_pass(error):
                # Tables of another shape refuse in many ways.
                with contextlib.suppress(*DATABASE_ERRORS), self._reader.connect() as connection:
                    self._refuse_other_version(connection)
            raise refused from error

    def guard_version(self, version_table: str, version: str) -> None:
        """Let nothing be committed to tables that have another version than this, from now on."""
        self._version = (version_table, version)

    def _refuse_other_version(self, connection: sa.Connection) -> None:
        """Refuse to commit if the tables were migrated.

        It is looked at last: what a transaction has touched, nobody alters before it ends, so that its version is that
        of what was written.
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
        if self._before_use is not None:
            self._before_use()


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
