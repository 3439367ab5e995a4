"""Reading datasets."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.reading.scan import ConditionScan
from ingestify.catalogue.rows import (
    DATASET_STATES,
    REVISION_STATES,
    Feeds,
    json_value,
    moment_from_text,
    moment_of,
    names_from_text,
    revisions_from_text,
    to_moment,
)
from ingestify.catalogue.selection import chunks, conditions
from ingestify.catalogue.tables import OBJECT_COLUMNS, WITH_WARNINGS, Tables
from ingestify.domain.condition import Answers
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState, DatasetSummary
from ingestify.domain.identifier import Identifier
from ingestify.domain.key_types import KeyTypes
from ingestify.domain.ports import DatasetDescription, DatasetFilter, KnownDataset
from ingestify.domain.profile import FileProfile
from ingestify.domain.revision import Revision

__all__ = ["DatasetReader"]

IDENTITIES_AT_ONCE = 10_000


class DatasetReader:
    """Reads the dataset, revision and file tables. Each call, or each batch, sees one moment."""

    def __init__(self, database: Database, tables: Tables, key_types: KeyTypes) -> None:
        self._database = database
        self._key_types = key_types
        self._dialect = database.dialect
        self._tables = tables
        self._scan = ConditionScan(database, tables)
        dataset, revision, file = tables.dataset.c, tables.revision.c, tables.file.c
        self._known_columns = (
            *dataset["identifier_key", "dataset_id", "name", "state", "metadata", "last_modified_at"],
            *dataset["current_created_at", "current_state", "feeds", "missing_feeds"],
        )
        own = revision["revision_id", "created_at", "state", "description", "source", "removed_file_ids"]
        self._revisions = self._gathered(tables.revision, *own)
        self._dataset_columns = (
            *dataset["position", "dataset_id", "bucket", "provider", "dataset_type", "identifier", "name", "state"],
            *dataset["metadata", "created_at", "updated_at", "last_modified_at", "feeds", "missing_feeds"],
            dataset.current_created_at,
            self._revisions,
            self._gathered(tables.file, file.file_number, *file[OBJECT_COLUMNS], *file["created_at", "revision_id"]),
        )
        warning = tables.revision_warning
        self._warnings = self._gathered(warning, warning.c.revision_id, warning.c.warnings)

    @retried
    def find_known(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> dict[Identifier, KnownDataset]:
        """Return those of `identifiers` that the lake has, with one set query for a thousand."""
        by_key = {identifier.canonical: identifier for identifier in identifiers}
        found: dict[Identifier, KnownDataset] = {}
        with self._database.read("look up datasets") as connection:
            for keys in chunks(by_key):
                statement = sa.select(*self._known_columns).where(
                    *self._identity(bucket, provider, dataset_type),
                    self._dialect.any_of(self._tables.dataset.c.identifier_key, keys),
                )
                for (
                    key,
                    dataset_id,
                    name,
                    state,
                    metadata,
                    modified,
                    current,
                    current_state,
                    feeds,
                    missing_feeds,
                ) in connection.execute(statement).all():
                    feed_states = Feeds(feeds)
                    found[by_key[key]] = KnownDataset(
                        dataset_id,
                        name,
                        DATASET_STATES[state],
                        metadata,
                        DatasetSummary(
                            None if modified is None else moment_of(modified),
                            None if current is None else to_moment(current),
                            None if current_state is None else REVISION_STATES[current_state],
                            current_state is not None,
                            feed_states,
                        ),
                        () if missing_feeds is None else names_from_text(missing_feeds),
                        feed_states.may_have_problems,
                        feed_states.are_adopted,
                    )
        return found

    @retried
    def find(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> Dataset | None:
        """Return one dataset in full, or None."""
        statement = sa.select(*self._dataset_columns, self._warnings_column).where(
            *self._identity(bucket, provider, dataset_type),
            self._tables.dataset.c.identifier_key == identifier.canonical,
        )
        with self._database.read("find a dataset") as connection:
            found = self._datasets_of(connection.execute(statement).all())
        return found[0] if found else None

    @retried
    def get(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return datasets in full, in the order of the ids, without those that do not exist."""
        with self._database.read("read datasets") as connection:
            return self.load(connection, dataset_ids)

    def load(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return the same, in the caller's transaction."""
        found: dict[str, Dataset] = {}
        for ids in chunks(dict.fromkeys(dataset_ids)):
            statement = sa.select(*self._dataset_columns, self._warnings_column).where(
                self._dialect.any_of(self._tables.dataset.c.dataset_id, ids)
            )
            rows = connection.execute(statement).all()
            found.update((dataset.dataset_id, dataset) for dataset in self._datasets_of(rows))
        return [found[dataset_id] for dataset_id in dataset_ids if dataset_id in found]

    def iter_batches(
        self, dataset_filter: DatasetFilter, batch_size: int, offset: int = 0, limit: int | None = None
    ) -> Iterator[list[Dataset]]:
        """Yield datasets in full, in the order in which they came into the lake. Uses no connection between batches."""
        if dataset_filter.where is not None:
            yield from self._iter_matching(dataset_filter, batch_size, offset, limit)
            return
        position = self._tables.dataset.c.position
        wanted = conditions(self._dialect, self._tables.dataset, dataset_filter, in_order=True)
        statement = sa.select(*self._dataset_columns, self._warnings_column).where(*wanted).order_by(position)
        remaining, last = limit, None
        while remaining is None or remaining > 0:
            size = batch_size if remaining is None else min(batch_size, remaining)
            page = statement.limit(size)
            # The next page begins behind the last position: an offset would make a long read quadratic.
            page = page.offset(offset) if last is None else page.where(position > last)
            rows, batch = self._read_batch(page)
            if not batch:
                return
            yield batch
            if len(rows) < size:
                return
            last = rows[-1].position
            if remaining is not None:
                remaining -= len(rows)

    @retried
    def _read_batch(self, page: sa.Executable) -> tuple[Sequence[sa.Row[Any]], list[Dataset]]:
        with self._database.read("read datasets") as connection:
            rows = connection.execute(page).all()
        return rows, self._datasets_of(rows)

    def _iter_matching(
        self, dataset_filter: DatasetFilter, batch_size: int, offset: int, limit: int | None
    ) -> Iterator[list[Dataset]]:
        """Yield the same for a filter with a condition; offset and limit count the datasets that fulfil it."""
        self._scan.refuse_unknown_keys(dataset_filter)
        found: list[Dataset] = []
        answers = Answers(dataset_filter.where)
        after: int | None = 0
        while after is not None and limit != 0:
            batch, skipped, after = self._read_matching(dataset_filter, offset, limit, after, answers)
            found += batch
            offset -= skipped
            limit = None if limit is None else limit - len(batch)
            while len(found) >= batch_size:
                yield found[:batch_size]
                found = found[batch_size:]
        if found:
            yield found
        if after is None:
            self._scan.end(answers)

    @retried
    def _read_matching(
        self, dataset_filter: DatasetFilter, offset: int, limit: int | None, after: int, answers: Answers
    ) -> tuple[list[Dataset], int, int | None]:
        """Return a page's datasets that fulfil the condition, how many were skipped, and the next page's start."""
        with self._database.read("read datasets") as connection:
            rows, further = self._scan.page(connection, dataset_filter, after, answers)
            skipped = min(offset, len(rows))
            rows = rows[skipped:] if limit is None else rows[skipped : skipped + limit]
            return self.load(connection, [row.dataset_id for row in rows]), skipped, further

    @retried
    def find_newest(
        self, dataset_filter: DatasetFilter, limit: int, before: int | None = None
    ) -> tuple[list[Dataset], int | None]:
        """Return a page of datasets in full, those first that came last, and where the next page begins."""
        assert dataset_filter.where is None, "a condition is evaluated dataset by dataset"
        table = self._tables.dataset
        wanted = conditions(self._dialect, table, dataset_filter, in_order=True)
        if before is not None:
            wanted.append(table.c.position < before)
        statement = sa.select(table.c.position, table.c.dataset_id).where(*wanted)
        with self._database.read("read datasets") as connection:
            rows = connection.execute(statement.order_by(table.c.position.desc()).limit(limit + 1)).all()
            found = self.load(connection, [row.dataset_id for row in rows[:limit]])
        return found, rows[limit - 1].position if len(rows) > limit else None

    def iter_identities(self, dataset_filter: DatasetFilter) -> Iterator[tuple[str, str, DatasetState]]:
        """Yield (dataset id, canonical identifier, state). Each page of 10,000 is read at one moment."""
        if dataset_filter.where is not None:
            for row in self._scan.iter_rows(dataset_filter):
                yield row.dataset_id, row.identifier_key, DATASET_STATES[row.state]
            return
        columns = self._tables.dataset.c
        statement = (
            sa.select(columns.position, columns.dataset_id, columns.identifier_key, columns.state)
            .where(*conditions(self._dialect, self._tables.dataset, dataset_filter, in_order=True))
            .order_by(columns.position)
            .limit(IDENTITIES_AT_ONCE)
        )
        last = 0
        while True:
            rows = self._read_identities(statement.where(columns.position > last))
            for _, dataset_id, key, state in rows:
                yield dataset_id, key, DATASET_STATES[state]
            if len(rows) < IDENTITIES_AT_ONCE:
                return
            last = rows[-1].position

    def iter_descriptions(self, dataset_filter: DatasetFilter) -> Iterator[DatasetDescription]:
        """Yield the names and identifiers of datasets."""
        for row in self._scan.iter_rows(dataset_filter):
            yield DatasetDescription(
                row.dataset_id,
                row.provider,
                row.dataset_type,
                json_value(row.identifier),
                row.name,
                json_value(row.metadata),
            )

    @retried
    def find_with_revisions(self, least: int) -> list[str]:
        """Return the ids of the datasets of all buckets that have so many revisions or more."""
        columns = self._tables.dataset.c
        statement = sa.select(columns.dataset_id).where(columns.current_revision_id >= least - 1)
        with self._database.read("look for datasets with many revisions") as connection:
            return list(connection.scalars(statement.order_by(columns.position)))

    @retried
    def _read_identities(self, statement: sa.Executable) -> Sequence[Any]:
        with self._database.read("list datasets") as connection:
            return connection.execute(statement).all()

    def read_metadata(self, dataset_filter: DatasetFilter) -> CollectionMetadata:
        """Return how many datasets the filter names, and their newest provider time."""
        if dataset_filter.where is not None:
            number, latest = 0, ""
            for row in self._scan.iter_rows(dataset_filter):
                number, latest = number + 1, max(latest, row.last_modified_at or "")
            return CollectionMetadata(number, moment_from_text(latest or None))
        columns = self._tables.dataset.c
        statement = sa.select(sa.func.count(), sa.func.max(columns.last_modified_at)).where(
            *conditions(self._dialect, self._tables.dataset, dataset_filter)
        )
        return self._count(statement.select_from(self._tables.dataset))

    @retried
    def _count(self, statement: sa.Executable) -> CollectionMetadata:
        with self._database.read("count datasets") as connection:
            count, newest = connection.execute(statement).one()
        return CollectionMetadata(count, moment_from_text(newest))

    @retried
    def count_by_kind(self, dataset_filter: DatasetFilter) -> dict[tuple[str, str, DatasetState], int]:
        """Count the datasets that the filter names by (provider, dataset type, state)."""
        assert dataset_filter.where is None, "a condition is evaluated dataset by dataset"
        table = self._tables.dataset
        kind = (table.c.provider, table.c.dataset_type, table.c.state)
        statement = sa.select(*kind, sa.func.count()).where(*conditions(self._dialect, table, dataset_filter))
        with self._database.read("count datasets") as connection:
            rows = connection.execute(statement.group_by(*kind)).all()
        return {(provider, dataset_type, DATASET_STATES[state]): count for provider, dataset_type, state, count in rows}

    def _identity(self, bucket: str, provider: str, dataset_type: str) -> tuple[sa.ColumnElement[bool], ...]:
        columns = self._tables.dataset.c
        return columns.bucket == bucket, columns.provider == provider, columns.dataset_type == dataset_type

    def _datasets_of(self, rows: Sequence[Any]) -> list[Dataset]:
        """Return the datasets of rows with `_dataset_columns` and `_warnings_column`."""
        restore = self._key_types.restore
        return [
            Dataset.stored(
                {
                    "dataset_id": dataset_id,
                    "bucket": bucket,
                    "provider": provider,
                    "dataset_type": dataset_type,
                    "identifier": restore(provider, dataset_type, Identifier.stored(json_value(identifier))),
                    "name": name,
                    "state": DATASET_STATES[state],
                    "metadata": json_value(metadata),
                    "created_at": to_moment(created_at),
                    "updated_at": to_moment(updated_at),
                    "last_modified_at": moment_from_text(last_modified_at),
                    "feeds": Feeds(feeds),
                    "missing_feeds": names_from_text(missing_feeds),
                },
                functools.partial(revisions_from_text, revisions, files, warnings),
                moment_from_text(current_created_at),
            )
            for (
                _,
                dataset_id,
                bucket,
                provider,
                dataset_type,
                identifier,
                name,
                state,
                metadata,
                created_at,
                updated_at,
                last_modified_at,
                feeds,
                missing_feeds,
                current_created_at,
                revisions,
                files,
                warnings,
            ) in rows
        ]

    def load_revisions(self, connection: sa.Connection, dataset_ids: Sequence[str]) -> dict[str, tuple[Revision, ...]]:
        """Return the revisions of datasets without their files, oldest first, in the caller's transaction."""
        found: dict[str, tuple[Revision, ...]] = {}
        own = self._tables.dataset.c.dataset_id
        for ids in chunks(dataset_ids):
            statement = sa.select(own, self._revisions, self._warnings_column).where(self._dialect.any_of(own, ids))
            for dataset_id, revisions, warnings in connection.execute(statement).all():
                found[dataset_id] = revisions_from_text(revisions, None, warnings)
        return found

    @property
    def _warnings_column(self) -> sa.ColumnElement[Any]:
        return sa.null() if self._dialect.is_older_than(WITH_WARNINGS) else self._warnings

    @retried
    def find_profiles(self, dataset_id: str, file_id: str, limit: int) -> list[FileProfile]:
        """Return the profiles of a file in the last revisions of a dataset, newest first."""
        columns = self._tables.file_profile.c
        statement = (
            sa.select(columns.file_id, columns.size, columns.row_count, columns.nulls)
            .where(columns.dataset_id == dataset_id, columns.file_id == file_id)
            .order_by(columns.revision_id.desc())
            .limit(limit)
        )
        with self._database.read("read the profiles of files") as connection:
            return [_profile_from(row) for row in connection.execute(statement)]

    @retried
    def find_peer_profiles(self, peers: str, file_id: str, besides: str | None, limit: int) -> list[FileProfile]:
        """Return the newest profile of a file of each of the last datasets that are compared with each other."""
        columns = self._tables.file_profile.c
        statement = (
            sa.select(columns.dataset_id, columns.file_id, columns.size, columns.row_count, columns.nulls)
            .where(columns.peers_hash == peers, columns.file_id == file_id, columns.dataset_id != (besides or ""))
            .order_by(columns.created_at.desc(), columns.dataset_id, columns.revision_id.desc())
            .limit(limit)
        )
        found: dict[str, FileProfile] = {}
        with self._database.read("read the profiles of files") as connection:
            for row in connection.execute(statement):
                found.setdefault(row.dataset_id, _profile_from(row))
        return list(found.values())

    def _gathered(self, table: sa.Table, *columns: sa.Column[Any]) -> sa.ColumnElement[str | None]:
        """Return a column with all rows of the dataset in another table, as a JSON array of arrays in no order.

        One text for each dataset takes less time and memory than its rows, which most readers never look at.
        """
        of_dataset = table.c.dataset_id == self._tables.dataset.c.dataset_id
        return sa.select(self._dialect.gather(columns)).where(of_dataset).scalar_subquery()


def _profile_from(row: Any) -> FileProfile:
    return FileProfile(row.file_id, row.size, row.row_count, json_value(row.nulls))
