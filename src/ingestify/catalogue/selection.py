"""Filters as SQL, and every difference between databases in how a statement is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from ingestify.catalogue.bulk import BulkStatement
from ingestify.domain.identifier import canonical_value
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.selector import filter_values

__all__ = ["Dialect", "SqliteDialect", "chunks", "conditions"]

CHUNK_SIZE = 1000
"""How many values one set query takes."""


class Dialect(Protocol):
    """How one kind of database says things."""

    def any_of(self, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
        """Return the condition that a column has one of `values`, of which there may be a thousand."""

    def attribute_is(
        self, identifier_key: sa.ColumnElement[str], key: str, values: Sequence[str]
    ) -> sa.ColumnElement[bool]:
        """Return the condition that the identifier has `key`, with one of the canonical `values`."""

    def constant(self, value: str) -> sa.ColumnElement[str]:
        """Return a value in the form in which the database can match it with an index's condition."""

    def unindexed(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return a column such that no index is used for it: rows are wanted in their order, which none of them has."""

    def is_indexable(self, key: str) -> bool:
        """Return whether an index on an identifier's key can be made."""

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return the part of CREATE INDEX that follows ON."""

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns the positions they got."""

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes."""

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Let the database count what its planner wants to know."""


class SqliteDialect:
    """SQLite, from 3.35 on."""

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

    def is_indexable(self, key: str) -> bool:
        """Return whether the key can stand in a quoted JSON path as it is."""
        return json.dumps(key, ensure_ascii=False) == f'"{key}"'

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return an index over one attribute, of the datasets of one provider and type."""
        path, *values = (_quoted(text) for text in (f'$."{key}"', provider, dataset_type))
        return (
            f"{table.name} (json_extract(identifier_key, {path})) "
            f"WHERE provider = {values[0]} AND dataset_type = {values[1]}"
        )

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order. Returns the positions they got.

        Nobody else writes meanwhile, so they follow each other; with RETURNING each row would be a statement.
        """
        insert.execute(connection, rows)
        last: int = connection.scalars(sa.select(sa.func.max(table.c.position))).one()
        return range(last - len(rows) + 1, last + 1)

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes. SQLAlchemy's reflection leaves out those on expressions."""
        statement = sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :table ORDER BY name")
        return list(connection.scalars(statement, {"table": table.name}))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Run ANALYZE for one table."""
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def conditions(
    dialect: Dialect, table: sa.Table, dataset_filter: DatasetFilter, *, in_order: bool = False
) -> list[sa.ColumnElement[bool]]:
    """Return what a row must fulfil of a table that has a dataset's columns.

    Args:
        in_order: Whether the rows are asked for page by page, in the order of their positions. Those of one provider
            and type have an index in that order. Of more, the database would sort all of them for each page.

    Raises:
        SourceError: A filter's value is not a single value, nor a list of them.
    """
    columns = table.c
    is_one_kind = dataset_filter.provider is not None and dataset_filter.dataset_type is not None
    is_whole = in_order and dataset_filter.dataset_id is None and not dataset_filter.selector and not is_one_kind
    bucket = dialect.unindexed(columns.bucket) if is_whole else columns.bucket
    wanted: list[sa.ColumnElement[bool]] = [bucket == dataset_filter.bucket]
    if dataset_filter.provider is not None:
        wanted.append(columns.provider == dialect.constant(dataset_filter.provider))
    if dataset_filter.dataset_type is not None:
        wanted.append(columns.dataset_type == dialect.constant(dataset_filter.dataset_type))
    if dataset_filter.dataset_id is not None:
        wanted.append(columns.dataset_id == dataset_filter.dataset_id)
    if dataset_filter.states:
        wanted.append(columns.state.in_([state.value for state in dataset_filter.states]))
    for key, value in dataset_filter.selector.items():
        values = list(dict.fromkeys(canonical_value(one, key) for one in filter_values(value)))
        wanted.append(dialect.attribute_is(columns.identifier_key, key, values))
    return wanted


def chunks(values: Iterable[str]) -> Iterable[list[str]]:
    """Split values into lists that one set query takes."""
    several = list(values)
    return (several[start : start + CHUNK_SIZE] for start in range(0, len(several), CHUNK_SIZE))
