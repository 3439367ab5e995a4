"""The catalogue in an SQL database."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingestify.catalogue.changes import DatasetWriter
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.events.event_readers import EventReaders
from ingestify.catalogue.imports.adoption_writer import AdoptionWriter
from ingestify.catalogue.imports.history_import import HistoryImport
from ingestify.catalogue.indexes import AttributeIndexes
from ingestify.catalogue.integrity.deletions import Deletions
from ingestify.catalogue.integrity.integrity_check import IntegrityCheck
from ingestify.catalogue.integrity.kept_revisions import KeptRevisions
from ingestify.catalogue.integrity.removals import Removals
from ingestify.catalogue.integrity.row_repair import RowRepair
from ingestify.catalogue.jobs.host_waits import HostWaits
from ingestify.catalogue.jobs.job_log import JobLog
from ingestify.catalogue.jobs.leases import Leases
from ingestify.catalogue.jobs.locks import make_job_locks
from ingestify.catalogue.jobs.request_budgets import RequestBudgets
from ingestify.catalogue.jobs.retention import HistoryRetention
from ingestify.catalogue.jobs.selector_syncs import SelectorSyncs
from ingestify.catalogue.jobs.watch_marks import WatchMarks
from ingestify.catalogue.lake import LakeRows
from ingestify.catalogue.logged_commits import LoggedCommits
from ingestify.catalogue.opening import Opening
from ingestify.catalogue.quarantine import QuarantineLog
from ingestify.catalogue.reading.coverage import Coverage
from ingestify.catalogue.reading.datasets import DatasetReader
from ingestify.catalogue.reading.overview import Overview
from ingestify.catalogue.schema import WasAdopted, describe_version
from ingestify.catalogue.tables import Tables, build_adopted_tables, build_tables
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.ports import Catalogue
from ingestify.errors import ConfigurationError, LakeNotFound
from ingestify.masking import mask_url
from ingestify.remedies import remedy

if TYPE_CHECKING:
    from ingestify.catalogue.imports.published_catalogue import PublishedCatalogue

__all__ = ["SqlCatalogue"]


class SqlCatalogue(Catalogue):
    """Implements `domain.ports.Catalogue`. Open one with `SqlCatalogue.open`; close it when done.

    Every method may be called from any thread, and each sees the lake at one moment. Writers take turns: the threads of
    one process by a lock, processes by the database's own locks.
    """

    def __init__(self, database: Database, tables: Tables, key_types: KeyTypes, opening: Opening) -> None:
        self._database = database
        self._tables = tables
        self._opening = opening
        self.is_adopted = tables.is_adopted
        self._locks = make_job_locks(database, tables, opening.require)
        self.datasets = datasets = DatasetReader(database, tables, key_types)
        self.overview = Overview(database, tables)
        self.coverage = Coverage(database, tables, datasets)
        self.event_log = events = EventLog(database, tables, datasets)
        self.event_readers = EventReaders(database, tables)
        self.quarantine = quarantine = QuarantineLog(database, tables)
        self.job_locks = self._locks
        self.leases = leases = Leases(database, tables, self._locks)
        self.deletions = deletions = Deletions(database, tables)
        self.removals = removals = Removals(database, tables, deletions, leases.is_held)
        commits = LoggedCommits(database, events, removals)
        self.kept_revisions = kept = KeptRevisions(database, tables)
        self.changes = changes = DatasetWriter(database, tables, datasets, events, quarantine, deletions, commits, kept)
        self.history_import = HistoryImport(database, tables, datasets, changes, events, quarantine, commits)
        self.selector_syncs = selector_syncs = SelectorSyncs(database, tables)
        self.jobs = JobLog(database, tables, selector_syncs)
        self.indexes = AttributeIndexes(database, tables)
        self.host_waits = HostWaits(database, tables)
        self.request_budgets = RequestBudgets(database, tables)
        self.watch_marks = WatchMarks(database, tables)
        self.integrity_check = IntegrityCheck(database, tables)
        self.row_repair = RowRepair(database, tables, quarantine)
        self.lake = LakeRows(database, tables)
        self.adoption = AdoptionWriter(database, tables, events, self.history_import)
        self.retention = HistoryRetention(database, tables)

    def __repr__(self) -> str:
        return urllib.parse.unquote(mask_url(self._database.where))

    @classmethod
    def open(
        cls,
        url: str,
        *,
        table_prefix: str = "",
        echo: bool = False,
        key_types: KeyTypes | None = None,
        absent: Callable[[str], Exception] | None = None,
    ) -> SqlCatalogue:
        """Open a lake's catalogue, and migrate its tables if they are older.

        Args:
            url: `sqlite:///path/to/catalog.db`, or `sqlite:///:memory:` for a lake that is gone when it is closed.
            table_prefix: The beginning of every table's name, for a database that others use too.
            echo: Whether SQLAlchemy shows each statement.
            key_types: The types of the identifiers' values in the datasets that it returns.
            absent: Makes the error for a call on a lake that does not exist, from the place of the lake. None: make its
                folder, file and tables now.

        Raises:
            ConfigurationError: The URL, its scheme or the prefix is wrong, or the tables there are not ingestify's; or
                they are those of the published package, and were not adopted, or not to the end.
            LakeVersionError: A newer ingestify wrote the lake.
            StoreError: The database refused; the message says why and what to do.
        """
        tables = build_tables(table_prefix)
        database = Database.reach(url, echo=echo)

        def opened(tables: Tables) -> SqlCatalogue:
            opening = Opening(database, tables, absent or AssertionError)
            if absent is None:
                opening.create()
            else:
                opening.find()
            return cls(database, tables, key_types or KeyTypes(), opening)

        try:
            try:
                return opened(tables)
            except WasAdopted:
                catalogue = opened(build_adopted_tables(table_prefix))
            if not catalogue.adoption.is_finished():
                raise ConfigurationError(
                    f"The adoption of the lake {database.where} was interrupted: {remedy('adopt --yes')} goes on "
                    "with it."
                )
            return catalogue
        except BaseException:
            database.close()
            raise

    @classmethod
    def open_for_adoption(
        cls, url: str, *, table_prefix: str = "", timezone: str | None = None
    ) -> tuple[PublishedCatalogue, SqlCatalogue] | None:
        """Open the published package's catalogue in a database, and the catalogue that it is adopted into in place.

        Args:
            url: See `open`.
            table_prefix: See `open`.
            timezone: See `find_published_catalogue`.

        Returns:
            Both; the tables of ours may not exist. None: the database has none of the published package.

        Raises:
            As `open` does.
        """
        from ingestify.catalogue.imports.published_catalogue import find_published_catalogue  # only for an adoption

        database = Database.reach(url)
        try:
            if not database.has_no_file:
                database.prepare()
            published = None if database.has_no_file else find_published_catalogue(database, table_prefix, timezone)
        except BaseException:
            database.close()
            raise
        if published is None:
            database.close()
            return None
        # A database of its own: that of the published package is read also while ours does not exist.
        tables, database = build_adopted_tables(table_prefix), Database.reach(url)
        return published, cls(database, tables, KeyTypes(), Opening(database, tables, LakeNotFound))

    @classmethod
    def probe(cls, url: str, *, table_prefix: str = "") -> tuple[str, bool]:
        """Return a sentence about the tables of a database, and whether they are those of this version.

        The call makes and migrates nothing.

        Raises:
            As `open` does.
        """
        database = Database.open(url)
        try:
            try:
                return describe_version(database, build_tables(table_prefix))
            except WasAdopted:
                return describe_version(database, build_adopted_tables(table_prefix))
        finally:
            database.close()

    @property
    def where(self) -> str:
        """Where it is, without a password, for messages."""
        return self._database.where

    def create(self) -> bool:
        """Make the lake's folder, file and tables, if they do not exist. Returns whether they were made."""
        return self._opening.create()

    @retried
    def maintain(self) -> None:
        """Update the planner's statistics and free space after the lake grew or shrank much; mostly that is nothing."""
        doing = "update its statistics"
        tables = list(self._tables.metadata.tables.values())
        with self._database.read(doing) as connection:
            due = self._database.dialect.find_maintenance(connection, tables)
        if not due or self._database.is_read_only:
            return
        with self._database.write(doing) as connection:
            for statement in due:
                result = connection.exec_driver_sql(statement)
                if result.returns_rows:
                    result.all()

    def limit_lock_waits(self) -> None:
        """End waits for locks of others after a second at the most, until `restore_lock_waits`."""
        self._database.limit_lock_waits()

    def restore_lock_waits(self) -> None:
        """Wait for locks as usual again."""
        self._database.restore_lock_waits()

    def close(self) -> None:
        """Close its connections, and release its locks. Harmless when it is closed already."""
        self._locks.close()
        self._database.close()
