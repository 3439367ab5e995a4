"""PostgreSQL, through psycopg 3."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.databases.postgresql_dialect import PostgresqlDialect
from ingestify.catalogue.databases.server_options import ServerOptions, shown
from ingestify.errors import ConfigurationError, MissingExtraError

__all__ = ["PostgresqlConnector"]

# A peer that is silently gone is given up after about a minute; Linux alone takes two hours to ask. libpq's own names.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

# The same, of the server's side: a machine of ours that is silently gone does not keep its locks for two hours.
_SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# The plan of a prepared statement is made without its values: a thousand identifiers would be compared one by one with
# each row of a table that was not analysed yet. Planned with them, they are looked up by a hash.
_PLANNING = {"plan_cache_mode": "force_custom_plan"}


class PostgresqlConnector:
    """Implements `Connector`.

    Args:
        url: Parsed. What is not ours behind its `?` is libpq's: `sslmode`, `sslrootcert`, `options`, …
    """

    path: Path | None = None
    is_read_only = False
    is_one_connection = False
    read_begin: tuple[str, ...] = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    # Not READ WRITE: a standby refuses that with less clear words than the first statement that writes.
    write_begin: tuple[str, ...] = ("BEGIN ISOLATION LEVEL READ COMMITTED",)
    read_lock: AbstractContextManager[Any] = contextlib.nullcontext()
    write_lock: AbstractContextManager[Any] = contextlib.nullcontext()

    def __init__(self, url: sa.URL) -> None:
        self.where = shown(url)
        self.dialect: Dialect = PostgresqlDialect()
        self._options, self._url = ServerOptions.take_from(url)
        self.lock_seconds = self._options.lock_timeout

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself."""
        arguments: dict[str, Any] = {
            "autocommit": True,
            "connect_timeout": self._options.connect_timeout,
            **{name: value for name, value in _KEEPALIVE.items() if name not in self._url.query},
        }
        url = self._url
        if "application_name" not in url.query:
            arguments["application_name"] = "ingestify"
        if "prepare_threshold" in url.query:
            arguments["prepare_threshold"] = _threshold(str(url.query["prepare_threshold"]))
            url = url.difference_update_query(["prepare_threshold"])
        try:
            engine = sa.create_engine(
                url, echo=echo, connect_args=arguments, use_native_hstore=False, **self._options.pool()
            )
        except ImportError as error:  # also where psycopg is there without its C library
            raise MissingExtraError("postgres", "A catalogue in PostgreSQL") from error
        sa.event.listen(engine, "connect", self._prepare_connection)
        return engine

    def prepare(self, engine: sa.Engine) -> None:
        """Do nothing."""

    def reading(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Do nothing: what a transaction reads is of one moment."""
        return contextlib.nullcontext()

    def is_locked(self, error: BaseException) -> bool:
        """Return False: the server waits."""
        return False

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return SET lock_timeout, where 0 would be for ever."""
        return (f"SET lock_timeout = {max(1, round(seconds * 1000))}",)

    def session_id(self, connection: Any) -> int:
        """Return the process that serves it."""
        return int(connection.info.backend_pid)

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """Terminate them: what is only cancelled looks like a statement that took too long."""
        waiting = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND usename = current_user AND pid = ANY (:ids)"
        )
        connection.execute(waiting, {"ids": list(session_ids)}).all()

    def before_commit(self) -> None:
        """Do nothing: the server keeps what is its own."""

    def _prepare_connection(self, connection: Any, _record: object) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise ConfigurationError(
                f"metadata_url: the database {self.where} has the encoding {encoding}, which cannot keep every name. "
                f"Make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it."
            )
        options = self._options
        limits = {
            "lock_timeout": options.lock_timeout,
            "statement_timeout": options.statement_timeout,
            "idle_in_transaction_session_timeout": options.idle_timeout,
        }
        settings = {name: round(seconds * 1000) for name, seconds in limits.items() if seconds is not None}
        listed = ", ".join(
            f"set_config('{name}', '{value}', false)"
            for name, value in {**settings, **_SERVER_KEEPALIVE, **_PLANNING}.items()
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {listed}")


def _threshold(text: str) -> int | None:
    """Return after how many times a statement is prepared; None: never, for a pooler that keeps no statements."""
    if text.lower() == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"metadata_url: prepare_threshold is '{text}'; it is a whole number, or none.")
    return int(text)
