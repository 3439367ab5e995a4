"""The moments that a `watch` keeps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import Tables
from ingestify.errors import SaveError

__all__ = ["WatchMarks"]

_FORGOTTEN_AFTER = dt.timedelta(days=400)
"""A plan that the settings do not have any more leaves its mark behind."""


class WatchMarks:
    """The table of marks: a row for the sign of life, and one for each plan."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.watch_mark

    @retried
    def find(self) -> Mapping[str, dt.datetime]:
        """Return all marks: the moments are in UTC."""
        with self._database.read("read when a watch looked last") as connection:
            # A read-only archive may be older than this table.
            if not connection.dialect.has_table(connection, self._table.name):
                return {}
            return {row.name: to_moment(row.at) for row in connection.execute(sa.select(self._table))}

    @retried
    def save(self, name: str, moment: dt.datetime) -> None:
        """Save a mark in place of the last one of its name, and remove those that nobody has saved for long."""
        columns = self._table.c
        with self._database.write("save when a watch looked", SaveError) as connection:
            is_old = columns.at < moment_to_text(moment - _FORGOTTEN_AFTER)
            connection.execute(self._table.delete().where((columns.name == name) | is_old))
            connection.execute(self._table.insert(), {"name": name, "at": moment_to_text(moment)})

    @retried
    def forget(self, name: str) -> None:
        """Remove a mark."""
        with self._database.write("remove the mark of a watch", SaveError) as connection:
            connection.execute(self._table.delete().where(self._table.c.name == name))
