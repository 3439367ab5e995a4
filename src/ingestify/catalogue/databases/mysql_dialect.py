"""MySQL's and MariaDB's own words."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.bulk import BulkStatement
from ingestify.catalogue.databases.dialect import hold_in_order, positions_after, quoted, select_version
from ingestify.errors import StoreError

__all__ = ["MysqlDialect"]

MIGRATION_WAIT_SECONDS = 300
_LOOKS_AT_VERSION = 20
VALUES_OF_A_PATTERN = 100
"""A regular expression has a largest size."""


class MysqlDialect:
    """MySQL from 8.0.17 on, MariaDB from 10.5 on."""

    has_one_writer = False

    def __init__(self) -> None:
        self.collation = ""  # set by the first connection
        self._attribute_columns: frozenset[tuple[str, str]] = frozenset()

    def be_on(self, server_version: str) -> None:
        """Take the collation that tells all texts apart: "a" from "A", and from "a "."""
        # utf8mb4_bin, which both have, does not see spaces at the end.
        self.collation = "utf8mb4_nopad_bin" if "MariaDB" in server_version else "utf8mb4_0900_bin"

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column IN (…)`."""
        return column == values[0] if len(values) == 1 else column.in_(list(values))

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition, on the key's own column where `create_index` made one."""
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
        path = sa.literal(_path(key), sa.String())
        value = sa.func.json_unquote(sa.func.json_extract(identifier_key, path), type_=sa.String())
        return self.any_of(value.collate(self.collation), values)

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a parameter: there are no indexes with conditions."""
        return sa.literal(value, sa.String())

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return `concat(column, '')`."""
        return sa.func.concat(column, "", type_=column.type)

    def hold(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Lock the rows in the order of the column."""
        if values:
            hold_in_order(connection, column, self.any_of(column, values))

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Lock the one row of the version table: GET_LOCK would outlive the transaction."""
        connection.execute(select_version(version_table).with_for_update()).all()

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns the positions they got."""
        return positions_after(connection, table, insert, rows)

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take it by GET_LOCK."""
        return connection.scalar(sa.select(sa.func.get_lock(self._lock_name(connection, name), 0))) == 1

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Let go of it."""
        connection.scalar(sa.select(sa.func.release_lock(self._lock_name(connection, name))))

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any session has it."""
        return connection.scalar(sa.select(sa.func.is_used_lock(self._lock_name(connection, name)))) is not None

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return it, when nobody has the lock of `migrating`: each table that is altered is a commit of its own."""
        name = self._lock_name(connection, f"tables of {version_table}")
        statement = select_version(version_table).add_columns(sa.func.is_used_lock(name))
        for _ in range(_LOOKS_AT_VERSION):
            version, migrating = connection.execute(statement).one()
            if migrating is None:
                return str(version)
            time.sleep(0.1)  # perhaps another process, that opens the lake, only looks
        return None

    @contextlib.contextmanager
    def migrating(self, connection: sa.Connection, version_table: str) -> Iterator[None]:
        """Take a lock of the session's: making a table ends the transaction."""
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
            if not connection.invalidated:  # a connection that is lost has let go of it
                connection.scalar(sa.select(sa.func.release_lock(name)))

    def adapt(self, table: sa.Table) -> None:
        """Give it InnoDB, a collation that tells all texts apart, and texts of more than 64 kB."""
        from sqlalchemy.dialects.mysql import LONGTEXT  # a lake in SQLite need not pay for it

        table.dialect_kwargs.update(mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate=self.collation)
        for column in table.columns:
            if isinstance(column.type, sa.Text):
                column.type = LONGTEXT()

    def learn(self, connection: sa.Connection, table: sa.Table) -> None:
        """Look which attributes have columns."""
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
        """Return an index over the column of one attribute.

        There are no indexes with conditions, so it has the provider and the type as its first columns, and those of
        another provider with the same key are the same index.
        """
        return f"`{table.name}` (provider, dataset_type, {_attribute_column(key)})"

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make it, and the column that it is on.

        The column is computed when it is read, and stays when the index is dropped: a process that has seen it may
        still ask for it, and it takes no space.
        """
        self.learn(connection, table)
        column = _attribute_column(key)
        if (table.name, column) not in self._attribute_columns:
            self._execute(
                connection,
                f"ALTER TABLE `{table.name}` ADD COLUMN {column} VARCHAR(512) CHARACTER SET utf8mb4 "
                f"COLLATE {self.collation} GENERATED ALWAYS AS "
                f"(JSON_UNQUOTE(JSON_EXTRACT(identifier_key, {quoted(_path(key))}))) VIRTUAL",
            )
            self.learn(connection, table)
        self._execute(connection, f"CREATE INDEX `{name}` ON {body}")

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop it."""
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

    def find_upkeep(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return an ANALYZE TABLE of each table, if one with positions has far more of them than the server counted."""
        counted = sa.text(
            "SELECT table_name, table_rows FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name IN :names"
        ).bindparams(sa.bindparam("names", expanding=True))
        numbered = [table for table in tables if "position" in table.primary_key.columns]
        rows = connection.execute(counted, {"names": [table.name for table in numbered]}).all()
        known: dict[str, int | None] = {row[0]: row[1] for row in rows}
        for table in numbered:
            position = table.c.position
            # As the oldest rows of a log may have been removed.
            span = connection.scalar(sa.select(sa.func.max(position) - sa.func.min(position))) or 0
            if span > (known.get(table.name) or 0) * 1.33 + 1000:
                return [f"ANALYZE TABLE `{each.name}`" for each in tables]
        return []

    def _execute(self, connection: sa.Connection, statement: str) -> None:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _lock_name(self, connection: sa.Connection, what: str) -> str:
        """Return a name for GET_LOCK, whose names are those of the whole server, and have 64 characters at most."""
        database = connection.scalar(sa.select(sa.func.database()))
        return f"ingestify_{hashlib.sha256(f'{database}/{what}'.encode()).hexdigest()[:40]}"


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
