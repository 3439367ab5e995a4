"""Conditions on datasets, evaluated row by row.

They are no SQL: so an expression has the same meaning in every database, from `11 == "11"` to a path that does not
exist, and no part of it gets into a statement. The filters beside it are SQL, so the scan reads only their rows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import json_value
from ingestify.catalogue.selection import conditions
from ingestify.catalogue.tables import Tables
from ingestify.domain.condition import Answers, DatasetCondition
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import DatasetFilter

__all__ = ["ConditionScan"]

ROWS_AT_ONCE = 1000


class ConditionScan:
    """Finds the rows of the dataset table that fulfil a filter and its condition."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.dataset
        self._columns = (
            *tables.dataset.c["position", "dataset_id", "provider", "dataset_type", "identifier", "identifier_key"],
            *tables.dataset.c["name", "state", "metadata", "created_at", "last_modified_at"],
        )
        self._reported: DatasetCondition | None = None

    def page(
        self,
        connection: sa.Connection,
        dataset_filter: DatasetFilter,
        after: int,
        answers: Answers,
    ) -> tuple[list[Any], int | None]:
        """Read the next thousand rows.

        Args:
            connection: In a transaction.
            dataset_filter: The filter, with its condition.
            after: The position behind which the page begins.
            answers: The results of this scan's condition so far.

        Returns:
            The rows that fulfil the condition, and the position for the next page; None: there are no more rows.
        """
        position = self._table.c.position
        wanted = conditions(self._database.dialect, self._table, dataset_filter, in_order=True)
        statement = sa.select(*self._columns).where(*wanted, position > after).order_by(position).limit(ROWS_AT_ONCE)
        rows = connection.execute(statement).all()
        kept = [row for row in rows if answers.holds(functools.partial(_matches, row=row))]
        return kept, rows[-1].position if len(rows) == ROWS_AT_ONCE else None

    def iter_rows(self, dataset_filter: DatasetFilter) -> Iterator[Any]:
        """Yield the rows that fulfil a filter. Each page of a thousand rows is read at one moment."""
        self.refuse_unknown_keys(dataset_filter)
        answers = Answers(dataset_filter.where)
        after: int | None = 0
        while after is not None:
            kept, after = self._read_page(dataset_filter, after, answers)
            yield from kept
        self.end(answers)

    def end(self, answers: Answers) -> None:
        """End a scan and report its errors; a second scan with the same condition repeats no report."""
        answers.tell(only_raises=answers.condition is self._reported)
        self._reported = answers.condition

    @retried
    def _read_page(
        self, dataset_filter: DatasetFilter, after: int, answers: Answers
    ) -> tuple[Sequence[Any], int | None]:
        with self._database.read("search datasets") as connection:
            return self.page(connection, dataset_filter, after, answers)

    def refuse_unknown_keys(self, dataset_filter: DatasetFilter) -> None:
        """Refuse a condition on identifier keys that none of the filtered datasets has: a typing error.

        Mostly the first row has all keys. Without any dataset, no key is refused.

        Raises:
            ConfigurationError: The message names the keys.
        """
        condition = dataset_filter.where
        if condition is None or not condition.identifier_keys:
            return
        own = self._table.c
        position, known = own.position, set[str]()
        wanted = conditions(self._database.dialect, self._table, dataset_filter, in_order=True)
        statement = sa.select(position, own.identifier_key).where(*wanted).order_by(position).limit(ROWS_AT_ONCE)
        after = 0
        while True:
            rows = self._read_identifiers(statement.where(position > after))
            for row in rows:
                known.update(json.loads(row.identifier_key))
                if condition.identifier_keys <= known:
                    return
            if len(rows) < ROWS_AT_ONCE:
                break
            after = rows[-1].position
        if known:
            raise condition.unknown_keys(condition.identifier_keys - known, known)

    @retried
    def _read_identifiers(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        with self._database.read("read identifiers") as connection:
            return connection.execute(statement).all()


def _matches(condition: DatasetCondition, row: Any) -> bool:
    return condition.matches(
        Identifier.stored(json_value(row.identifier)),
        json_value(row.metadata) if condition.asks_for_metadata else {},
        name=row.name,
        state=row.state,
        provider=row.provider,
        dataset_type=row.dataset_type,
        created_at=row.created_at,
        last_modified_at=row.last_modified_at,
    )
