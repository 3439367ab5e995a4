"""The waits that hosts asked for, kept for later runs."""

from __future__ import annotations

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import moment_to_text, to_moment
from ingestify.catalogue.tables import LONGEST_HOST, Tables
from ingestify.domain.ports import HostWait
from ingestify.errors import SaveError

__all__ = ["HostWaits"]

_MOST = 1000


class HostWaits:
    """The table of host waits: a row for each host whose wait is not over, and a thousand rows at most."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.host_wait

    @retried
    def find(self) -> list[HostWait]:
        """Return all waits."""
        with self._database.read("read the waits of hosts") as connection:
            # A read-only archive may be older than this table.
            if not connection.dialect.has_table(connection, self._table.name):
                return []
            return [
                HostWait(row.host, to_moment(row.asked_at), to_moment(row.until), row.status, bool(row.is_cut))
                for row in connection.execute(sa.select(self._table).limit(_MOST))
            ]

    @retried
    def save(self, wait: HostWait) -> None:
        """Save a wait in place of the host's last one, and remove those that are over."""
        columns = self._table.c
        host = wait.host[:LONGEST_HOST]
        with self._database.write("save the wait of a host", SaveError) as connection:
            is_over = columns.until <= moment_to_text(wait.asked_at)
            connection.execute(self._table.delete().where((columns.host == host) | is_over))
            count = connection.scalar(sa.select(sa.func.count()).select_from(self._table)) or 0
            if count >= _MOST:
                return
            connection.execute(
                self._table.insert(),
                {
                    "host": host,
                    "asked_at": moment_to_text(wait.asked_at),
                    "until": moment_to_text(wait.until),
                    "status": wait.status,
                    "is_cut": wait.is_cut,
                },
            )

    @retried
    def forget(self) -> None:
        """Remove all waits."""
        with self._database.write("remove the waits of hosts", SaveError) as connection:
            connection.execute(self._table.delete())
