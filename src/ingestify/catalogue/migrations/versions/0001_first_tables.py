"""The first tables. What they mean is said in `catalogue/tables.py`; this is how they were then, and never changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _position() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("position", number, primary_key=True, autoincrement=True)


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text() if length is None else sa.String(length), nullable=nullable)


def _key(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), primary_key=True)


def _number_key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), primary_key=True, autoincrement=False)


def _object_columns() -> list[sa.Column[Any]]:
    return [
        _text("data_feed_key", 255),
        _text("data_spec_version", 255),
        _text("data_serialization_format", 64),
        sa.Column("size", sa.BigInteger(), nullable=False),
        _text("tag", 64),
        _text("content_type", 255, nullable=True),
        sa.Column("storage_size", sa.BigInteger(), nullable=False),
        _text("storage_compression_method", 16),
        _text("storage_path", 1024),
        _text("modified_at", 27, nullable=True),
    ]


def upgrade() -> None:
    """Make them."""
    prefix = op.get_context().opts["table_prefix"]
    _make_datasets(prefix)
    _make_quarantine(prefix)
    _make_runs(prefix)
    _make_events(prefix)


def _make_datasets(prefix: str) -> None:
    op.create_table(
        f"{prefix}dataset",
        _position(),
        _text("dataset_id", 36),
        _text("bucket", 64),
        _text("provider", 64),
        _text("dataset_type", 64),
        _text("identifier"),
        _text("identifier_key", 512),
        _text("name"),
        _text("state", 16),
        _text("metadata"),
        _text("created_at", 27),
        _text("updated_at", 27),
        _text("last_modified_at", 27, nullable=True),
        sa.Column("current_revision_id", sa.Integer(), nullable=True),
        _text("current_created_at", 27, nullable=True),
        _text("current_state", 32, nullable=True),
        _text("feeds"),
        _text("missing_feeds", nullable=True),
        sa.UniqueConstraint("dataset_id", name=f"{prefix}dataset_id_unique"),
        sa.UniqueConstraint(
            "bucket", "provider", "dataset_type", "identifier_key", name=f"{prefix}dataset_identity_unique"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(f"{prefix}dataset_order", f"{prefix}dataset", ["bucket", "provider", "dataset_type", "position"])
    op.create_table(
        f"{prefix}revision",
        _key("dataset_id", 36),
        _number_key("revision_id"),
        _text("created_at", 27),
        _text("state", 32),
        _text("description"),
        _text("source"),
        _text("removed_file_ids", nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], [f"{prefix}dataset.dataset_id"], name=f"{prefix}revision_dataset"),
    )
    op.create_table(
        f"{prefix}file",
        _key("dataset_id", 36),
        _number_key("revision_id"),
        _key("file_id", 255),
        sa.Column("file_number", sa.Integer(), nullable=False),
        *_object_columns(),
        _text("created_at", 27),
        sa.ForeignKeyConstraint(
            ["dataset_id", "revision_id"],
            [f"{prefix}revision.dataset_id", f"{prefix}revision.revision_id"],
            name=f"{prefix}file_revision",
        ),
    )
    op.create_index(f"{prefix}file_storage_path", f"{prefix}file", ["storage_path"], mysql_length={"storage_path": 255})


def _make_quarantine(prefix: str) -> None:
    op.create_table(
        f"{prefix}quarantine",
        _position(),
        _text("entry_id", 36),
        _text("bucket", 64),
        _text("provider", 64),
        _text("dataset_type", 64),
        _text("identifier"),
        _text("identifier_key", 512),
        _text("dataset_id", 36),
        _text("name"),
        _text("state", 16),
        _text("dataset_state", 16),
        _text("reasons"),
        _text("removed_file_ids", nullable=True),
        _text("missing_feeds", nullable=True),
        _text("feeds"),
        _text("metadata"),
        sa.Column("base_revision_id", sa.Integer(), nullable=True),
        _text("source"),
        _text("created_at", 27),
        _text("checked_at", 27),
        _text("retry_requested_at", 27, nullable=True),
        _text("decided_at", 27, nullable=True),
        _text("decided_by", 255),
        _text("note"),
        sa.UniqueConstraint("entry_id", name=f"{prefix}quarantine_entry_unique"),
        sqlite_autoincrement=True,
    )
    op.create_index(f"{prefix}quarantine_state", f"{prefix}quarantine", ["bucket", "provider", "dataset_type", "state"])
    op.create_index(f"{prefix}quarantine_dataset", f"{prefix}quarantine", ["dataset_id"])
    op.create_table(
        f"{prefix}quarantine_file",
        _key("entry_id", 36),
        _number_key("file_number"),
        *_object_columns(),
        sa.ForeignKeyConstraint(["entry_id"], [f"{prefix}quarantine.entry_id"], name=f"{prefix}quarantine_file_entry"),
    )
    op.create_index(
        f"{prefix}quarantine_file_path",
        f"{prefix}quarantine_file",
        ["storage_path"],
        mysql_length={"storage_path": 255},
    )


def _make_runs(prefix: str) -> None:
    op.create_table(
        f"{prefix}job",
        _key("job_id", 36),
        _text("run_id", 36),
        _text("source", 255),
        _text("provider", 64),
        _text("dataset_type", 64),
        _text("data_spec_versions"),
        _text("selector"),
        _text("selector_name"),
        _text("state", 16),
        _text("host", 255),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        _text("process_started", 255),
        _text("started_at", 27),
        _text("updated_at", 27),
        _text("ended_at", 27, nullable=True),
        _text("counters"),
        _text("timings"),
        _text("error"),
    )
    op.create_index(f"{prefix}job_started_at", f"{prefix}job", ["started_at", "job_id"])
    op.create_index(f"{prefix}job_state", f"{prefix}job", ["state"])
    op.create_table(
        f"{prefix}task",
        _key("job_id", 36),
        _number_key("task_number"),
        _text("identifier"),
        _text("outcome", 16),
        _text("state", 16),
        _text("started_at", 27),
        _text("ended_at", 27),
        _text("dataset_id", 36, nullable=True),
        _text("name"),
        sa.Column("revision_id", sa.Integer(), nullable=True),
        _text("error"),
        sa.ForeignKeyConstraint(["job_id"], [f"{prefix}job.job_id"], name=f"{prefix}task_job"),
    )
    op.create_table(
        f"{prefix}selector_sync",
        _key("key_hash", 64),
        _text("selector_key"),
        _text("last_modified", 27, nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        _text("finished_at", 27),
        _text("listing", 64, nullable=True),
    )


def _make_events(prefix: str) -> None:
    op.create_table(
        f"{prefix}event_log",
        _position(),
        _text("event_type", 64),
        _text("dataset_id", 36),
        _text("occurred_at", 27),
        _text("payload", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        f"{prefix}event_reader",
        _key("reader_name", 255),
        sa.Column("position", sa.BigInteger(), nullable=False),
    )
