"""PostgreSQL's own words."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.bulk import BulkStatement
from ingestify.catalogue.databases.dialect import hold_in_order, positions_after, quoted, select_version

__all__ = ["PostgresqlDialect"]

_AS_IT_STANDS = {"no_parameters": True}
"""For statements with literals in them: a % is a %."""


def _array(values: Sequence[str]) -> str:
    """Return values as PostgreSQL writes an array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.

    psycopg does the same with two regular expressions for each value, which took a sixth of a run that changes nothing.
    """
    kept = [value for value in values if "\0" not in value]  # no column has a NUL, so nothing equals it
    if not kept:
        return "{}"
    text = "\0".join(kept).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{text}"}}'


class PostgresqlDialect:
    """PostgreSQL, from 13 on, with a database in UTF-8."""

    has_one_writer = False

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column = ANY (…)` with all values in one array: one statement, however many there are."""
        if len(values) == 1:
            return column == values[0]
        # The parameter is of no type, so that it is the array itself: one of text would be made an array anew for each
        # row that is looked at, which are all where the planner knows nothing of the table.
        return column == sa.any_(sa.cast(sa.literal(_array(values), sa.types.NULLTYPE), sa.ARRAY(sa.Text())))

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition, in the words of the key's index."""
        if not values:
            return sa.false()
        name = sa.literal(key, sa.String(), literal_execute=True)
        return self.any_of(sa.cast(identifier_key, sa.JSON()).op("->>", return_type=sa.String())(name), values)

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a literal: the plan of a prepared statement is made without knowing its parameters."""
        return sa.literal(value, sa.String(), literal_execute=True)

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return the column: the planner counts values, and goes along the positions by itself if it wants most rows.

        With `column || ''` it would expect few rows, and sort them all for each page.
        """
        return column

    def hold(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Lock the rows in the order of the column."""
        if values:
            hold_in_order(connection, column, self.any_of(column, values))

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Take a lock of the transaction's, which costs no write and asks for no right."""
        self._lock(connection, f"event log of {version_table}")

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns the positions they got."""
        return positions_after(connection, table, insert, rows)

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take an advisory lock of the session's."""
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self._session_key(connection, name)))))

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Let go of it."""
        connection.scalar(sa.select(sa.func.pg_advisory_unlock(self._session_key(connection, name))))

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any session has it."""
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

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return it; a migration is one transaction."""
        version: str | None = connection.scalar(select_version(version_table))
        return version

    @contextlib.contextmanager
    def migrating(self, connection: sa.Connection, version_table: str) -> Iterator[None]:
        """Take a lock that ends with the transaction, in which the tables are made."""
        self._lock(connection, f"tables of {version_table}")
        yield

    def adapt(self, table: sa.Table) -> None:
        """Do nothing: texts are compared by their bytes, and have no limit but the columns' own."""

    def learn(self, connection: sa.Connection, table: sa.Table) -> None:
        """Do nothing: it finds an index by the words of a condition."""

    def is_indexable(self, key: str) -> bool:
        """Return True; no identifier's key holds a NUL."""
        return "\0" not in key

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index over one attribute, of the datasets of one provider and type."""
        name, *values = (quoted(text) for text in (key, provider, dataset_type))
        return (
            f'"{table.name}" ((CAST(identifier_key AS JSON) ->> {name})) '
            f"WHERE provider = {values[0]} AND dataset_type = {values[1]}"
        )

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make it."""
        connection.exec_driver_sql(f'CREATE INDEX "{name}" ON {body}', execution_options=_AS_IT_STANDS)

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop it."""
        connection.exec_driver_sql(f'DROP INDEX "{name}"')

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes."""
        statement = sa.text(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(:table) ORDER BY c.relname"
        )
        return list(connection.scalars(statement, {"table": f'"{table.name}"'}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE for one table; it is also how the values of an expression's index are counted."""
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')

    def find_upkeep(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return an ANALYZE of each table that grew by a third since the last one, of the server's own too.

        The server itself comes to it a minute later at the earliest, and not at all where autovacuum is off.
        """
        statement = sa.text(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r' "
            "AND relname = ANY(:names) AND pg_relation_size(oid) / current_setting('block_size')::int > "
            "relpages * 1.33 + 8"
        )
        grown = connection.scalars(statement, {"names": [table.name for table in tables]})
        return [f'ANALYZE "{name}"' for name in sorted(grown)]

    def _lock(self, connection: sa.Connection, what: str) -> None:
        # The lakes of two schemas have tables of the same names.
        schema = sa.func.current_schema()
        key = int.from_bytes(hashlib.sha256(what.encode()).digest()[:4], signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(schema), key)))
