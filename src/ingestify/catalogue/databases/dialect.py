"""What every kind of database has to say in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import sqlalchemy as sa

from ingestify.catalogue.databases.bulk import BulkStatement

__all__ = ["Dialect", "hold_in_order", "positions_after", "quoted", "select_version"]


class Dialect(Protocol):
    """How one kind of database says things. Safe to use from any thread."""

    has_one_writer: bool
    """Whether a transaction that writes excludes every other one that does, from its beginning to its end."""

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

    # ---- writers that meet

    def hold(self, connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> None:
        """Keep other writers from the rows whose `column`, which is unique, has one of `values`, up to the commit.

        Whoever holds several takes them in the same order, so that two do not wait for each other.
        """

    def lock_log(self, connection: sa.Connection, version_table: str) -> None:
        """Be the only one that appends to the event log, up to the commit: then positions follow the commits.

        Args:
            version_table: The lake's table that has one row.
        """

    def append(
        self, connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int]:
        """Insert rows in their order, while nobody else does. Returns the positions they got."""

    def try_session_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take the lock of that name for as long as the connection lives, or until it is let go of. Never waits.

        A connection may take one twice; then it has to let go of it twice. Two databases have nothing to do with each
        other. Not for SQLite, which has no sessions.
        """

    def release_session_lock(self, connection: sa.Connection, name: str) -> None:
        """Let go of it. Harmless when this connection has not got it."""

    def is_session_locked(self, connection: sa.Connection, name: str) -> bool:
        """Whether any connection has it."""

    # ---- tables and indexes

    def read_version(self, connection: sa.Connection, version_table: str) -> str | None:
        """Return the version that the lake's tables have now; None while somebody migrates them step by step."""

    def migrating(self, connection: sa.Connection, version_table: str) -> AbstractContextManager[None]:
        """Keep other processes from making or migrating the same lake's tables."""

    def adapt(self, table: sa.Table) -> None:
        """Give a table that is about to be made what this kind of database needs to keep texts whole and apart."""

    def learn(self, connection: sa.Connection, table: sa.Table) -> None:
        """Look what the dataset table has of what `create_index` made, for the conditions that can use it."""

    def is_indexable(self, key: str) -> bool:
        """Return whether an index on an identifier's key can be made."""

    def attribute_index_body(self, table: sa.Table, provider: str, dataset_type: str, key: str) -> str:
        """Return what an index is on, in words: those of CREATE INDEX that follow ON."""

    def create_index(self, connection: sa.Connection, table: sa.Table, name: str, key: str, body: str) -> None:
        """Make the index on an identifier's key that `body` describes."""

    def drop_index(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Drop an index."""

    def find_index_names(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the names of a table's indexes."""

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Let the database count what its planner wants to know."""

    def find_upkeep(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> list[str]:
        """Return the statements that are due: tables grew much since the planner's counts, or room is free.

        Cheap; mostly there are none.
        """


def hold_in_order(connection: sa.Connection, column: sa.Column[str], condition: sa.ColumnElement[bool]) -> None:
    """Lock the rows of a condition in the order of a column, for `hold`: who wants the same rows waits."""
    connection.execute(sa.select(column).where(condition).order_by(column).with_for_update()).all()


def positions_after(
    connection: sa.Connection, table: sa.Table, insert: BulkStatement, rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Insert rows, and return the positions they got; for `append` where those may not follow each other.

    Servers that several write to may count by twos. Nobody else appends meanwhile, so what is behind the last position
    is what was inserted here.
    """
    position = table.c.position
    before = connection.scalar(sa.select(sa.func.max(position))) or 0
    insert.execute(connection, rows)
    return list(connection.scalars(sa.select(position).where(position > before).order_by(position)))


def select_version(version_table: str) -> sa.Select[Any]:
    """Return the question for the version of a lake's tables."""
    return sa.select(sa.column("version_num", sa.String())).select_from(sa.table(version_table))


def quoted(text: str) -> str:
    """Return standard SQL's literal of a text."""
    return "'" + text.replace("'", "''") + "'"
