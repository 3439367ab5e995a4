"""Reads the catalogue of a lake of the published package. Nothing is written there."""

from __future__ import annotations

import datetime as dt
import hashlib
import zoneinfo
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.imports.published_values import (
    dataset_of,
    dataset_of_event,
    file_of,
    json_of,
    moment_of,
    revision_of,
)
from ingestify.catalogue.schema import PublishedTables, find_published_tables
from ingestify.domain.adoption import PublishedEvent, PublishedIndex, Unreadable
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import LOGGED_EVENTS
from ingestify.domain.identifier import canonical_text
from ingestify.errors import ConfigurationError, SourceError

__all__ = ["PublishedCatalogue", "find_published_catalogue"]

_ROWS_AT_ONCE = 1000


class PublishedCatalogue:
    """Implements `domain.ports.PublishedCatalogue`.

    Args:
        database: The database, which may be that of our lake too.
        tables: Its tables.
        zone: The zone of times that have none.

    Attributes:
        zone_note: What is assumed of its times, for people; empty: nothing.
    """

    def __init__(self, database: Database, tables: PublishedTables, zone: dt.tzinfo, zone_note: str) -> None:
        self._database = database
        self._tables = tables
        self._zone = zone
        self.zone_note = zone_note
        self._is_in_zone = bool(zone_note) and zone not in (dt.UTC, zoneinfo.ZoneInfo("UTC"))

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    # ---- datasets --------------------------------------------------------------------------------------

    @retried
    def find_index(self) -> PublishedIndex:
        """Return the ids of the datasets to take, in the order in which they came, and those that another replaced."""
        dataset = self._tables.dataset.c
        statement = sa.select(
            *(dataset[name] for name in ("dataset_id", "bucket", "provider", "dataset_type", "identifier"))
        ).order_by(dataset["created_at"], dataset["dataset_id"])
        same: dict[bytes, list[str]] = {}
        order: list[bytes] = []
        with self._database.read("list the datasets of the published package") as connection:
            for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement):
                digest = _identity_of(*row)
                if digest not in same:
                    order.append(digest)
                same.setdefault(digest, []).append(row.dataset_id)
            several = [one for ids in same.values() if len(ids) > 1 for one in ids]
            written = self._find_last_written(connection, several)
        ids, replaced = [], {}
        for digest in order:
            # The objects of all of them have the same paths. They hold what was written last.
            *others, newest = sorted(
                same[digest], key=lambda one: written.get(one, dt.datetime.min.replace(tzinfo=dt.UTC))
            )
            ids.append(newest)
            replaced.update(dict.fromkeys(others, newest))
        return PublishedIndex(ids, replaced)

    @retried
    def count_written_since(self, moment: dt.datetime) -> int:
        """Return how many datasets were written after a moment."""
        statement = sa.select(self._tables.dataset.c["updated_at"])
        with self._database.read("look for what the published package has written") as connection:
            times = connection.scalars(statement)
            return sum((moment_of(value, self._zone) or moment) > moment for value in times)

    def _find_last_written(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, dt.datetime]:
        revision = self._tables.revision.c
        written: dict[str, dt.datetime] = {}
        for some in _parts(ids):
            statement = sa.select(revision["dataset_id"], sa.func.max(revision["created_at"]))
            statement = statement.where(self._database.dialect.any_of(revision["dataset_id"], some))
            for dataset_id, value in connection.execute(statement.group_by(revision["dataset_id"])):
                moment = moment_of(value, self._zone)
                if moment is not None:
                    written[dataset_id] = moment
        return written

    @retried
    def load(self, dataset_ids: Sequence[str]) -> list[Dataset | Unreadable]:
        """Return datasets with all of their revisions, in the order of the ids."""
        if not dataset_ids:
            return []
        tables = self._tables
        with self._database.read("read datasets of the published package") as connection:
            rows = {row["dataset_id"]: row for row in self._rows(connection, tables.dataset, dataset_ids)}
            revisions, files = defaultdict(list), defaultdict(list)
            for row in self._rows(connection, tables.revision, dataset_ids):
                revisions[row["dataset_id"]].append(row)
            for row in self._rows(connection, tables.file, dataset_ids):
                files[row["dataset_id"], row["revision_id"]].append(row)
        return [self._dataset(rows[one], revisions[one], files) for one in dataset_ids if one in rows]

    def _rows(self, connection: sa.Connection, table: sa.TableClause, ids: Sequence[str]) -> Sequence[Any]:
        column = table.c["dataset_id"]
        return connection.execute(sa.select(table).where(self._database.dialect.any_of(column, ids))).mappings().all()

    def _dataset(
        self, row: Any, revisions: Sequence[Any], files: dict[tuple[str, int], list[Any]]
    ) -> Dataset | Unreadable:
        key = row["dataset_id"]
        try:
            made = [
                revision_of(
                    one,
                    [file_of(file, one["revision_id"], self._zone) for file in files[key, one["revision_id"]]],
                    self._zone,
                )
                for one in sorted(revisions, key=lambda one: one["revision_id"])
            ]
            return dataset_of(row, made, self._zone, in_zone=self._is_in_zone)
        except (ValueError, TypeError, KeyError) as error:
            return Unreadable(key, f"{row['provider']}/{row['dataset_type']}/{row['identifier']}", str(error))

    # ---- the event log ---------------------------------------------------------------------------------

    @retried
    def read_events(self, after: int, limit: int) -> list[PublishedEvent]:
        """Return events of the log after a position, in its order."""
        log = self._tables.event_log
        if log is None:
            return []
        statement = sa.select(log).where(log.c["id"] > after).order_by(log.c["id"]).limit(limit)
        with self._database.read("read the event log of the published package") as connection:
            rows = connection.execute(statement).mappings().all()
        return [self._event(row) for row in rows]

    def _event(self, row: Any) -> PublishedEvent:
        dataset, reason, problem, occurred_at = None, "", "", None
        try:
            if row["event_type"] not in LOGGED_EVENTS:
                raise ValueError(f"its type is {row['event_type']!r}")
            payload = json_of(row["payload_json"])
            dataset, reason = dataset_of_event(payload["dataset"]), str(payload.get("reason") or "")
            occurred_at = moment_of(payload.get("occurred_at"), dt.UTC)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problem = str(error)
        occurred_at = occurred_at or moment_of(row.get("created_at"), self._zone) or dt.datetime.now(dt.UTC)
        return PublishedEvent(row["id"], row["event_type"], row["dataset_id"], occurred_at, dataset, reason, problem)

    @retried
    def get_last_position(self) -> int:
        """Return the position of the newest event, or of the reader that is farthest; 0 if there is none."""
        log = self._tables.event_log
        with self._database.read("read the event log of the published package") as connection:
            last = 0 if log is None else connection.scalar(sa.select(sa.func.max(log.c["id"]))) or 0
        return max(last, *self.find_readers().values(), 0)

    @retried
    def find_readers(self) -> dict[str, int]:
        """Return the position of each reader of the log."""
        readers = self._tables.reader_state
        if readers is None:
            return {}
        with self._database.read("read the readers of the published package's event log") as connection:
            statement = sa.select(readers.c["reader_name"], readers.c["last_event_id"])
            return {name: position or 0 for name, position in connection.execute(statement)}


@retried
def find_published_catalogue(database: Database, prefix: str, timezone: str | None = None) -> PublishedCatalogue | None:
    """Return the published package's catalogue in a database; None: there is none.

    Args:
        database: The database.
        prefix: The `table_prefix` of the settings.
        timezone: The zone of times that have none; None: the database's.

    Raises:
        ConfigurationError: There is no such zone, or the times need none.
    """
    with database.read("look for the tables of the published package") as connection:
        tables = find_published_tables(connection, prefix)
        if tables is None:
            return None
        if tables.has_zones:
            if timezone is not None:
                raise ConfigurationError(
                    "A timezone is for the times without zone that version 0.10 and later write to PostgreSQL; those "
                    "of this lake are in UTC, or have a zone. Leave it out."
                )
            return PublishedCatalogue(database, tables, dt.UTC, "")
        # The setting that a session of this user begins with: of the role, the database or the server.
        setting = sa.text("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")
        name = timezone or str(connection.scalar(setting))
    said = "as was asked for" if timezone else "the database's TimeZone"
    return PublishedCatalogue(database, tables, _zone_of(name), f"its times without zone are those of {name}, {said}")


def _zone_of(name: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"There is no time zone '{name}'; write one such as Europe/Amsterdam or UTC."
        ) from error


def _identity_of(dataset_id: str, bucket: str, provider: str, dataset_type: str, identifier: object) -> bytes:
    """Return a hash of what is unique in our lake; of a dataset that cannot be taken, one of its own."""
    try:
        key = canonical_text(json_of(identifier))
    except (SourceError, ValueError, TypeError, AttributeError):
        key = dataset_id
    return hashlib.sha256(
        "\0".join(map(str, (bucket, provider, dataset_type, key))).encode("utf-8", "replace")
    ).digest()


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _ROWS_AT_ONCE] for start in range(0, len(ids), _ROWS_AT_ONCE)]
