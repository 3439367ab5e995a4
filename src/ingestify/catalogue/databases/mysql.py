"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import inspect
import json
import math
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connector import Connector
from ingestify.catalogue.databases.dialect import Dialect, quoted, select_version
from ingestify.catalogue.databases.server_options import ServerOptions, shown
from ingestify.clock import of_server
from ingestify.errors import ConfigurationError, MissingExtraError, StoreError

__all__ = ["MysqlConnector", "MysqlDialect"]

_SILENT_SECONDS = 120
"""The server closes a connection that is idle for so long; a connection with locks is used more often."""

LONGEST_KEY = 768
"""Characters; each counts as four of the 3,072 bytes that a key may have."""

MIGRATION_WAIT_SECONDS = 300
_VERSION_READS = 20
_LONGEST_TEXT = (1 << 32) - 1
VALUES_OF_A_PATTERN = 100
"""A regular expression has a largest size."""

_SSL_OPTIONS = {"ssl_capath", "ssl_cipher", "ssl_check_hostname"}
"""The options that SQLAlchemy turns into the driver's `ssl`, beside those that the driver itself knows."""


class MysqlConnector(Connector):
    """Implements `Connector`.

    Args:
        url: Parsed. Options that are not ingestify's are PyMySQL's: `ssl_ca`, `unix_socket`, …
    """

    dialect: MysqlDialect
    read_begin: tuple[str, ...] = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    # READ COMMITTED sees the commits of others after a wait for a lock, and locks no gaps between rows.
    write_begin: tuple[str, ...] = ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION")

    def __init__(self, url: sa.URL) -> None:
        self.where = shown(url)
        self.dialect = MysqlDialect()
        self._options, self._url = ServerOptions.take_from(url)
        self.lock_seconds = self._options.lock_timeout
        self._shortest_wait_seconds = 1  # MySQL's; MariaDB's is 0

    def make_engine(self, *, echo: bool) -> sa.Engine:
        """Return an engine whose driver begins no transaction by itself."""
        arguments: dict[str, Any] = {
            "autocommit": True,
            "charset": "utf8mb4",
            "connect_timeout": self._options.connect_timeout,
        }
        if self._options.statement_timeout is not None and "read_timeout" not in self._url.query:
            # For a server that does not respond in time.
            arguments["read_timeout"] = math.ceil(self._options.statement_timeout) + 10
        url = self._url.difference_update_query(["charset"])
        try:
            engine = sa.create_engine(url, echo=echo, connect_args=arguments, **self._options.pool())
            self._refuse_unknown_options(url)
        except ImportError as error:
            raise MissingExtraError("mysql", "A catalogue in MySQL or MariaDB") from error
        sa.event.listen(engine, "do_connect", _connect)
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
        """Check that the files for an encrypted connection can be read; the driver does not say which one cannot.

        Raises:
            ConfigurationError: A file cannot be read.
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

    def lock_wait(self, seconds: float) -> tuple[str, ...]:
        """Return the settings for rows and for tables, in whole seconds."""
        most = max(self._shortest_wait_seconds, math.ceil(seconds))
        return (f"SET SESSION innodb_lock_wait_timeout = {most}, SESSION lock_wait_timeout = {most}",)

    def session_id(self, connection: Any) -> int:
        """Return the id of the server's thread for the connection."""
        return int(connection.thread_id())

    def end_waits(self, connection: sa.Connection, session_ids: Collection[int]) -> None:
        """End the sessions whose statement has taken a second: ours take so long only when they wait for a lock.

        Only a user with the right PROCESS may see which of them do wait.
        """
        listed = sa.text(
            "SELECT id FROM information_schema.processlist WHERE command = 'Query' AND time >= 1 AND info <> 'COMMIT'"
        )
        for session_id in set(connection.scalars(listed)).intersection(session_ids):
            connection.exec_driver_sql(f"KILL {session_id}")

    def _prepare_connection(self, connection: Any, _record: object) -> None:
        version = connection.get_server_info()
        self.dialect.set_collation(version)
        lock_timeout = math.ceil(self._options.lock_timeout)
        settings = [
            f"collation_connection = '{self.dialect.collation}'",
            # Strict: a text that is too long is an error, not cut.
            "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
            f"innodb_lock_wait_timeout = {lock_timeout}",
            f"lock_wait_timeout = {lock_timeout}",
            # MariaDB cuts the text of JSON_ARRAYAGG there, and at max_allowed_packet; MySQL does not.
            f"group_concat_max_len = {_LONGEST_TEXT}",
            # So a machine that sleeps or has vanished does not keep its locks for eight hours.
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


class MysqlDialect(Dialect):
    """MySQL from 8.0.17 on, MariaDB from 10.5 on."""

    def __init__(self) -> None:
        self.collation = ""  # set by the first connection
        self._attribute_columns: frozenset[tuple[str, str]] = frozenset()

    def set_collation(self, server_version: str) -> None:
        """Choose the collation that tells all texts apart: "a" from "A", and from "a "."""
        # utf8mb4_bin, which both servers have, ignores spaces at the end.
        self.collation = "utf8mb4_nopad_bin" if "MariaDB" in server_version else "utf8mb4_0900_bin"

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column IN (…)`."""
        return column == values[0] if len(values) == 1 else column.in_(list(values))

    def contains(self, column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
        """Return `LIKE` of the text and the column in lower case, of which the database knows all letters."""
        return sa.func.lower(column, type_=sa.String()).contains(text.lower(), autoescape=True)

    def gather(self, columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str | None]:
        """Return `JSON_ARRAYAGG(JSON_ARRAY(…))`."""
        return sa.func.json_arrayagg(sa.func.json_array(*columns), type_=sa.Text())

    def attribute(self, identifier_key: sa.ColumnElement[str], key: str) -> sa.ColumnElement[Any]:
        """Return the value, compared as the columns of this lake are."""
        path = sa.literal(_path(key), sa.String())
        value = sa.func.json_unquote(sa.func.json_extract(identifier_key, path), type_=sa.String())
        return value.collate(self.collation)

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition, on the key's own column if `create_index` made one."""
        if not values:
            return sa.false()
        table = getattr(identifier_key, "table", None)
        name = _attribute_column(key)
        if table is not None and (table.name, name) in self._attribute_columns:
            return self.any_of(sa.column(name, sa.String(), _selectable=table), values)
        if not self.is_indexable(key):
            listed = range(0, len(values), VALUES_OF_A_PATTERN)
            text = identifier_key.collate(self.collation)
            return sa.or_(
                *(
                    text.op("REGEXP", is_comparison=True)(_pattern(key, values[start : start + VALUES_OF_A_PATTERN]))
                    for start in listed
                )
            )
        return self.any_of(self.attribute(identifier_key, key), values)

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a parameter: MySQL has no indexes with conditions."""
        return sa.literal(value, sa.String())

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return `concat(column, '')`, which no index matches."""
        return sa.func.concat(column, "", type_=column.type)

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Lock the one row of the version table; a lock by GET_LOCK would outlive the transaction."""
        connection.execute(select_version(version_table).with_for_update()).all()

    def wait_for_commits(self, connection: sa.Connection, version_table: str) -> None:
        """Lock the row of the log together with others who wait, for which the right to read is enough."""
        connection.execute(select_version(version_table).with_for_update(read=True)).all()

    def read_clock(self, connection: sa.Connection) -> dt.datetime:
        """Return the server's clock."""
        return of_server(connection.scalars(sa.select(sa.func.utc_timestamp(6))).one())

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take the lock by GET_LOCK."""
        return connection.scalar(sa.select(sa.func.get_lock(self._lock_name(connection, name), 0))) == 1

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Release the lock."""
        connection.scalar(sa.select(sa.func.release_lock(self._lock_name(connection, name))))

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any session has the lock."""
        return connection.scalar(sa.select(sa.func.is_used_lock(self._lock_name(connection, name)))) is not None

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return the version once nobody has the lock of `migrating`: in MySQL each ALTER TABLE commits."""
        name = self._lock_name(connection, f"tables of {version_table}")
        statement = select_version(version_table).add_columns(sa.func.is_used_lock(name))
        for _ in range(_VERSION_READS):
            version, migrating = connection.execute(statement).one()
            if migrating is None:
                return str(version)
            time.sleep(0.1)  # perhaps another process opens the lake, and only reads the version
        return None

    @contextlib.contextmanager
    def migrating(self, connection: sa.Connection, version_table: str) -> Iterator[None]:
        """Take a lock of the session: in MySQL, CREATE TABLE ends the transaction."""
        name = self._lock_name(connection, f"tables of {version_table}")
        got = connection.scalar(sa.select(sa.func.get_lock(name, MIGRATION_WAIT_SECONDS)))
        if got != 1:
            raise StoreError(
                f"Another process has been making or migrating the tables of {version_table} for "
                f"{MIGRATION_WAIT_SECONDS} seconds. Wait until it is done, or stop it, then run again."
            )
        try:
            yield
        finally:
            if not connection.invalidated:  # a lost connection has released it
                connection.scalar(sa.select(sa.func.release_lock(name)))

    def adapt(self, table: sa.Table) -> None:
        """Give the table InnoDB, a collation that tells all texts apart, and texts of more than 64 kB.

        An index on a text that is too long for a key is on its beginning.
        """
        from sqlalchemy.dialects.mysql import LONGTEXT  # other databases need not import it

        table.dialect_kwargs.update(mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate=self.collation)
        for column in table.columns:
            if isinstance(column.type, sa.Text):
                column.type = LONGTEXT()
        for index in table.indexes:
            lengths = {column.name: getattr(column.type, "length", None) or 0 for column in index.columns}
            index.dialect_kwargs["mysql_length"] = {name: 255 for name in lengths if lengths[name] > LONGEST_KEY}

    def load_attribute_columns(self, connection: sa.Connection, table: sa.Table) -> None:
        """Read which identifier keys have columns."""
        statement = sa.text(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = database() "
            "AND table_name = :table AND column_name LIKE 'attribute\\_%'"
        )
        names = connection.scalars(statement, {"table": table.name})
        self._attribute_columns = frozenset((table.name, name) for name in names)

    def is_indexable(self, key: str) -> bool:
        """Return whether the key can stand in a quoted JSON path as it is.

        MariaDB finds nothing by a path whose key begins with -, however it is written.
        """
        return json.dumps(key, ensure_ascii=False) == f'"{key}"' and not key.startswith("-")

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index on the column of one key.

        MySQL has no indexes with conditions, so the provider and the type are the first columns of the index, and one
        index serves all providers and types with this key.
        """
        return f"`{table.name}` (provider, dataset_type, {_attribute_column(key)})"

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make the index, and its column.

        The column is computed when it is read, and takes no space. It stays when the index is dropped, because another
        process may still use it.
        """
        self.load_attribute_columns(connection, table)
        column = _attribute_column(key)
        if (table.name, column) not in self._attribute_columns:
            self._execute(
                connection,
                f"ALTER TABLE `{table.name}` ADD COLUMN {column} VARCHAR(512) CHARACTER SET utf8mb4 "
                f"COLLATE {self.collation} GENERATED ALWAYS AS "
                f"(JSON_UNQUOTE(JSON_EXTRACT(identifier_key, {quoted(_path(key))}))) VIRTUAL",
            )
            self.load_attribute_columns(connection, table)
        self._execute(connection, f"CREATE INDEX `{name}` ON {body}")

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop the index."""
        self._execute(connection, f"DROP INDEX `{name}` ON `{table.name}`")

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes."""
        statement = sa.text(
            "SELECT DISTINCT index_name FROM information_schema.statistics "
            "WHERE table_schema = database() AND table_name = :table ORDER BY index_name"
        )
        return list(connection.scalars(statement, {"table": table.name}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE TABLE."""
        connection.exec_driver_sql(f"ANALYZE TABLE `{table.name}`").all()

    def find_maintenance(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return an ANALYZE TABLE of each table, if one with positions has far more rows than the server counted."""
        counted = sa.text(
            "SELECT table_name, table_rows FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name IN :names"
        ).bindparams(sa.bindparam("names", expanding=True))
        numbered = [table for table in tables if "position" in table.primary_key.columns]
        rows = connection.execute(counted, {"names": [table.name for table in numbered]}).all()
        known: dict[str, int | None] = {row[0]: row[1] for row in rows}
        for table in numbered:
            position = table.c.position
            # The oldest rows of a log may have been removed.
            span = connection.scalar(sa.select(sa.func.max(position) - sa.func.min(position))) or 0
            if span > (known.get(table.name) or 0) * 1.33 + 1000:
                return [f"ANALYZE TABLE `{each.name}`" for each in tables]
        return []

    def _execute(self, connection: sa.Connection, statement: str) -> None:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _lock_name(self, connection: sa.Connection, what: str) -> str:
        """Return a name for GET_LOCK. Its names belong to the whole server, and have 64 characters at most."""
        database = connection.scalar(sa.select(sa.func.database()))
        return f"ingestify_{hashlib.sha256(f'{database}/{what}'.encode()).hexdigest()[:40]}"


def _connect(_dialect: object, _record: object, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    return _connection_type()(*arguments, **options)


@functools.cache
def _connection_type() -> type[Any]:
    """Return PyMySQL's connection, but without 25 ms of CPU for each.

    So long it takes to read the authorities of the machine. Without an option for TLS, they are compared with nothing.
    """
    import ssl  # only a server's catalogue needs it

    from pymysql.connections import Connection

    class QuickConnection(Connection):
        def _create_ssl_ctx(self, sslp: Any) -> Any:
            if sslp:
                return super()._create_ssl_ctx(sslp)  # type: ignore[misc]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context

    return QuickConnection


def _attribute_column(key: str) -> str:
    return f"attribute_{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _pattern(key: str, values: Sequence[str]) -> str:
    """Return a regular expression that walks the pairs of a canonical identifier up to one with this key and value."""
    text = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    wanted = "|".join(_literal(value) for value in values)
    return rf"^\{{(?:{text}:{text},)*{_literal(key)}:(?:{wanted})[,}}]"


def _literal(text: str) -> str:
    return re.escape(json.dumps(text, ensure_ascii=False))


def _path(key: str) -> str:
    return f"$.{json.dumps(key, ensure_ascii=False)}"
