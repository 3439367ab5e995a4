"""The integrity check of rows: which objects they name, and whether they agree with each other.

It reads page by page, each page in one transaction. So neither memory nor the database's log grows with the lake, and a
run goes on writing beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.rows import file_from_row, json_value, new_file_from_row, to_moment
from ingestify.catalogue.selection import chunks
from ingestify.catalogue.tables import OBJECT_COLUMNS, Tables
from ingestify.domain.damage import Damage, DamageKind, FileRecord
from ingestify.domain.identifier import Identifier
from ingestify.remedies import remedy

__all__ = ["IntegrityCheck"]

PATHS_AT_ONCE = 500
DATASETS_AT_ONCE = 1000

_RESTORE_CATALOGUE = "restore the catalogue from a backup"
_REPAIR = "verify --repair"

_Revisions: TypeAlias = dict[str, dict[int, tuple[str, str]]]
"""By dataset id and number: (created at, state)."""

_Files: TypeAlias = dict[str, list[tuple[int, str]]]
"""By dataset id: (number, file id)."""


class IntegrityCheck:
    """Reads rows as they are, also if they form no valid dataset."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._dialect = database.dialect
        self._tables = tables
        file, entry_file, dataset, entry = tables.file, tables.quarantine_file, tables.dataset, tables.quarantine
        identity = ("bucket", "provider", "dataset_type", "identifier")
        self._files = sa.select(
            *dataset.c[identity],
            file.c.dataset_id,
            *file.c[OBJECT_COLUMNS],
            *file.c["created_at", "revision_id"],
        ).select_from(file.join(dataset, dataset.c.dataset_id == file.c.dataset_id))
        self._entry_files = sa.select(
            *entry.c[identity],
            entry.c.dataset_id,
            *entry_file.c[OBJECT_COLUMNS],
            *entry.c["created_at", "entry_id"],
        ).select_from(entry_file.join(entry, entry.c.entry_id == entry_file.c.entry_id))

    # ---- the objects of rows ---------------------------------------------------------------------------

    def iter_file_records(self, bucket: str | None = None) -> Iterator[list[FileRecord]]:
        """Yield the rows that name objects, in the order of the paths; all rows of one path together."""
        last = ""
        while True:
            paths, records = self._read_records_after(last, bucket)
            if records:
                yield records
            if len(paths) < PATHS_AT_ONCE:
                return
            last = paths[-1]

    @retried
    def _read_records_after(self, last: str, bucket: str | None) -> tuple[list[str], list[FileRecord]]:
        with self._database.read("list the files of the lake") as connection:
            paths = list(connection.scalars(self._paths_after(last, bucket)))
            return paths, self._records(connection, paths, bucket)

    @retried
    def find_file_records(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return the rows that name any of `paths` now."""
        with self._database.read("look up files of the lake") as connection:
            return self._records(connection, list(dict.fromkeys(paths)), None)

    @retried
    def find_records_by_tag(self, tags: Sequence[str]) -> list[FileRecord]:
        """Return the rows whose bytes have one of these hashes. It reads all rows, so pass many hashes at once."""
        found: list[FileRecord] = []
        with self._database.read("look for other copies of files") as connection:
            for some in chunks(dict.fromkeys(tags)):
                for statement, column, make in self._both("tag"):
                    rows = connection.execute(statement.where(self._dialect.any_of(column, some))).all()
                    found += [make(row) for row in rows]
        return [record for record in found if record.file.storage_path]

    def _both(self, name: str) -> tuple[tuple[Any, Any, Any], ...]:
        return (
            (self._files, self._tables.file.c[name], _record),
            (self._entry_files, self._tables.quarantine_file.c[name], _entry_record),
        )

    def _paths_after(self, last: str, bucket: str | None) -> Any:
        parts = []
        for statement, path, _ in self._both("storage_path"):
            part = statement.with_only_columns(path).where(path > last)
            if bucket is not None:
                owner = self._tables.dataset if statement is self._files else self._tables.quarantine
                part = part.where(self._dialect.unindexed(owner.c.bucket) == bucket)
            parts.append(part)
        return sa.union(*parts).order_by("storage_path").limit(PATHS_AT_ONCE)

    def _records(self, connection: sa.Connection, paths: Sequence[str], bucket: str | None) -> list[FileRecord]:
        found: dict[str, list[FileRecord]] = {path: [] for path in paths}
        for some in chunks(paths):
            for statement, column, make in self._both("storage_path"):
                for row in connection.execute(statement.where(self._dialect.any_of(column, some))).all():
                    record = make(row)
                    if bucket in (None, record.bucket):
                        found[record.file.storage_path].append(record)
        return [record for records in found.values() for record in records]

    # ---- damaged rows ---------------------------------------------------------------------------------

    def iter_row_damages(self, bucket: str | None = None) -> Iterator[Damage]:
        """Yield the damages of rows; rows without a dataset belong to every bucket."""
        yield from self._find_duplicates(bucket)
        yield from self._find_dangling()
        dataset = self._tables.dataset.c
        statement = sa.select(
            *dataset["position", "dataset_id", "bucket", "provider", "dataset_type", "identifier"],
            *dataset["current_revision_id", "current_created_at", "current_state", "feeds"],
        )
        if bucket is not None:
            statement = statement.where(self._dialect.unindexed(dataset.bucket) == bucket)
        statement = statement.order_by(dataset.position).limit(DATASETS_AT_ONCE)
        last = -1
        while True:
            rows, revisions, files = self._read_datasets(statement.where(dataset.position > last))
            for row in rows:
                yield from _find_in_dataset(row, revisions[row.dataset_id], files[row.dataset_id])
            if len(rows) < DATASETS_AT_ONCE:
                return
            last = rows[-1].position

    @retried
    def _read_datasets(self, statement: sa.Executable) -> tuple[Sequence[sa.Row[Any]], _Revisions, _Files]:
        with self._database.read("check the rows of the lake") as connection:
            rows = connection.execute(statement).all()
            return rows, *self._revisions_and_files(connection, [row.dataset_id for row in rows])

    def _revisions_and_files(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> tuple[_Revisions, _Files]:
        """Return the revisions and files of datasets."""
        revision, file = self._tables.revision.c, self._tables.file.c
        revisions: _Revisions = defaultdict(dict)
        files: _Files = defaultdict(list)
        for ids in chunks(dataset_ids):
            statement = sa.select(revision.dataset_id, revision.revision_id, revision.created_at, revision.state)
            for dataset_id, number, *row in connection.execute(
                statement.where(self._dialect.any_of(revision.dataset_id, ids))
            ):
                revisions[dataset_id][number] = (row[0], row[1])
            of_files = sa.select(file.dataset_id, file.revision_id, file.file_id)
            for dataset_id, number, file_id in connection.execute(
                of_files.where(self._dialect.any_of(file.dataset_id, ids))
            ):
                files[dataset_id].append((number, file_id))
        return revisions, files

    @retried
    def _read_duplicates(self, bucket: str | None) -> list[tuple[Any, list[Any]]]:
        """Return each identity that several datasets have, with those datasets."""
        dataset = self._tables.dataset.c
        identity = (dataset.bucket, dataset.provider, dataset.dataset_type, dataset.identifier_key)
        statement = sa.select(*identity).group_by(*identity).having(sa.func.count() > 1)
        if bucket is not None:
            statement = statement.where(dataset.bucket == bucket)
        found: list[tuple[Any, list[Any]]] = []
        with self._database.read("look for datasets that are there twice") as connection:
            for row in connection.execute(statement).all():
                same = [column == value for column, value in zip(identity, row, strict=True)]
                of_them = sa.select(dataset.dataset_id, dataset.identifier).where(*same).order_by(dataset.position)
                found.append((row, list(connection.execute(of_them).all())))
        return found

    def _find_duplicates(self, bucket: str | None = None) -> Iterator[Damage]:
        for row, several in self._read_duplicates(bucket):
            first, *others = (one.dataset_id for one in several)
            for other in others:
                yield Damage(
                    DamageKind.DUPLICATE_DATASET,
                    _title(row.provider, row.dataset_type, several[0].identifier),
                    f"the datasets {first} and {other} have this identity",
                    f"Look at both with {remedy('show')}, and remove one with {remedy('delete')}, such as {other}; the "
                    f"catalogue's unique index is gone, so {_RESTORE_CATALOGUE} if there is one",
                    bucket=row.bucket,
                    dataset_id=other,
                )

    @retried
    def _read_dangling(self) -> tuple[dict[str, list[str]], list[tuple[str, int]]]:
        """Return the rows without a dataset, by its id, and the number of rows without a quarantine entry."""
        tables = self._tables
        lost: dict[str, list[str]] = {}
        with self._database.read("look for rows without a dataset") as connection:
            for table, name in (
                (tables.revision, "revisions"),
                (tables.file, "files"),
                (tables.revision_warning, "warnings"),
                (tables.file_profile, "profiles"),
            ):
                if not connection.dialect.has_table(connection, table.name):
                    continue  # a read-only archive may be older than it
                for dataset_id, count in self._count_without_parent(
                    connection, table.c.dataset_id, tables.dataset.c.dataset_id
                ):
                    lost.setdefault(dataset_id, []).append(f"{count} {name}")
            return lost, self._count_without_parent(
                connection, tables.quarantine_file.c.entry_id, tables.quarantine.c.entry_id
            )

    def _find_dangling(self) -> Iterator[Damage]:
        lost, of_no_entry = self._read_dangling()
        advice = (
            f"{remedy(_REPAIR)} removes these rows, which nobody can read; if it was lost, {_RESTORE_CATALOGUE} instead"
        )
        for dataset_id, rows in lost.items():
            what = f"{' and '.join(rows)} belong to it, and it is not there"
            yield Damage(DamageKind.DANGLING_ROW, f"dataset {dataset_id}", what, advice, dataset_id=dataset_id)
        for entry_id, count in of_no_entry:
            what = f"{count} files belong to it, and it is not there"
            yield Damage(DamageKind.DANGLING_ROW, f"quarantine entry {entry_id}", what, advice, entry_id=entry_id)

    def _count_without_parent(self, connection: sa.Connection, child: Any, parent: Any) -> list[tuple[str, int]]:
        """Return the ids that rows refer to and that do not exist, with the number of those rows."""
        statement = (
            sa.select(child, sa.func.count())
            .select_from(child.table.outerjoin(parent.table, parent == child))
            .where(parent.is_(None))
            .group_by(child)
        )
        return [(one_id, count) for one_id, count in connection.execute(statement)]


def _title(provider: str, dataset_type: str, identifier: str) -> str:
    try:
        named = str(Identifier.stored(json_value(identifier)))
    except (ValueError, TypeError, AttributeError):
        named = identifier  # a broken row
    return f"{provider}/{dataset_type}/{named}"


def _record(row: Any) -> FileRecord:
    bucket, provider, dataset_type, identifier, dataset_id, *values = row
    return FileRecord(bucket, _title(provider, dataset_type, identifier), dataset_id, file_from_row(values))


def _entry_record(row: Any) -> FileRecord:
    bucket, provider, dataset_type, identifier, dataset_id, *values, created_at, entry_id = row
    file = new_file_from_row(values).in_revision(0, to_moment(created_at))
    return FileRecord(bucket, _title(provider, dataset_type, identifier), dataset_id, file, entry_id)


def _find_in_dataset(
    row: Any, revisions: dict[int, tuple[str, str]], files: Sequence[tuple[int, str]]
) -> Iterator[Damage]:
    """Yield the rows of one dataset that do not agree."""
    title = _title(row.provider, row.dataset_type, row.identifier)

    def damage(kind: DamageKind, what: str, advice: str, **where: Any) -> Damage:
        return Damage(kind, title, what, advice, bucket=row.bucket, dataset_id=row.dataset_id, **where)

    newest = max(revisions, default=None)
    missing = sorted(set(range(0 if newest is None else newest)) - set(revisions))
    with_files = {number for number, _ in files}
    if missing:
        can_be_rebuilt = with_files.issuperset(missing)
        advice = (
            f"{remedy(_REPAIR)} makes {'it' if len(missing) == 1 else 'them'} again from the files' rows"
            if can_be_rebuilt
            else f"Nothing can be added to it: {_RESTORE_CATALOGUE}, or remove it with "
            f"{remedy('delete', row.dataset_id)} and run again"
        )
        yield damage(DamageKind.REVISION_GAP, f"it has no revision {', '.join(map(str, missing))}", advice)
    for number in sorted(with_files - set(revisions)):
        yield damage(
            DamageKind.DANGLING_ROW,
            f"files belong to its revision {number}, which is not there",
            f"{remedy(_REPAIR)} makes the revision again from the files' rows",
            revision_id=number,
        )
    head = (row.current_revision_id, row.current_created_at, row.current_state)
    wanted = (None, None, None) if newest is None else (newest, *revisions[newest])
    if head != wanted:
        says = "none" if head[0] is None else f"{head[0]} ({head[2]}, {head[1]})"
        there = "there is none" if newest is None else f"the newest is {newest} ({wanted[2]}, {wanted[1]})"
        yield damage(
            DamageKind.WRONG_HEAD,
            f"it says that its current revision is {says}, and {there}",
            f"{remedy(_REPAIR)} corrects it; if revisions were lost, {_RESTORE_CATALOGUE} instead",
        )
    try:
        came = [file_id for file_id, feed in json_value(row.feeds).items() if feed[0]]
    except (ValueError, TypeError, AttributeError, LookupError):
        yield damage(
            DamageKind.BROKEN_ROW,
            "what it says of its files is not JSON",
            f"{_RESTORE_CATALOGUE.capitalize()}, or remove it with {remedy('delete', row.dataset_id)} and run again",
        )
        return
    there_are = {file_id for _, file_id in files}
    for file_id in came:
        if file_id not in there_are:
            yield damage(
                DamageKind.LOST_FILE_ROW,
                f"it says that {file_id} was stored, and no revision has it",
                f"{remedy(_REPAIR)} fetches it anew; or {_RESTORE_CATALOGUE}",
                file_id=file_id,
            )
