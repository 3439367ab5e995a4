"""The catalogue in an SQL database."""

from __future__ import annotations

import datetime as dt
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ingestify.catalogue.changes import DatasetWriter
from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import repeatable
from ingestify.catalogue.datasets import DatasetReader
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.events.event_readers import EventReaders
from ingestify.catalogue.history_import import Histories
from ingestify.catalogue.indexes import AttributeIndexes
from ingestify.catalogue.integrity.deletions import Deletions
from ingestify.catalogue.integrity.integrity_check import Inspection
from ingestify.catalogue.integrity.removals import Removals
from ingestify.catalogue.integrity.row_repair import Mending
from ingestify.catalogue.jobs.host_waits import HostWaits
from ingestify.catalogue.jobs.leases import Leases
from ingestify.catalogue.jobs.locks import make_job_locks
from ingestify.catalogue.jobs.retention import History
from ingestify.catalogue.jobs.runs import RunLog
from ingestify.catalogue.lake import LakeRows
from ingestify.catalogue.opening import Opening
from ingestify.catalogue.quarantine import QuarantineLog
from ingestify.catalogue.schema import describe_version
from ingestify.catalogue.tables import Tables, build_tables
from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.damage import Damage, FileRecord
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState
from ingestify.domain.event_reader import EventReaderState, FailedEvent
from ingestify.domain.events import DatasetEvent
from ingestify.domain.history import DatasetHead, DatasetHistory
from ingestify.domain.identifier import Identifier
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.lake import Lake
from ingestify.domain.ports import (
    DatasetDescription,
    DatasetFilter,
    DiscoveredSelector,
    HostWait,
    JobLock,
    KnownDataset,
    OnEvents,
    SelectorSync,
    StorageTotals,
)
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState, WaitingBundle
from ingestify.domain.retention import Forgotten, Retention
from ingestify.domain.run import JobHolder, JobSummary, Lease, ProcessIdentity
from ingestify.masking import mask_url

__all__ = ["SqlCatalogue"]


class SqlCatalogue:
    """Implements `domain.ports.Catalogue`. Open one with `SqlCatalogue.open`; close it when done.

    Every method may be called from any thread, and each sees one moment of the lake. Writers take turns:
    threads of one process by a lock, processes by the database's own.
    """

    def __init__(self, database: Database, tables: Tables, key_types: KeyTypes, opening: Opening) -> None:
        self._database = database
        self._opening = opening
        self._tables = tables
        self._datasets = DatasetReader(database, tables, key_types)
        self._events = EventLog(database, tables, self._datasets)
        self._quarantine = QuarantineLog(database, tables)
        self._locks = make_job_locks(database, tables)
        self._leases = Leases(database, tables, self._locks)
        self._deletions = Deletions(database, tables)
        self._removals = Removals(database, tables, self._deletions, self._leases.is_held)
        self._changes = DatasetWriter(
            database, tables, self._datasets, self._events, self._quarantine, self._deletions, self._removals
        )
        self._histories = Histories(database, tables, self._datasets, self._changes, self._events, self._quarantine)
        self._runs = RunLog(database, tables)
        self._indexes = AttributeIndexes(database, tables)
        self._host_waits = HostWaits(database, tables)
        self._inspection = Inspection(database, tables)
        self._mending = Mending(database, tables, self._quarantine)
        self._lake = LakeRows(database, tables)
        self._readers = EventReaders(database, tables)
        self._history = History(database, tables)

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
            url: `sqlite:///path/to/catalog.db`, or `sqlite:///:memory:` for one that is gone when closed.
            table_prefix: Begins the name of every table, for a database that others use too.
            echo: Whether SQLAlchemy shows each statement.
            key_types: What the values of identifier keys are in the datasets that it returns.
            absent: Makes what is raised when the lake is used and is not there, of where that is, as long as nobody has
                called `create`.
                None: make its folder, file and tables now.

        Raises:
            ConfigurationError: The URL, its scheme or the prefix is wrong, or the tables there are others'.
            LakeVersionError: A newer ingestify wrote the lake.
            StoreError: The database refused; the message says why and what to do.
        """
        tables = build_tables(table_prefix)
        database = Database.reach(url, echo=echo)
        opening = Opening(database, tables, absent or AssertionError)
        try:
            if absent is None:
                opening.create()
            else:
                opening.find()
        except BaseException:
            database.close()
            raise
        return cls(database, tables, key_types or KeyTypes(), opening)

    @classmethod
    def probe(cls, url: str, *, table_prefix: str = "") -> tuple[str, bool]:
        """Return which tables a database that is there has, for people, and whether they are those of this version.

        Nothing is made or migrated.

        Raises:
            As `open` does.
        """
        database = Database.open(url)
        try:
            return describe_version(database, build_tables(table_prefix))
        finally:
            database.close()

    @property
    def where(self) -> str:
        """Where it is, without a password, for messages."""
        return self._database.where

    def create(self) -> bool:
        """Make the lake's folder, file and tables, if they are not there. Returns whether they were made."""
        return self._opening.create()

    def find_lake(self) -> Lake | None:
        """Return which lake it belongs to; None: an archive of before lakes had ids, which this user may only read."""
        return self._lake.find()

    def has_given_mark(self, mark: str) -> bool:
        """Whether a mark is one of those that this catalogue gave to its last writers."""
        return self._lake.has_given_mark(mark)

    def add_mark(self, mark: str, storage: str) -> Lake:
        """Remember a mark that is about to be written to the storage, and where that is. Returns the lake."""
        return self._lake.add_mark(mark, storage)

    def begin_epoch(self, lake_id: str, epoch: int) -> Lake:
        """Begin an epoch; events from now on belong to it. No mark of before is known any more. Returns the lake."""
        return self._lake.begin_epoch(lake_id, epoch)

    def sample_paths(self, limit: int) -> tuple[list[str], list[str]]:
        """Return some paths that rows name, the newest ones, and some that no row names any more."""
        return self._lake.sample_paths(limit)

    def find_known(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> dict[Identifier, KnownDataset]:
        """Return those of `identifiers` that the lake has."""
        return self._datasets.find_known(bucket, provider, dataset_type, identifiers)

    def get_datasets(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return datasets in full, in the order of the ids; those that are gone are left out."""
        return self._datasets.get_datasets(dataset_ids)

    def find_dataset(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> Dataset | None:
        """Return one dataset in full, or None."""
        return self._datasets.find_dataset(bucket, provider, dataset_type, identifier)

    def iter_batches(
        self, dataset_filter: DatasetFilter, batch_size: int, offset: int = 0, limit: int | None = None
    ) -> Iterator[list[Dataset]]:
        """Yield datasets in full, in the order in which they came into the lake; each batch is of one moment."""
        return self._datasets.iter_batches(dataset_filter, batch_size, offset, limit)

    def read_metadata(self, dataset_filter: DatasetFilter) -> CollectionMetadata:
        """Count what the filter names, and find its newest provider time."""
        return self._datasets.read_metadata(dataset_filter)

    def apply(self, changes: Sequence[DatasetChange], removals_seen: int = 0) -> list[AppliedChange]:
        """Commit changes with their event-log rows, in one transaction.

        Raises:
            HeadMoved: Some were worked out on a dataset that has moved on; nothing was written.
            ObjectsInDoubt: Objects of new files may be gone; nothing was written.
            SaveError: The database refused; nothing was written.
            OutcomeUnknown: Whether they are there could not be found out.
        """
        return self._changes.apply(changes, removals_seen)

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> list[DatasetEvent]:
        """Mark current revisions VALIDATION_FAILED; those that are already so stay, without an event."""
        return self._changes.invalidate(dataset_ids, reason)

    def delete(self, dataset_ids: Sequence[str], on_events: OnEvents | None = None) -> list[str]:
        """Remove datasets with all their rows but their events. Returns the paths that no row names any more.

        Args:
            on_events: Called with the events once they are committed.
        """
        return self._changes.delete(dataset_ids, on_events)

    def find_unnamed(self, paths: Sequence[str], since: dt.datetime) -> set[str]:
        """Return those of `paths` that no row names, nor did at `since` or later."""
        return self._deletions.find_unnamed(paths, since)

    def forget_deleted_objects(self, until: dt.datetime) -> int:
        """Forget which objects lost their rows up to a moment. Returns how many there were."""
        return self._deletions.forget(until)

    def iter_identities(self, dataset_filter: DatasetFilter) -> Iterator[tuple[str, str, DatasetState]]:
        """Yield (dataset id, canonical identifier, state) of what the filter names."""
        return self._datasets.iter_identities(dataset_filter)

    def iter_descriptions(self, dataset_filter: DatasetFilter) -> Iterator[DatasetDescription]:
        """Yield what the datasets that the filter names are called."""
        return self._datasets.iter_descriptions(dataset_filter)

    def mark_missing(self, dataset_ids: Sequence[str]) -> list[DatasetEvent]:
        """Set the state of datasets to MISSING; those that are so already stay, without an event."""
        return self._changes.mark_missing(dataset_ids)

    def find_heads(self, dataset_ids: Sequence[str]) -> list[DatasetHead]:
        """Return where datasets stand, in the order in which they came into the lake."""
        return self._histories.find_heads(dataset_ids)

    def find_heads_of(self, bucket: str, provider: str, dataset_type: str, keys: Sequence[str]) -> list[DatasetHead]:
        """Return where the datasets with these canonical identifiers stand."""
        return self._histories.find_heads_of(bucket, provider, dataset_type, keys)

    def write_histories(
        self, histories: Sequence[DatasetHistory], removals_seen: int = 0
    ) -> list[tuple[DatasetEvent, ...] | None]:
        """Write those that still hold, in one transaction; None for each that does not."""
        return self._histories.write(histories, removals_seen)

    def write_quarantine_entries(
        self, entries: Sequence[QuarantineEntry], removals_seen: int = 0
    ) -> list[DatasetEvent]:
        """Add entries that are not there, and settle those that are in another state there."""
        return self._histories.write_entries(entries, removals_seen)

    def has_quarantined(self, bucket: str, provider: str, dataset_type: str) -> bool:
        """Whether there is any entry that is OPEN or DISCARDED."""
        return self._quarantine.has_any(bucket, provider, dataset_type)

    def find_quarantined(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> list[QuarantineEntry]:
        """Return the entries of datasets that are OPEN or DISCARDED, oldest first."""
        return self._quarantine.find(bucket, provider, dataset_type, identifiers)

    def find_waiting(self, dataset_filter: DatasetFilter) -> list[WaitingBundle]:
        """Return what of the OPEN entries is told to who reads those datasets, newest first."""
        return self._quarantine.find_waiting(dataset_filter)

    def iter_quarantine(
        self, dataset_filter: DatasetFilter, states: Sequence[QuarantineState] = ()
    ) -> Iterator[QuarantineEntry]:
        """Yield entries, newest first, read page by page. No states: any."""
        return self._quarantine.iter_entries(dataset_filter, states)

    def list_quarantine(
        self, dataset_filter: DatasetFilter, states: Sequence[QuarantineState] = ()
    ) -> list[QuarantineEntry]:
        """Return all of them at once."""
        return list(self.iter_quarantine(dataset_filter, states))

    def find_quarantine_ids(self, bucket: str, beginning: str) -> list[str]:
        """Return the ids of a bucket's entries that begin so."""
        return self._quarantine.find_ids(bucket, beginning)

    def find_quarantine_entry(self, entry_id: str) -> QuarantineEntry | None:
        """Return one entry, or None."""
        return self._quarantine.find_entry(entry_id)

    def save_quarantine_look(self, entry: QuarantineEntry) -> None:
        """Remember that the provider was asked and still serves that bundle."""
        self._quarantine.save_look(entry)

    def request_quarantine_retry(self, entry_ids: Sequence[str]) -> int:
        """Let open or discarded entries be fetched anew by the next run. Returns how many there were."""
        return self._quarantine.request_retry(entry_ids)

    def discard_quarantine(
        self, entry_ids: Sequence[str], decided_by: str, note: str, on_events: OnEvents | None = None
    ) -> list[str]:
        """Mark open entries DISCARDED. Returns the paths of objects that no row names any more.

        Args:
            on_events: Called with the events once they are committed.
        """
        return self._changes.discard_quarantine(entry_ids, decided_by, note, on_events)

    def iter_file_records(self, bucket: str | None = None) -> Iterator[list[FileRecord]]:
        """Yield the rows that name objects, in the order of their paths; all rows of one path together."""
        return self._inspection.iter_file_records(bucket)

    def find_file_records(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return the rows that name any of `paths` at this moment."""
        return self._inspection.find_file_records(paths)

    def find_records_by_tag(self, tags: Sequence[str]) -> list[FileRecord]:
        """Return the rows whose bytes have one of these hashes."""
        return self._inspection.find_records_by_tag(tags)

    def iter_row_damages(self, bucket: str | None = None) -> Iterator[Damage]:
        """Yield what is wrong with the rows themselves."""
        return self._inspection.iter_row_damages(bucket)

    def mend_revisions(self, dataset_ids: Sequence[str]) -> None:
        """Make lost revisions again from their files' rows, and let each dataset call its newest one current."""
        self._mending.mend_revisions(dataset_ids)

    def ask_in_full_again(self, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch invalidated datasets in full once more; others stay as they are."""
        self._mending.ask_in_full_again(dataset_ids)

    def confirm_revisions(self, dataset_ids: Sequence[str]) -> int:
        """Trust current revisions again that were marked only because an object was damaged. Returns how many."""
        return self._mending.confirm_revisions(dataset_ids)

    def correct_sizes(self, path: str, tag: str, size: int, storage_size: int) -> None:
        """Write the sizes that an object has into each row that names it with these bytes."""
        self._mending.correct_sizes(path, tag, size, storage_size)

    def remove_dangling(self) -> int:
        """Remove rows whose dataset or quarantine entry is not there. Returns how many there were."""
        return self._mending.remove_dangling()

    def save_job(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, new or again, and the tasks that are not written yet."""
        self._runs.save_job(job, first_task)

    def load_jobs(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""
        return self._runs.load_jobs(limit, with_tasks=with_tasks)

    def abort_dead_jobs(self, goes_on: Callable[[str, ProcessIdentity], bool]) -> int:
        """Mark RUNNING jobs ABORTED that nobody works on. Returns how many."""
        return self._runs.abort_dead_jobs(goes_on)

    def try_lock_job(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of the job whose identity is `key`, or None if another run has it; never waits."""
        self._opening.require()  # there is no folder for locks where there is no lake
        return self._locks.try_lock(key, holder)

    def find_job_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock of that job; None: nobody, or that is not known."""
        return self._locks.find_holder(key)

    def take_lease(self, lease_id: str, what: str, holder: JobHolder) -> JobLock:
        """Begin a lease; it ends when it is released, and with its process."""
        return self._leases.take(lease_id, what, holder)

    def find_leases(self) -> list[Lease]:
        """Return the leases that are held now."""
        return self._leases.find()

    def is_lease_held(self, lease_id: str) -> bool | None:
        """Whether it is held; None: that is not known."""
        return self._leases.is_held(lease_id)

    def get_last_removal(self) -> int:
        """Return the number of the last removal that has ended; 0 if there was none."""
        return self._removals.get_last()

    def begin_removal(self, lease_id: str, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Note which of `paths`, that no row names, are about to be removed. Returns them."""
        return self._removals.begin(lease_id, paths, since)

    def end_removal(self, lease_id: str) -> None:
        """Note that what was begun under a lease is done."""
        self._removals.end(lease_id)

    def end_dead_removals(self) -> bool:
        """End the removals of those who died. Returns whether there were any."""
        return self._removals.end_dead()

    def find_selector_sync(self, key: str) -> SelectorSync | None:
        """Return when the selector that `key` names was last ingested, or None."""
        return self._runs.find_selector_sync(key)

    def save_selector_sync(self, key: str, sync: SelectorSync) -> None:
        """Remember when a selector was ingested."""
        self._runs.save_selector_sync(key, sync)

    def find_discovered_selectors(
        self, bucket: str, source: str, provider: str, dataset_type: str
    ) -> list[DiscoveredSelector]:
        """Return the selectors of a source that it discovered when they were last ingested, each once."""
        return self._runs.find_discovered_selectors(bucket, source, provider, dataset_type)

    def forget_selector(self, discovered: DiscoveredSelector) -> None:
        """Forget all that is remembered of a selector that its source discovers no more."""
        self._runs.forget_selector(discovered)

    def forget_listings(self, besides: Collection[str] = ()) -> None:
        """Forget what selectors listed: datasets came that their listings do not know of.

        Args:
            besides: The keys of those that are kept, as of `save_selector_sync`.
        """
        self._runs.forget_listings(besides)

    def forget_absences(self, is_spoken_against: Callable[[str], bool]) -> None:
        """Forget what selectors lacked and is still to be confirmed, by their keys, as of `save_selector_sync`."""
        self._runs.forget_absences(is_spoken_against)

    def forget_hints(self) -> None:
        """Believe no selector's hint: files left datasets that other plans may ask for."""
        self._runs.forget_hints()

    def find_host_waits(self) -> list[HostWait]:
        """Return the hosts that asked to be left alone."""
        return self._host_waits.find()

    def save_host_wait(self, wait: HostWait) -> None:
        """Remember that a host asked to be left alone, instead of what it asked before; what is over is forgotten."""
        self._host_waits.save(wait)

    def forget_host_waits(self) -> None:
        """Forget all that hosts asked for."""
        self._host_waits.forget()

    def read_events(self, after_position: int, limit: int) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order.

        Their datasets are as they were right after the event, without feeds; of their files the current ones.
        """
        return self._events.read(after_position, limit)

    def get_last_event_position(self) -> int:
        """Return the position of the newest event in the log; 0 if there is none."""
        return self._events.get_last_position()

    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""
        return self._events.find_touched(dataset_ids, after_position)

    def find_reader_position(self, reader_name: str) -> int | None:
        """Return where a reader of the event log stands; None for a new one."""
        return self._readers.find_position(reader_name)

    def get_reader_position(self, reader_name: str) -> int:
        """Return where a reader of the event log stands; 0 for a new one."""
        return self._readers.find_position(reader_name) or 0

    def set_reader_position(self, reader_name: str, position: int) -> None:
        """Put a reader anywhere; what it fails on at the moment is forgotten."""
        self._readers.set_position(reader_name, position)

    def advance_reader(self, reader_name: str, seen: int | None, position: int) -> bool:
        """Move a reader forward, if it stands where it was seen; None: if it is not there. False: it does not."""
        return self._readers.advance(reader_name, seen, position)

    def list_readers(self) -> list[EventReaderState]:
        """Return the readers of the event log by name."""
        return self._readers.list_readers()

    def forget_reader(self, reader_name: str) -> bool:
        """Forget a reader with all that it failed on. Returns whether there was one."""
        return self._readers.forget(reader_name)

    def find_position_before(self, moment: dt.datetime) -> int:
        """Return the position behind which the events since a moment are."""
        return self._readers.find_position_before(moment)

    def find_failed_events(self, reader_name: str) -> list[FailedEvent]:
        """Return what a reader failed on, by position."""
        return self._readers.find_failed(reader_name)

    def save_failed_event(self, reader_name: str, failed: FailedEvent) -> None:
        """Remember that a reader failed on an event."""
        self._readers.save_failure(reader_name, failed)

    def forget_failed_event(self, reader_name: str, position: int) -> None:
        """Forget that a reader failed on an event: it is done with it."""
        self._readers.forget_failure(reader_name, position)

    def count_by_kind(self, dataset_filter: DatasetFilter) -> Mapping[tuple[str, str, DatasetState], int]:
        """Count what the filter names by (provider, dataset type, state). It must have no `where`."""
        return self._datasets.count_by_kind(dataset_filter)

    def storage_totals(self, bucket: str) -> StorageTotals:
        """Count what a bucket holds."""
        return self._datasets.storage_totals(bucket)

    def sync_indexes(self, wanted: Sequence[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
        """Make indexes for (provider, dataset type, identifier key), drop those no longer wanted.

        Returns:
            The names of those made and of those dropped.
        """
        return self._indexes.sync(wanted)

    def forget_history(self, retention: Retention, *, dry_run: bool) -> Forgotten:
        """Remove the jobs and events that are older than a retention allows."""
        return self._history.forget(retention, dry_run=dry_run)

    @repeatable
    def maintain(self) -> None:
        """Do what the database wants to have done after it grew or shrank much; mostly that is nothing."""
        doing = "count its rows for the planner"
        tables = list(self._tables.metadata.tables.values())
        with self._database.read(doing) as connection:
            due = self._database.dialect.find_upkeep(connection, tables)
        if not due or self._database.is_read_only:
            return
        with self._database.write(doing) as connection:
            for statement in due:
                result = connection.exec_driver_sql(statement)
                if result.returns_rows:
                    result.all()

    def hurry(self) -> None:
        """Let all that wait for a lock of somebody else wait for a second more at the most, until `calm`."""
        self._database.hurry()

    def calm(self) -> None:
        """Wait for locks as usual again."""
        self._database.calm()

    def close(self) -> None:
        """Close its connections, and let go of its locks. Harmless when that has happened."""
        self._locks.close()
        self._database.close()
