"""A lake as the published package makes one: its tables by their columns, and its objects. None of its code is used."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import hashlib
import json
import urllib.parse
import uuid
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

__all__ = ["PublishedFile", "PublishedLake", "folder_objects"]

BEGIN = dt.datetime(2025, 1, 10, 12, 0, 0, 250_000, dt.UTC)

PutObject = Callable[[str, bytes], object]


def folder_objects(root: Path) -> PutObject:
    """Return a function that writes objects below a folder."""

    def put(path: str, content: bytes) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return put


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    """A file of a revision.

    Attributes:
        content: The provider's bytes.
        etag: The header that the provider sent; None: the tag is the sha1.
        as_it_came: Whether the provider sent a gzip file, and the object is that file.
    """

    feed: str
    content: bytes
    version: str = "v1"
    etag: str | None = None
    as_it_came: bool = False
    modified_at: dt.datetime | None = BEGIN
    file_format: str = "json"


class PublishedLake:
    """Makes the tables when it is made, and a dataset with each call.

    Args:
        engine: Of the database.
        put: Writes an object.
        prefix: The `table_prefix`.
        first_version: Whether the tables are those of version 0.1.
        naive: Whether times are written without zone, in that of the session, as PostgreSQL has them from 0.10 on.
        zone: The TimeZone of the sessions.
    """

    def __init__(
        self,
        engine: sa.Engine,
        put: PutObject,
        *,
        prefix: str = "",
        first_version: bool = False,
        naive: bool = True,
        zone: str = "UTC",
    ) -> None:
        self.engine = engine
        self.put = put
        self.zone = zoneinfo.ZoneInfo(zone)
        self.naive = naive
        self._first_version = first_version
        self._moment = BEGIN
        kind = engine.dialect.name
        moment: Any = sa.DateTime(timezone=not naive)
        if kind == "mysql":
            moment = mysql.DATETIME(fsp=6)
        identifier: Any = postgresql.JSONB() if kind == "postgresql" and not first_version else sa.JSON()
        text = sa.String(255)
        metadata = sa.MetaData()

        def table(name: str, *columns: sa.Column[Any]) -> sa.Table:
            later = {"last_modified_at", "state", "source"} if first_version and name != "dataset" else set()
            later |= {"last_modified_at"} if first_version else set()
            return sa.Table(prefix + name, metadata, *(one for one in columns if one.name not in later))

        self.dataset = table(
            "dataset",
            *(sa.Column(name, text) for name in ("bucket", "provider", "dataset_type", "state", "name")),
            sa.Column("dataset_id", text, primary_key=True),
            sa.Column("identifier", identifier),
            sa.Column("metadata", sa.JSON()),
            *(sa.Column(name, moment) for name in ("created_at", "updated_at", "last_modified_at")),
        )
        self.revision = table(
            "revision",
            sa.Column("dataset_id", text, sa.ForeignKey(f"{prefix}dataset.dataset_id"), primary_key=True),
            sa.Column("revision_id", sa.Integer(), primary_key=True, autoincrement=False),
            sa.Column("description", text),
            sa.Column("created_at", moment),
            sa.Column("state", text),
            sa.Column("source", sa.JSON()),
        )
        self.file = table(
            "file",
            sa.Column("dataset_id", text, primary_key=True),
            sa.Column("revision_id", sa.Integer(), primary_key=True, autoincrement=False),
            sa.Column("file_id", text, primary_key=True),
            *(sa.Column(name, moment) for name in ("created_at", "modified_at")),
            *(sa.Column(name, text) for name in ("tag", "content_type", "data_feed_key", "data_spec_version")),
            *(sa.Column(name, text) for name in ("data_serialization_format", "storage_compression_method")),
            *(sa.Column(name, sa.BigInteger()) for name in ("size", "storage_size")),
            sa.Column("storage_path", text),
        )
        if not first_version:
            self.event_log = table(
                "event_log",
                sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
                *(sa.Column(name, text) for name in ("event_type", "dataset_id")),
                sa.Column("source", text, key="origin"),
                sa.Column("payload_json", identifier),
                sa.Column("created_at", moment),
            )
            self.reader_state = table(
                "reader_state",
                sa.Column("reader_name", text, primary_key=True),
                sa.Column("last_event_id", sa.BigInteger()),
            )
        metadata.create_all(engine)

    # ---- datasets --------------------------------------------------------------------------------------

    def add_dataset(
        self,
        identifier: Mapping[str, Any],
        *revisions: Sequence[PublishedFile],
        bucket: str = "main",
        provider: str = "made_up",
        failed: Sequence[int] = (),
        path_values: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> str:
        """Add a dataset, and return its id.

        Args:
            identifier: As the source gave it.
            *revisions: The files that changed in each.
            bucket: Its bucket.
            provider: Its provider.
            failed: The revisions that were invalidated.
            path_values: Key to the value in the path; None: the encoded values.
            **columns: Other values of the dataset's row.
        """
        dataset_id = str(uuid.uuid4())
        values = path_values or {key: urllib.parse.quote(str(value), safe="") for key, value in identifier.items()}
        folder = "/".join(
            [bucket, f"provider={provider}", "dataset_type=match", *(f"{key}={value}" for key, value in values.items())]
        )
        created = self._moment
        rows: list[dict[str, Any]] = []
        files: list[dict[str, Any]] = []
        newest: list[dt.datetime] = []
        for number, brought in enumerate(revisions):
            self._moment += dt.timedelta(minutes=1)
            rows.append(
                {
                    "dataset_id": dataset_id,
                    "revision_id": number,
                    "description": "Update" if number else "Create",
                    "created_at": self._moment,
                    "state": "VALIDATION_FAILED" if number in failed else "PENDING_VALIDATION",
                    "source": {"source_type": "TASK", "source_id": "1"},
                }
            )
            for file in brought:
                files.append(self._file_row(dataset_id, number, folder, file))
                newest += [file.modified_at] if file.modified_at else []
        self._moment += dt.timedelta(minutes=1)
        row = {
            "dataset_id": dataset_id,
            "bucket": bucket,
            "provider": provider,
            "dataset_type": "match",
            "state": "COMPLETE",
            "name": f"Match {identifier}",
            "identifier": dict(identifier),
            "metadata": {"home": "Ajax", "ümlaut": None},
            "created_at": created,
            "updated_at": self._moment,
            "last_modified_at": max(newest, default=None),
        } | columns
        with self.engine.begin() as connection:
            self._insert(connection, self.dataset, [row], saves=1 + len(revisions))
            self._insert(connection, self.revision, rows)
            self._insert(connection, self.file, files)
        return dataset_id

    def add_revision(self, dataset_id: str, files: Sequence[PublishedFile]) -> None:
        """Add a revision to a dataset, as a later run does."""
        with self.engine.begin() as connection:
            where = self.file.c.dataset_id == dataset_id
            path = connection.scalars(sa.select(self.file.c.storage_path).where(where)).first()
            revisions = sa.select(sa.func.count()).where(self.revision.c.dataset_id == dataset_id)
            number = connection.scalar(revisions) or 0
            assert path is not None
            self._moment += dt.timedelta(minutes=1)
            row = {"dataset_id": dataset_id, "revision_id": number, "description": "Update", "created_at": self._moment}
            folder = path.rsplit("/", 2)[0]
            self._insert(connection, self.revision, [row | {"state": "PENDING_VALIDATION"}])
            self._insert(connection, self.file, [self._file_row(dataset_id, number, folder, file) for file in files])
            moment = self._written(self._moment, 1)
            connection.execute(
                self.dataset.update().where(self.dataset.c.dataset_id == dataset_id).values(updated_at=moment)
            )

    def _file_row(self, dataset_id: str, number: int, folder: str, file: PublishedFile) -> dict[str, Any]:
        stored = file.content if file.as_it_came else gzip.compress(file.content, 9)
        path = f"{folder}/{number}/{file.feed}__{file.version}.{file.file_format}.gz"
        self.put(path, stored)
        read = gzip.decompress(stored)
        return {
            "dataset_id": dataset_id,
            "revision_id": number,
            "file_id": f"{file.feed}__{file.version}",
            "created_at": self._moment,
            "modified_at": file.modified_at,
            "tag": file.etag or hashlib.sha1(file.content).hexdigest(),
            "content_type": "application/json",
            "size": int.from_bytes(stored[-4:], "little") if file.as_it_came else len(read),
            "data_feed_key": file.feed,
            "data_spec_version": file.version,
            "data_serialization_format": file.file_format,
            "storage_compression_method": "gzip",
            "storage_size": len(stored),
            "storage_path": path,
        }

    def _insert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], saves: int = 1
    ) -> None:
        made = []
        for row in rows:
            kept = {name: value for name, value in row.items() if name in table.c}
            for name, value in kept.items():
                if isinstance(value, dt.datetime):
                    kept[name] = self._written(value, saves if name == "created_at" else 1)
            made.append(kept)
        if made:
            connection.execute(table.insert(), made)

    def _written(self, moment: dt.datetime, saves: int) -> dt.datetime:
        """Return a time as it is in its column after so many saves."""
        if not self.naive:
            return moment
        for _ in range(saves):
            moment = moment.astimezone(self.zone).replace(tzinfo=dt.UTC)
        return moment.replace(tzinfo=None)

    # ---- the event log ---------------------------------------------------------------------------------

    def log(self, event_type: str, dataset_id: str, *, upto: int | None = None, **extra: Any) -> None:
        """Log an event with the dataset as it is in its rows, up to a revision."""
        with self.engine.begin() as connection:
            row = (
                connection.execute(self.dataset.select().where(self.dataset.c.dataset_id == dataset_id))
                .mappings()
                .one()
            )
            revisions = connection.execute(
                self.revision.select().where(self.revision.c.dataset_id == dataset_id).order_by("revision_id")
            ).mappings()
            shown = []
            for revision in list(revisions)[: None if upto is None else upto + 1]:
                files = connection.execute(
                    self.file.select().where(
                        self.file.c.dataset_id == dataset_id, self.file.c.revision_id == revision["revision_id"]
                    )
                ).mappings()
                shown.append({**revision, "modified_files": [{**file, "revision_id": None} for file in files]})
            payload = {"occurred_at": "2025-02-01T00:00:00Z", "dataset": {**row, "revisions": shown}, **extra}
            self._insert(
                connection,
                self.event_log,
                [
                    {
                        "event_type": event_type,
                        "dataset_id": dataset_id,
                        "payload_json": json.loads(json.dumps(payload, default=_text_of)),
                        "created_at": self._moment,
                    }
                ],
            )

    def add_reader(self, name: str, position: int) -> None:
        """Add a reader of the log."""
        with self.engine.begin() as connection:
            connection.execute(self.reader_state.insert(), [{"reader_name": name, "last_event_id": position}])

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset's rows; its objects stay."""
        with self.engine.begin() as connection:
            for table in (self.file, self.revision, self.dataset):
                connection.execute(table.delete().where(table.c.dataset_id == dataset_id))

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows, to compare them."""
        tables = [self.dataset, self.revision, self.file]
        tables += [] if self._first_version else [self.event_log, self.reader_state]
        with self.engine.connect() as connection:
            return {table.name: sorted(map(repr, connection.execute(table.select()))) for table in tables}


def _text_of(value: object) -> str:
    assert isinstance(value, dt.datetime)
    return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).isoformat().replace("+00:00", "Z")
