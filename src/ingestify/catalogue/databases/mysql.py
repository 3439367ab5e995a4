"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.databases.mysql_dialect import MysqlDialect
from ingestify.catalogue.databases.server_options import ServerOptions, shown
from ingestify.errors import ConfigurationError, MissingExtraError

__all__ = ["MysqlConnector"]

_SILENT_SECONDS = 120
"""After so long the server closes a connection that says nothing; one with locks says something more often."""

_SSL_OPTIONS = {"ssl_capath", "ssl_cipher", "ssl_check_hostname"}
"""Those that SQLAlchemy makes the driver's `ssl` of, besides what the driver itself knows."""


class MysqlConnector:
    """Implements `Connector`.

    Args:
        url: Parsed. What is not ours behind its `?` is PyMySQL's: `ssl_ca`, `unix_socket`, …
    """

    path: Path | None = None
    is_read_only = False
    is_one_connection = False
    read_begin: tuple[str, ...] = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    # READ COMMITTED sees what others committed while a lock was waited for, and locks no gaps between rows.
    write_begin: tuple[str, ...] = ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION")
    read_lock: AbstractContextManager[Any] = contextlib.nullcontext()
    write_lock: AbstractContextManager[Any] = contextlib.nullcontext()

    def __init__(self, url: sa.URL) -> None:
        self.where = shown(url)
        self._words = MysqlDialect()
        self.dialect: Dialect = self._words
        self._options, self._url = ServerOptions.take_from(url)
        self.lock_seconds = self._options.lock_timeout
        self._shortest_wait_seconds = 1  # which is MySQL's; MariaDB need not wait at all

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself."""
        arguments: dict[str, Any] = {
            "autocommit": True,
            "charset": "utf8mb4",
            "connect_timeout": self._options.connect_timeout,
        }
        if self._options.statement_timeout is not None and "read_timeout" not in self._url.query:
            # Where the server itself does not answer in time.
            arguments["read_timeout"] = math.ceil(self._options.statement_timeout) + 10
        url = self._url.difference_update_query(["charset"])
        try:
            engine = sa.create_engine(url, echo=echo, connect_args=arguments, **self._options.pool())
            self._refuse_unknown_options(url)
        except ImportError as error:
            raise MissingExtraError("mysql", "A catalogue in MySQL or MariaDB") from error
        sa.event.listen(engine, "connect", self._prepare_connection)
        return engine

    def _refuse_unknown_options(self, url: sa.URL) -> None:
        from pymysql.connections import Connection

        known = set(inspect.signature(Connection.__init__).parameters) - {"self"} | _SSL_OPTIONS
        if unknown := [name for name in url.query if name not in known]:
            raise ConfigurationError(
                f"metadata_url: MySQL's driver knows no option {', '.join(unknown)}. For an encrypted connection, "
                f"write ?ssl_ca=/path/to/authorities.pem."
            )

    def prepare(self, engine: sa.Engine) -> None:
        """Look whether the files for an encrypted connection can be read; the driver does not say which one cannot.

        Raises:
            ConfigurationError: One cannot.
        """
        import ssl  # only a server's catalogue needs it

        for name in ("ssl_ca", "ssl_cert", "ssl_key"):
            path = self._url.query.get(name)
            if path is None:
                continue
            try:
                if name == "ssl_ca":
                    ssl.create_default_context(cafile=str(path))
                else:
                    Path(str(path)).read_bytes()
            except OSError as error:  # ssl.SSLError is one, too
                why = error.strerror or error
                raise ConfigurationError(
                    f"metadata_url: {name} is '{path}', which is no PEM file that can be read: {why}."
                ) from error

    def reading(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Do nothing: what a transaction reads is of one moment."""
        return contextlib.nullcontext()

    def is_locked(self, error: BaseException) -> bool:
        """Return False: the server waits."""
        return False

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return the settings for rows and for tables, in whole seconds."""
        most = max(self._shortest_wait_seconds, math.ceil(seconds))
        return (f"SET SESSION innodb_lock_wait_timeout = {most}, SESSION lock_wait_timeout = {most}",)

    def session_id(self, connection: Any) -> int:
        """Return the thread that serves it."""
        return int(connection.thread_id())

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """End those whose statement has taken a second: ours take that long when they wait.

        Which of them do, only a user with the right PROCESS may see.
        """
        listed = sa.text(
            "SELECT id FROM information_schema.processlist WHERE command = 'Query' AND time >= 1 AND info <> 'COMMIT'"
        )
        for session_id in set(connection.scalars(listed)).intersection(session_ids):
            connection.exec_driver_sql(f"KILL {session_id}")

    def before_commit(self) -> None:
        """Do nothing: the server keeps what is its own."""

    def _prepare_connection(self, connection: Any, _record: object) -> None:
        version = connection.get_server_info()
        self._words.be_on(version)
        lock_timeout = math.ceil(self._options.lock_timeout)
        settings = [
            f"collation_connection = '{self._words.collation}'",
            # Strict: a text that is too long is an error, not cut.
            "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
            f"innodb_lock_wait_timeout = {lock_timeout}",
            f"lock_wait_timeout = {lock_timeout}",
            # A machine that sleeps, or is silently gone, does not keep its locks for eight hours.
            f"wait_timeout = {_SILENT_SECONDS}",
        ]
        if "MariaDB" in version:
            self._shortest_wait_seconds = 0
            settings.append(f"idle_transaction_timeout = {math.ceil(self._options.idle_timeout)}")
        if self._options.statement_timeout is not None:
            settings.append(
                f"max_statement_time = {self._options.statement_timeout}"
                if "MariaDB" in version
                else f"max_execution_time = {round(self._options.statement_timeout * 1000)}"
            )
        cursor = connection.cursor()
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(f"SET SESSION {', SESSION '.join(settings)}")
        cursor.close()
