"""The SQL in which kinds of databases differ."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from ingestify.clock import now

__all__ = ["BulkStatement", "Dialect", "in_any_case", "quoted", "select_last_position", "select_version"]


class BulkStatement:
    """An INSERT or UPDATE that is compiled at its first use, and then given to the driver with plain rows.

    SQLAlchemy's own execution of many rows converts each value of each row, which was a fifth of the time of a commit.
    These rows hold only texts and whole numbers, which drivers take as they are.

    Args:
        statement: Its parameters are the keys of the rows.
        dialect: SQLAlchemy's dialect of the engine.
        columns: The keys, for an INSERT; None for a statement that names its parameters itself.
    """

    def __init__(
        self, statement: sa.Insert | sa.Update, dialect: sa.Dialect, columns: Sequence[str] | None = None
    ) -> None:
        self._statement = statement
        self._dialect = dialect
        self._columns = None if columns is None else list(columns)

    @functools.cached_property
    def _compiled(self) -> tuple[str, Callable[[Mapping[str, Any]], Any] | None]:
        """The SQL, and what puts a row's values in order, where the driver wants that."""
        compiled = self._statement.compile(dialect=self._dialect, column_keys=self._columns)
        names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        return str(compiled), operator.itemgetter(*names) if names else None

    def execute(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement for each of `rows`, which all have the same keys."""
        if rows:
            sql, in_order = self._compiled
            values: Any = rows if in_order is None else list(map(in_order, rows))
            connection.exec_driver_sql(sql, values)


class Dialect(ABC):
    """The SQL of one kind of database. Safe to use from any thread.

    Attributes:
        has_one_writer: Whether a transaction that writes excludes all others that write, from its beginning to its end.
        tables_version: The version of the tables; empty: unknown.
    """

    has_one_writer = False
    tables_version = ""

    def is_older_than(self, version: str) -> bool:
        """Whether the tables are of an older version, as those of an archive that nobody may migrate."""
        return "" < self.tables_version < version

    @abstractmethod
    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return the condition that a column has one of `values`, of which there may be a thousand."""

    @abstractmethod
    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition that the identifier has `key`, with one of the canonical `values`."""

    @abstractmethod
    def attribute(self, identifier_key: sa.ColumnElement[str], key: str) -> sa.ColumnElement[Any]:
        """Return the canonical value of a key that can have an index (`is_indexable`); NULL: there is none."""

    @abstractmethod
    def contains(self, column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
        """Return the condition that a column has a text somewhere, whatever the case of its letters."""

    @abstractmethod
    def gather(self, columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str | None]:
        """Return the aggregate of rows as one text: a JSON array with an array of each row's values, in no order.

        Without a row it is NULL or empty.
        """

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a value in the form in which the database can match it with the condition of an index."""
        return sa.literal(value, sa.String(), literal_execute=True)

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return a column for which the database uses no index, so that it reads rows in the order of their positions.

        A planner that counts values needs no such hint.
        """
        return column

    # ---- locks -----------------------------------------------------------------------------------------

    def lock_rows(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Keep other writers from the rows whose `column`, which is unique, has one of `values`, up to the commit.

        All writers lock rows in the order of the column, so that two of them do not wait for each other.
        """
        if values:
            rows = sa.select(column).where(self.any_of(column, values))
            connection.execute(rows.order_by(column).with_for_update()).all()

    @abstractmethod
    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Keep other writers from the event log up to the commit, so that positions follow the commits.

        Args:
            connection: In a transaction.
            version_table: The lake's table that has one row.
        """

    def begin_commit(self, connection: sa.Connection, version_table: str) -> None:
        """Let `wait_for_commits` wait for the end of this transaction. Where nothing better is, the log is locked."""
        self.lock_log(connection, version_table)

    def wait_for_commits(self, connection: sa.Connection, version_table: str) -> None:
        """Wait until no commit goes on that has begun, also in a transaction that only reads."""
        self.lock_log(connection, version_table)

    def read_clock(self, connection: sa.Connection) -> dt.datetime:
        """Return the moment by the clock that all writers share: on a server, its own."""
        return now()

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order, while nobody else does. Returns their positions."""
        # A server with several writers may count by twos. What is behind the last position was inserted here.
        position = table.c.position
        before = connection.scalar(select_last_position(table)) or 0
        insert.execute(connection, rows)
        return list(connection.scalars(sa.select(position).where(position > before).order_by(position)))

    def count_on(self, connection: sa.Connection, table: sa.Table) -> None:  # noqa: B027 - only PostgreSQL's do not
        """Let the positions of a table count on behind the last one, after rows were inserted with positions."""

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take the lock of that name until the connection ends or releases it. Never waits.

        A connection may take one twice; then it has to release it twice. Locks of two databases are independent.
        SQLite has no sessions, so it has no such locks.
        """
        raise NotImplementedError

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Release a lock. Harmless when this connection does not have it."""
        raise NotImplementedError

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any connection has a lock."""
        raise NotImplementedError

    # ---- tables and indexes ----------------------------------------------------------------------------

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return the version of the lake's tables; None while another process migrates them step by step."""
        version: str | None = connection.scalar(select_version(version_table))
        return version

    def migrating(self, connection: sa.Connection, version_table: str) -> AbstractContextManager[None]:
        """Keep other processes from making or migrating the same lake's tables."""
        return contextlib.nullcontext()

    def adapt(self, table: sa.Table) -> None:  # noqa: B027 - most databases need nothing
        """Give a table that is about to be made what this kind of database needs to keep texts whole and apart."""

    def load_attribute_columns(self, connection: sa.Connection, table: sa.Table) -> None:  # noqa: B027 - only MySQL's
        """Read which columns `create_index` made, for the conditions that can use them."""

    @abstractmethod
    def is_indexable(self, key: str) -> bool:
        """Return whether an index on an identifier's key can be made."""

    @abstractmethod
    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return the definition of an index on an identifier's key: the part of CREATE INDEX that follows ON."""

    @abstractmethod
    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make the index on an identifier's key that `body` defines."""

    @abstractmethod
    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop an index."""

    @abstractmethod
    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes; SQLAlchemy's reflection leaves out those on expressions."""

    @abstractmethod
    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Update the statistics that the planner has of a table, and of the values of its indexes."""

    @abstractmethod
    def find_maintenance(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return the statements that are due: a table grew much since its statistics, or space is free.

        Cheap; mostly there are none.
        """


@functools.lru_cache(maxsize=8)  # each commit asks for it
def select_last_position(table: sa.Table) -> sa.Select[Any]:
    """Return the query for the last position of a table; NULL if it is empty."""
    return sa.select(sa.func.max(table.c.position))


@functools.lru_cache(maxsize=8)  # it is read at the end of each transaction that writes
def select_version(version_table: str) -> sa.Select[Any]:
    """Return the query for the version of a lake's tables."""
    return sa.select(sa.column("version_num", sa.String())).select_from(sa.table(version_table))


def in_any_case(text: str, escaped: Callable[[str], str]) -> str:
    """Return a pattern for a text, in which each letter is a class of both cases: no database knows them all.

    Args:
        text: The text.
        escaped: Returns the pattern of a character that has no case.
    """
    both = ({char, char.lower(), char.upper()} for char in text)
    # A few letters have no single one of the other case, such as ß.
    classes = (sorted(one for one in some if len(one) == 1) for some in both)
    return "".join(f"[{''.join(some)}]" if len(some) > 1 else escaped(some[0]) for some in classes)


def quoted(text: str) -> str:
    """Return standard SQL's literal of a text."""
    return "'" + text.replace("'", "''") + "'"
