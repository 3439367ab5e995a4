"""Writing datasets: changes, invalidations and removals, each in one transaction."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.dialect import BulkStatement
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.dataset_rows import (
    description_columns,
    fixed_columns,
    head_columns,
    profile_row,
    revision_row,
    warning_rows,
)
from ingestify.catalogue.events.event_log import EventLog
from ingestify.catalogue.integrity.deletions import Deletions, find_named
from ingestify.catalogue.integrity.kept_revisions import KeptRevisions
from ingestify.catalogue.logged_commits import LoggedCommits
from ingestify.catalogue.quarantine import QuarantineLog
from ingestify.catalogue.reading.datasets import DatasetReader
from ingestify.catalogue.rows import file_to_row, moment_to_text
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import Tables
from ingestify.domain.change import AppliedChange, DatasetChange, apply_change, settled_event
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import (
    DatasetDeleted,
    DatasetEvent,
    MetadataUpdated,
    RevisionInvalidated,
    RevisionsThinned,
)
from ingestify.domain.file import File
from ingestify.domain.ports import HeadMoved, OnEvents
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.thinning import ChooseThinned, Thinned, without_revisions
from ingestify.errors import SaveError
from ingestify.failpoints import failpoint

__all__ = ["DatasetWriter", "Identity"]

Identity = tuple[str, str, str, str]
"""A dataset's bucket, provider, dataset type and canonical identifier."""


class DatasetWriter:
    """Writes the dataset, revision and file tables, together with the event log."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        reader: DatasetReader,
        log: EventLog,
        quarantine: QuarantineLog,
        deletions: Deletions,
        commits: LoggedCommits,
        kept: KeptRevisions,
    ) -> None:
        self._database = database
        self._dialect = database.dialect
        self._tables = tables
        self._reader = reader
        self._log = log
        self._quarantine = quarantine
        self._deletions = deletions
        self._commits = commits
        self._kept = kept
        self._insert_datasets, self._insert_revisions, self._insert_files = (
            BulkStatement(table.insert(), database.sql_dialect, [c.name for c in table.c if c.name != "position"])
            for table in (tables.dataset, tables.revision, tables.file)
        )
        self._describe = self._update(
            "name", "state", "metadata", "updated_at", "last_modified_at", "feeds", "missing_feeds"
        )
        self._identify = self._update("identifier", "identifier_key")
        self._move_head = self._update("current_revision_id", "current_created_at", "current_state")

    def _update(self, *names: str) -> BulkStatement:
        dataset = self._tables.dataset
        statement = (
            dataset.update()
            .where(dataset.c.dataset_id == sa.bindparam("which"))
            .values({name: sa.bindparam(f"new_{name}") for name in names})
        )
        return BulkStatement(statement, self._database.sql_dialect)

    def insert(
        self,
        connection: sa.Connection,
        datasets: Sequence[Mapping[str, Any]],
        revisions: Sequence[Mapping[str, Any]],
        files: Sequence[Mapping[str, Any]],
        warnings: Sequence[Mapping[str, Any]],
    ) -> None:
        """Insert rows in the caller's transaction."""
        self._insert_datasets.execute(connection, datasets)
        self._insert_revisions.execute(connection, revisions)
        self._insert_files.execute(connection, files)
        if warnings:
            connection.execute(self._tables.revision_warning.insert(), warnings)

    def apply(self, changes: Sequence[DatasetChange], removals_seen: int = 0) -> list[AppliedChange]:
        """Commit changes with their events: all or none.

        Raises:
            ObjectsInDoubt: Objects of the new files may be gone.
            HeadMoved: Another writer changed a dataset after its change was computed, or a dataset comes twice.
            SaveError: The database refused.
            OutcomeUnknown: The connection was lost at the commit, and the log could not be read.
        """
        if not changes:
            return []
        doing = f"save {len(changes)} {'dataset' if len(changes) == 1 else 'datasets'}"
        applied: list[AppliedChange] = []

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            failpoint("commit.begun")
            if any(change.rejected or change.settlement is not None for change in changes):
                # Two runs may reject the first bundle of a dataset, which has no row that they could lock.
                self._log.lock(connection)
            # A new dataset is inserted: the unique index tells whether another writer was quicker.
            seen = [change for change in changes if change.existing is not None or change.rejected]
            if outdated := self._find_outdated(connection, seen):
                raise HeadMoved(outdated)
            applied[:] = [apply_change(change, moment) for change in changes]
            if outdated := self._settle(connection, changes, moment):
                raise HeadMoved(outdated)
            self._write(connection, changes, applied)
            return [event for one in applied for event in one.events]

        try:
            paths = [file.storage_path for change in changes for file in change.files]
            events = iter(self._commits.commit(doing, write, paths, removals_seen))
        except SaveError as error:
            is_taken = isinstance(error.__cause__, sa.exc.IntegrityError)
            if is_taken and (outdated := self._read_outdated(doing, changes)):
                raise HeadMoved(outdated) from error
            raise
        return [dataclasses.replace(one, events=tuple(next(events) for _ in one.events)) for one in applied]

    @retried
    def _read_outdated(self, doing: str, changes: Sequence[DatasetChange]) -> list[DatasetChange]:
        with self._database.settled(doing, self._tables.version_table_name) as connection:
            return self._find_outdated(connection, changes)

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> list[DatasetEvent]:
        """Mark current revisions VALIDATION_FAILED; datasets without a revision, or marked already, stay."""

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            events: list[DatasetEvent] = []
            for before in self._load_to_change(connection, dataset_ids):
                if not before.revisions or before.revisions[-1].state is RevisionState.VALIDATION_FAILED:
                    continue
                after = _invalidated(before, reason, moment=moment)
                self._set_state(connection, after, after.revisions[-1])
                events.append(RevisionInvalidated(dataset=after, reason=reason, occurred_at=moment))
            self._quarantine.retry_of_datasets(connection, [event.dataset.dataset_id for event in events])
            self._forget_syncs(connection)
            return events

        return self._commits.commit("invalidate revisions", write)

    def _load_to_change(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return datasets in full, and lock them until the commit."""
        for ids in chunks(sorted(set(dataset_ids))):
            self._dialect.lock_rows(connection, self._tables.dataset.c.dataset_id, ids)
        return self._reader.load(connection, list(dict.fromkeys(dataset_ids)))

    def _forget_syncs(self, connection: sa.Connection) -> None:
        """Count no selector as complete any more, so that the next run lists each of them."""
        connection.execute(self._tables.selector_sync.update().values(complete=False))

    def delete(self, dataset_ids: Sequence[str], on_events: OnEvents | None = None) -> list[str]:
        """Remove datasets with their revisions and files, in one transaction; their events stay.

        Args:
            dataset_ids: The datasets.
            on_events: Called with the events after the commit.

        Returns:
            The paths of the objects that this orphaned. The time of each is kept.
        """
        tables, file = self._tables, self._tables.file
        theirs = (
            *(file, tables.file_profile, tables.revision_warning, tables.kept_revision),
            *(tables.revision, tables.dataset),
        )
        orphans: list[str] = []

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            last = self._load_to_change(connection, dataset_ids)
            paths: list[str] = []
            for ids in chunks(sorted(set(dataset_ids))):
                named = sa.select(file.c.storage_path).where(self._dialect.any_of(file.c.dataset_id, ids))
                paths += connection.scalars(named)
                paths += self._quarantine.remove_of_datasets(connection, ids)
                for table in theirs:
                    connection.execute(table.delete().where(self._dialect.any_of(table.c.dataset_id, ids)))
            self._forget_syncs(connection)
            orphans[:] = self._find_orphans(connection, paths)
            self._deletions.record(connection, orphans, moment)
            return [DatasetDeleted(dataset=one, occurred_at=moment) for one in last]

        events = self._commits.commit("delete datasets", write)
        if on_events is not None:
            on_events(events)
        return orphans

    def thin(self, dataset_ids: Sequence[str], choose: ChooseThinned, on_events: OnEvents) -> list[Thinned]:
        """Remove the files of revisions that `choose` returns, unless another revision needs them.

        The revisions stay, as THINNED.

        Args:
            dataset_ids: The datasets.
            choose: Gets a dataset and the numbers of its revisions that are kept.
            on_events: Called with the events after the commit.

        Returns:
            What was thinned. The time at which each object lost its last row is kept.
        """
        thinned: list[Thinned] = []

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            datasets = self._load_to_change(connection, dataset_ids)
            self._log.lock(connection)  # after the rows, as in each commit; nobody keeps a revision meanwhile
            kept = self._kept.read(connection, dataset_ids)
            thinned.clear()
            for dataset in datasets:
                if numbers := choose(dataset, kept.get(dataset.dataset_id, ())):
                    gone = without_revisions(dataset, numbers)
                    self._thin(connection, dataset, numbers, gone)
                    paths = self._find_orphans(connection, [file.storage_path for file in gone])
                    self._deletions.record(connection, paths, moment)
                    thinned.append(Thinned(dataset, numbers, gone))
            return [
                RevisionsThinned(dataset=one.after, revision_ids=tuple(one.revisions), occurred_at=moment)
                for one in thinned
            ]

        on_events(self._commits.commit("thin revisions", write))
        return thinned

    def _thin(self, connection: sa.Connection, dataset: Dataset, numbers: Sequence[int], gone: Sequence[File]) -> None:
        revision, file = self._tables.revision, self._tables.file
        for number in numbers:
            file_ids = [one.file_id for one in gone if one.revision_id == number]
            of_it = (file.c.dataset_id == dataset.dataset_id, file.c.revision_id == number)
            connection.execute(file.delete().where(*of_it, file.c.file_id.in_(file_ids)))
        for some in chunks(numbers):
            connection.execute(
                revision.update()
                .where(revision.c.dataset_id == dataset.dataset_id, revision.c.revision_id.in_(some))
                .values(state=RevisionState.THINNED.value)
            )

    def discard_quarantine(
        self, entry_ids: Sequence[str], decided_by: str, note: str, on_events: OnEvents | None = None
    ) -> list[str]:
        """Mark open quarantine entries DISCARDED. Returns the paths of the objects that this orphaned."""
        orphans: list[str] = []

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            paths = self._quarantine.discard(connection, entry_ids, decided_by, note)
            entries = self._quarantine.load(connection, paths)
            there = self._reader.load(connection, list(dict.fromkeys(entry.dataset_id for entry in entries)))
            by_id = {dataset.dataset_id: dataset for dataset in there}
            orphans[:] = self._find_orphans(connection, [path for some in paths.values() for path in some])
            return [
                settled_event(
                    by_id.get(entry.dataset_id) or entry.dataset_to_be(),
                    entry.entry_id,
                    entry.state,
                    decided_by,
                    note,
                    moment,
                )
                for entry in entries
            ]

        events = self._commits.commit("discard quarantine entries", write)
        if on_events is not None:
            on_events(events)
        return orphans

    def _find_orphans(self, connection: sa.Connection, paths: Sequence[str]) -> list[str]:
        """Return those of `paths` that no revision and no quarantine entry names."""
        named = find_named(connection, self._database, self._tables, list(dict.fromkeys(paths)))
        return [path for path in dict.fromkeys(paths) if path and path not in named]

    def mark_missing(self, dataset_ids: Sequence[str]) -> list[DatasetEvent]:
        """Set the state of datasets to MISSING; those that have it already stay."""
        columns = self._tables.dataset.c

        def write(connection: sa.Connection, moment: dt.datetime) -> list[DatasetEvent]:
            events: list[DatasetEvent] = []
            for before in self._load_to_change(connection, dataset_ids):
                if before.state is DatasetState.MISSING:
                    continue
                after = dataclasses.replace(before, state=DatasetState.MISSING, updated_at=moment)
                connection.execute(
                    self._tables.dataset.update()
                    .where(columns.dataset_id == after.dataset_id)
                    .values(state=after.state.value, updated_at=moment_to_text(moment))
                )
                events.append(MetadataUpdated(dataset=after, occurred_at=moment))
            return events

        return self._commits.commit("mark datasets as missing", write)

    # ---- the parts of apply ----------------------------------------------------------------------------

    def _set_state(self, connection: sa.Connection, dataset: Dataset, head: Revision) -> None:
        """Write the state of a current revision, and its reason."""
        table, revision = self._tables.dataset, self._tables.revision
        connection.execute(
            revision.update()
            .where(revision.c.dataset_id == dataset.dataset_id, revision.c.revision_id == head.revision_id)
            .values(state=head.state.value, description=head.description)
        )
        connection.execute(
            table.update()
            .where(table.c.dataset_id == dataset.dataset_id)
            .values(current_state=head.state.value, updated_at=moment_to_text(dataset.updated_at))
        )

    def _find_outdated(self, connection: sa.Connection, changes: Sequence[DatasetChange]) -> list[DatasetChange]:
        """Return the changes whose dataset another writer has changed, with one set query for each kind."""
        heads = self._read_heads(
            connection, [change.existing.dataset_id for change in changes if change.existing is not None]
        )
        taken = self.find_taken(connection, [_identity(change) for change in changes if change.existing is None])
        outdated = []
        for change in changes:
            if change.existing is None:
                identity = _identity(change)
                if identity in taken:
                    outdated.append(change)
                taken.add(identity)
            else:
                # Popped: of two changes to one dataset, the second one does not know the first.
                seen = (change.expected_revision_count, moment_to_text(change.existing.updated_at))
                if heads.pop(change.existing.dataset_id, None) != seen:
                    outdated.append(change)
        return outdated

    def _settle(
        self, connection: sa.Connection, changes: Sequence[DatasetChange], moment: dt.datetime
    ) -> list[DatasetChange]:
        """Settle quarantine entries. Returns the changes whose entry is not as they saw it."""
        return [
            change
            for change in changes
            if (change.rejected and self._quarantine.has_unseen(connection, change))
            or (change.settlement is not None and not self._quarantine.settle(connection, change.settlement, moment))
        ]

    def _read_heads(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> dict[str, tuple[int, str | None]]:
        """Return, by dataset id, how many revisions there are, and when the dataset was last updated."""
        columns = self._tables.dataset.c
        heads: dict[str, tuple[int, str | None]] = {}
        for ids in chunks(sorted(set(dataset_ids))):
            # On a server, FOR UPDATE locks the rows until the commit. SQLite has no such clause, and needs none.
            statement = (
                sa.select(columns.dataset_id, columns.current_revision_id, columns.updated_at)
                .where(self._dialect.any_of(columns.dataset_id, ids))
                .order_by(columns.dataset_id)
                .with_for_update()
            )
            for dataset_id, current, updated_at in connection.execute(statement):
                heads[dataset_id] = (0 if current is None else current + 1, updated_at)
        return heads

    def find_taken(self, connection: sa.Connection, identities: Iterable[Identity]) -> set[Identity]:
        """Return those of `identities` that exist, with one set query for each kind and thousand."""
        columns = self._tables.dataset.c
        groups: dict[tuple[str, str, str], list[str]] = {}
        for *kind, key in identities:
            groups.setdefault((kind[0], kind[1], kind[2]), []).append(key)
        taken: set[Identity] = set()
        for (bucket, provider, dataset_type), keys in groups.items():
            for some in chunks(keys):
                statement = sa.select(columns.identifier_key).where(
                    columns.bucket == bucket,
                    columns.provider == provider,
                    columns.dataset_type == dataset_type,
                    self._dialect.any_of(columns.identifier_key, some),
                )
                taken.update((bucket, provider, dataset_type, key) for key in connection.scalars(statement))
        return taken

    def _write(
        self, connection: sa.Connection, changes: Sequence[DatasetChange], applied: Sequence[AppliedChange]
    ) -> None:
        new, described, identified, heads, revisions = [], [], [], [], []
        warnings: list[dict[str, Any]] = []
        profiles: list[dict[str, Any]] = []
        files: list[dict[str, Any]] = []
        for change, one in zip(changes, applied, strict=True):
            dataset, revision = one.dataset, one.revision
            if one.entry is not None:
                continue  # the dataset stays as it is
            row = description_columns(dataset, change.stored_metadata)
            if change.existing is None:
                new.append({**fixed_columns(dataset), **row, **head_columns(revision)})
            else:
                described.append({"which": dataset.dataset_id, **{f"new_{name}": value for name, value in row.items()}})
                if dataset.identifier != change.existing.identifier:
                    fixed = fixed_columns(dataset)
                    identity = {f"new_{name}": fixed[name] for name in ("identifier", "identifier_key")}
                    identified.append({"which": dataset.dataset_id, **identity})
                if change.revalidates and revision is None:
                    self._set_state(connection, dataset, dataset.revisions[-1])
                if revision is not None:
                    head = {f"new_{name}": value for name, value in head_columns(revision).items()}
                    heads.append({"which": dataset.dataset_id, **head})
            if revision is not None:
                revisions.append(revision_row(dataset.dataset_id, revision))
                warnings += warning_rows(dataset.dataset_id, [revision])
                profiles += [profile_row(dataset.dataset_id, revision, change, each) for each in change.profiles]
                files += [
                    file_to_row(dataset.dataset_id, number, file) for number, file in enumerate(revision.modified_files)
                ]
        self.insert(connection, new, revisions, files, warnings)
        if profiles:
            connection.execute(self._tables.file_profile.insert(), profiles)
        self._describe.execute(connection, described)
        self._identify.execute(connection, identified)
        self._move_head.execute(connection, heads)
        self._quarantine.add(connection, [one.entry for one in applied if one.entry is not None])


def _identity(change: DatasetChange) -> Identity:
    return change.bucket, change.provider, change.dataset_type, change.identifier.canonical


def _invalidated(dataset: Dataset, reason: str, *, moment: dt.datetime) -> Dataset:
    head = dataset.revisions[-1]
    failed = dataclasses.replace(head, state=RevisionState.VALIDATION_FAILED, description=reason or head.description)
    return dataclasses.replace(dataset, revisions=(*dataset.revisions[:-1], failed), updated_at=moment)
