"""PostgreSQL, through psycopg 3."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connector import Connector
from ingestify.catalogue.databases.dialect import Dialect, in_any_case, quoted
from ingestify.catalogue.databases.server_options import ServerOptions, shown
from ingestify.clock import of_server
from ingestify.errors import ConfigurationError, MissingExtraError

__all__ = ["PostgresqlConnector", "PostgresqlDialect"]

# A peer that has vanished is given up after about a minute; Linux's default is two hours. The names are libpq's.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

# The same on the server: a machine of ours that has vanished does not keep its locks for two hours.
_SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# A prepared statement is planned without its values: then a thousand identifiers are compared one by one with each row
# of a table that was not analysed yet. Planned with its values, it looks them up by a hash.
_PLANNING = {"plan_cache_mode": "force_custom_plan"}


_AS_IT_STANDS = {"no_parameters": True}
"""For statements with literals in them, in which a % is a %."""


class PostgresqlConnector(Connector):
    """Implements `Connector`.

    Args:
        url: Parsed. Options that are not ingestify's are libpq's: `sslmode`, `sslrootcert`, `options`, …
    """

    read_begin: tuple[str, ...] = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    # Not READ WRITE: a standby's error for that is less clear than the one for the first statement that writes.
    write_begin: tuple[str, ...] = ("BEGIN ISOLATION LEVEL READ COMMITTED",)

    def __init__(self, url: sa.URL) -> None:
        self.where = shown(url)
        self.dialect = PostgresqlDialect()
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
        except ImportError as error:  # also if psycopg lacks its C library
            raise MissingExtraError("postgres", "A catalogue in PostgreSQL") from error
        sa.event.listen(engine, "connect", self._prepare_connection)
        return engine

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return SET lock_timeout, for which 0 means no limit."""
        return (f"SET lock_timeout = {max(1, round(seconds * 1000))}",)

    def session_id(self, connection: Any) -> int:
        """Return the id of the server's process for the connection."""
        return int(connection.info.backend_pid)

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """Terminate the sessions: a cancelled statement looks like one that took too long."""
        waiting = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND usename = current_user AND pid = ANY (:ids)"
        )
        connection.execute(waiting, {"ids": list(session_ids)}).all()

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
    """Return after how many uses a statement is prepared; None: never, for a pooler that keeps no statements."""
    if text.lower() == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"metadata_url: prepare_threshold is '{text}'; it is a whole number, or none.")
    return int(text)


class PostgresqlDialect(Dialect):
    """PostgreSQL, from 13 on, with a database in UTF-8."""

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column = ANY (…)` with all values in one array: one statement, however many there are."""
        if len(values) == 1:
            return column == values[0]
        # The parameter has no type, so PostgreSQL reads it as an array once. A text would become an array anew for each
        # row that is compared, which may be all rows of a table without statistics.
        return column == sa.any_(sa.cast(sa.literal(_array(values), sa.types.NULLTYPE), sa.ARRAY(sa.Text())))

    def contains(self, column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
        """Return a regular expression: which letters `lower` knows depends on the locale of the database."""
        pattern = in_any_case(
            text, lambda char: char if char.isalnum() else f"[{char}]" if char not in "^\\" else f"\\{char}"
        )
        return column.regexp_match(pattern)

    def gather(self, columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str | None]:
        """Return `json_agg(json_build_array(…))` as a text, which the driver would decode otherwise."""
        return sa.cast(sa.func.json_agg(sa.func.json_build_array(*columns)), sa.Text())

    def attribute(self, identifier_key: sa.ColumnElement[str], key: str) -> sa.ColumnElement[Any]:
        """Return the value, by the expression of the key's index."""
        name = sa.literal(key, sa.String(), literal_execute=True)
        return sa.cast(identifier_key, sa.JSON()).op("->>", return_type=sa.String())(name)

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition, with the expression of the key's index."""
        if not values:
            return sa.false()
        return self.any_of(self.attribute(identifier_key, key), values)

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Take a lock of the transaction, which costs no write and needs no right."""
        self._lock(connection, f"event log of {version_table}")

    def begin_commit(self, connection: sa.Connection, version_table: str) -> None:
        """Take a lock together with other commits, which write their rows side by side."""
        self._lock(connection, f"commits of {version_table}", shared=True)

    def wait_for_commits(self, connection: sa.Connection, version_table: str) -> None:
        """Take that lock alone. A commit that begins meanwhile waits."""
        self._lock(connection, f"commits of {version_table}")

    def read_clock(self, connection: sa.Connection) -> dt.datetime:
        """Return the server's clock; `now()` would be the beginning of the transaction."""
        return of_server(connection.scalars(sa.select(sa.func.clock_timestamp())).one())

    def count_on(self, connection: sa.Connection, table: sa.Table) -> None:
        """Set the sequence, which does not notice positions that were given."""
        sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', "position")
        connection.execute(
            sa.select(sa.func.setval(sequence, sa.select(sa.func.max(table.c.position)).scalar_subquery()))
        )

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take an advisory lock of the session."""
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self._session_key(connection, name)))))

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Release the lock."""
        connection.scalar(sa.select(sa.func.pg_advisory_unlock(self._session_key(connection, name))))

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any session has the lock."""
        key = self._session_key(connection, name) % 2**64
        statement = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid = CAST(:high AS oid) AND objid = CAST(:low AS oid)"
        )
        halves = {"high": str(key >> 32), "low": str(key % 2**32)}
        return bool(connection.scalar(statement, halves))

    def _session_key(self, connection: sa.Connection, name: str) -> int:
        """Return 64 bits of a hash: with a billion names, two are the same with a chance of one in thirty."""
        schema = connection.scalar(sa.select(sa.func.current_schema()))
        return int.from_bytes(hashlib.sha256(f"{schema}/{name}".encode()).digest()[:8], signed=True)

    @contextlib.contextmanager
    def migrating(self, connection: sa.Connection, version_table: str) -> Iterator[None]:
        """Take a lock that ends with the transaction, in which the tables are made."""
        self._lock(connection, f"tables of {version_table}")
        yield

    def is_indexable(self, key: str) -> bool:
        """Return whether the key holds no NUL."""
        return "\0" not in key

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index on one key, of the datasets of one provider and type."""
        name, *values = (quoted(text) for text in (key, provider, dataset_type))
        return (
            f'"{table.name}" ((CAST(identifier_key AS JSON) ->> {name})) '
            f"WHERE provider = {values[0]} AND dataset_type = {values[1]}"
        )

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make the index."""
        connection.exec_driver_sql(f'CREATE INDEX "{name}" ON {body}', execution_options=_AS_IT_STANDS)

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop the index."""
        connection.exec_driver_sql(f'DROP INDEX "{name}"')

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes."""
        statement = sa.text(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(:table) ORDER BY c.relname"
        )
        return list(connection.scalars(statement, {"table": f'"{table.name}"'}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE for one table, which also counts the values of its indexes on expressions."""
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')

    def find_maintenance(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return an ANALYZE of each table that grew by a third since the last one, also since the server's own.

        The server itself runs one a minute later at the earliest, and none if autovacuum is off.
        """
        statement = sa.text(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r' "
            "AND relname = ANY(:names) AND pg_relation_size(oid) / current_setting('block_size')::int > "
            "relpages * 1.33 + 8"
        )
        grown = connection.scalars(statement, {"names": [table.name for table in tables]})
        return [f'ANALYZE "{name}"' for name in sorted(grown)]

    def _lock(self, connection: sa.Connection, what: str, *, shared: bool = False) -> None:
        # The lakes of two schemas have tables of the same names.
        schema = sa.func.current_schema()
        key = int.from_bytes(hashlib.sha256(what.encode()).digest()[:4], signed=True)
        take = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(take(sa.func.hashtext(schema), key)))


def _array(values: Sequence[str]) -> str:
    """Return values as PostgreSQL writes an array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.

    psycopg does the same with two regular expressions for each value: a sixth of the time of a run without changes.
    """
    kept = [value for value in values if "\0" not in value]  # no column has a NUL, so nothing equals it
    if not kept:
        return "{}"
    text = "\0".join(kept).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{text}"}}'
