"""How long hosts asked to be left alone, for the runs that come after."""

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
    """The table of host waits: a row for each host that asked for one that is not over, and a thousand at most."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.host_wait

    @retried
    def find(self) -> list[HostWait]:
        """Return all that are kept."""
        with self._database.read("look which hosts are to be left alone") as connection:
            # An archive that may only be read can be of a time before there was this table.
            if not connection.dialect.has_table(connection, self._table.name):
                return []
            return [
                HostWait(row.host, to_moment(row.asked_at), to_moment(row.until), row.status, bool(row.is_cut))
                for row in connection.execute(sa.select(self._table).limit(_MOST))
            ]

    @retried
    def save(self, wait: HostWait) -> None:
        """Keep one, instead of the host's last; those that are over are forgotten."""
        columns = self._table.c
        host = wait.host[:LONGEST_HOST]
        with self._database.write("remember how long a host is to be left alone", SaveError) as connection:
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
        """Forget all of them."""
        with self._database.write("forget how long hosts are to be left alone", SaveError) as connection:
            connection.execute(self._table.delete())
