"""SQLite's own words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.bulk import BulkStatement
from ingestify.catalogue.databases.dialect import quoted, select_version

__all__ = ["SqliteDialect"]

_INCREMENTAL = 2
_MOST_PAGES = 10_000
"""Of 4 kB each, which are moved in one transaction."""


class SqliteDialect:
    """SQLite, from 3.35 on. Its writers exclude each other, so there is nothing to hold or to lock."""

    has_one_writer = True

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return `column IN (…)` with all values in one bound parameter, of which SQLite has a limited number."""
        if len(values) == 1:
            return column == values[0]
        listed = sa.func.json_each(json.dumps(list(values), ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(listed.c.value))

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition; where the key can have an index, in the words of that index."""
        if not values:
            return sa.false()
        if self.is_indexable(key):
            # The path is a literal: SQLite uses an expression's index only for the very same expression.
            path = sa.literal(f'$."{key}"', sa.String(), literal_execute=True)
            return self.any_of(sa.func.json_extract(identifier_key, path, type_=sa.String()), values)
        # A quoted path cannot hold a quote or a backslash, and older versions compare it with the escaped key.
        pairs = sa.func.json_each(identifier_key).table_valued("key", "value")
        return (
            sa.select(sa.literal(1))
            .select_from(pairs)
            .where(pairs.c.key == key, self.any_of(pairs.c.value, values))
            .exists()
        )

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a literal: SQLite does not use a partial index when its condition meets a bound parameter."""
        return sa.literal(value, sa.String(), literal_execute="\0" not in value)

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return `+column` (https://www.sqlite.org/optoverview.html, section 5.1)."""
        return sa.UnaryExpression(column, operator=sa.sql.operators.custom_op("+"), type_=column.type)

    def hold(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Do nothing."""

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Do nothing."""

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns the positions they got.

        Nobody else writes meanwhile, so they follow each other; with RETURNING each row would be a statement.
        """
        insert.execute(connection, rows)
        last: int = connection.scalars(sa.select(sa.func.max(table.c.position))).one()
        return range(last - len(rows) + 1, last + 1)

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Refuse: files are locked in its place."""
        raise NotImplementedError

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Refuse."""
        raise NotImplementedError

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Refuse."""
        raise NotImplementedError

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return it; a migration is one transaction."""
        version: str | None = connection.scalar(select_version(version_table))
        return version

    def migrating(self, connection: sa.Connection, version_table: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return contextlib.nullcontext()

    def adapt(self, table: sa.Table) -> None:
        """Do nothing."""

    def learn(self, connection: sa.Connection, table: sa.Table) -> None:
        """Do nothing: it finds an index by the words of a condition."""

    def is_indexable(self, key: str) -> bool:
        """Return whether the key can stand in a quoted JSON path as it is."""
        return json.dumps(key, ensure_ascii=False) == f'"{key}"'

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index over one attribute, of the datasets of one provider and type."""
        path, *values = (quoted(text) for text in (f'$."{key}"', provider, dataset_type))
        return (
            f"{table.name} (json_extract(identifier_key, {path})) "
            f"WHERE provider = {values[0]} AND dataset_type = {values[1]}"
        )

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make it."""
        connection.exec_driver_sql(f"CREATE INDEX {name} ON {body}")

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop it."""
        connection.exec_driver_sql(f"DROP INDEX {name}")

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes. SQLAlchemy's reflection leaves out those on expressions."""
        statement = sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :table ORDER BY name")
        return list(connection.scalars(statement, {"table": table.name}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE for one table."""
        connection.exec_driver_sql(f"ANALYZE {table.name}")

    def find_upkeep(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return what `PRAGMA optimize` finds worth doing, and how free pages are given back."""
        # 1: only say what would be done; 2: ANALYZE; 0x10000: of any table, not only those that this connection used.
        due = list(connection.exec_driver_sql("PRAGMA optimize(0x10003)").scalars())
        is_incremental = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == _INCREMENTAL
        if is_incremental:
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
            # Python's driver goes one step of such a statement, which is one page.
            due += ["PRAGMA incremental_vacuum(1)"] * min(free, _MOST_PAGES)
        return ["PRAGMA analysis_limit = 1000", *due] if due else []
