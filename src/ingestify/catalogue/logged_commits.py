"""Commits with their events in one transaction, also when the connection is lost at the commit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.database_errors import store_error_for
from ingestify.catalogue.databases.retries import may_pass
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.integrity.removals import Removals
from ingestify.clock import now
from ingestify.domain.events import DatasetEvent
from ingestify.errors import LakeUnwritable, OutcomeUnknown, SaveError, StoreError
from ingestify.failpoints import failpoint

__all__ = ["LoggedCommits"]


class LoggedCommits:
    """Commits rows together with the events that tell of them."""

    def __init__(self, database: Database, log: EventLog, removals: Removals) -> None:
        self._database = database
        self._log = log
        self._removals = removals

    def commit(
        self,
        doing: str,
        write: Callable[[sa.Connection, dt.datetime], list[DatasetEvent]],
        paths: Sequence[str] = (),
        removals_seen: int = 0,
    ) -> list[DatasetEvent]:
        """Commit rows and events in one transaction. Returns the events with their positions.

        When the commit itself raises, it may have happened all the same. The events tell: they are of the same
        transaction. If they are not in the log, the transaction is retried. A transaction without events only writes
        what was seen of the provider, so it may happen twice.

        The moment of a commit is taken when `EventLog.settle` waits for its end already. So no later commit has a
        moment that was settled.

        Args:
            doing: The action, for the message of an error.
            write: Writes the rows, with the moment of the commit, and returns the events.
            paths: The objects that the rows name and no row named before; `write` may add to them.
            removals_seen: The last removal that had ended before the objects were written.

        Raises:
            ObjectsInDoubt: The objects may be gone; nothing is committed.
            SaveError: The database refused; nothing is committed.
            OutcomeUnknown: The connection was lost at the commit, and the log could not be read.
        """
        was_unknown = False
        retry_budget = self._database.retry_budget
        for is_last in retry_budget.attempts():
            events: list[DatasetEvent] = []
            try:
                with self._database.write(doing, SaveError) as connection:
                    self._log.begin_commit(connection)
                    moment = max(now(), self._database.dialect.read_clock(connection))
                    events = self._log.append(connection, write(connection, moment))
                    if paths:  # with events, so the log is locked
                        self._removals.check(connection, paths, removals_seen)
                    failpoint("commit.written")
                break
            except OutcomeUnknown as unknown:
                if self._is_there(events, unknown):
                    break
                cause = unknown.__cause__ or unknown
                refused = store_error_for(cause, self._database.where, doing, SaveError)
                if is_last or (not may_pass(cause) and (was_unknown or isinstance(refused, LakeUnwritable))):
                    raise refused from cause
                was_unknown = True
            except StoreError as error:
                if is_last or not may_pass(error.__cause__):
                    retry_budget.spend()
                    raise
        return events

    def _is_there(self, events: Sequence[DatasetEvent], unknown: OutcomeUnknown) -> bool:
        """Whether a transaction with these events was committed, read on another connection."""
        if not events:
            return False
        try:
            return self._log.holds(events[0])
        except StoreError as error:
            raise OutcomeUnknown(
                f"{unknown} It could not be looked up either: {error} Nothing was removed; the next run finds out by "
                f"itself."
            ) from unknown
