"""The budgets of requests that all processes of a lake share."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import Tables
from ingestify.clock import now
from ingestify.domain.request_budget import NOTHING_USED, BudgetUse
from ingestify.errors import OutcomeUnknown, SaveError

__all__ = ["RequestBudgets"]

LONGEST_SOURCE = 255


class RequestBudgets:
    """The table of budgets: a row for each source that ever had one."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._dialect = database.dialect
        self._table = tables.request_budget

    @retried
    def find(self) -> tuple[Mapping[str, BudgetUse], dt.datetime]:
        """Return the use by the name of the source, and the moment by the clock that all writers share, in UTC."""
        with self._database.read("read the budgets of requests") as connection:
            # A read-only archive may be older than this table.
            if not connection.dialect.has_table(connection, self._table.name):
                return {}, now()
            uses = {row.source: _use_of(row) for row in connection.execute(sa.select(self._table))}
            return uses, self._dialect.read_clock(connection)

    def update(self, source: str, change: Callable[[BudgetUse, dt.datetime], BudgetUse]) -> None:
        """Change the use of a source, while nobody else does; see `domain.ports.catalogue.request_budgets`."""
        unknown = self._update(source[:LONGEST_SOURCE], change)
        if unknown is not None:
            raise unknown

    @retried
    def _update(self, source: str, change: Callable[[BudgetUse, dt.datetime], BudgetUse]) -> OutcomeUnknown | None:
        """Change it, and return the error of a commit that may have happened: no change may happen twice."""
        column = self._table.c.source
        try:
            with self._database.write("reserve requests of a budget", SaveError) as connection:
                self._dialect.lock_rows(connection, column, [source])
                row = connection.execute(sa.select(self._table).where(column == source)).one_or_none()
                before = NOTHING_USED if row is None else _use_of(row)
                values = _row_of(source, change(before, self._dialect.read_clock(connection)))
                if row is None:  # two that insert it at once: the second one begins anew
                    connection.execute(self._table.insert(), values)
                else:
                    connection.execute(self._table.update().where(column == source).values(values))
        except OutcomeUnknown as error:
            return error
        return None


def _use_of(row: sa.Row[Any]) -> BudgetUse:
    of_seconds = {int(second): count for second, count in json.loads(row.second_requests).items()}
    return BudgetUse(to_moment(row.at), row.day_requests, of_seconds)


def _row_of(source: str, use: BudgetUse) -> dict[str, object]:
    return {
        "source": source,
        "at": moment_to_text(use.at),
        "day_requests": use.of_day,
        "second_requests": json.dumps(dict(use.of_seconds)),
    }
