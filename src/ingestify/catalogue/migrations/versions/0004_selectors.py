"""What is remembered of selectors: their hints, which of them are discovered, what is absent, what is listed twice."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEPT = ("key_hash", "selector_key", "last_modified", "complete", "finished_at", "listing")


def upgrade() -> None:
    """Make the table anew, as SQLite adds no column where the table's text would have it.

    What a hint said is not known of the rows that were there, so that each selector is listed once more.
    """
    prefix = op.get_context().opts["table_prefix"]
    name = f"{prefix}selector_sync"
    connection = op.get_bind()
    rows = []
    # It may be gone: where making a table is a commit (MySQL), this may have broken off. Then all are listed once more.
    if connection.dialect.has_table(connection, name):
        before = sa.table(name, *(sa.column(column) for column in _KEPT))
        rows = [_migrated(row) for row in connection.execute(sa.select(before)).mappings()]
        op.drop_table(name)
    table = op.create_table(
        name,
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("selector_key", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.String(27), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("finished_at", sa.String(27), nullable=False),
        sa.Column("listing", sa.String(64), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.Column("followed_until", sa.String(27), nullable=True),
        sa.Column("absent", sa.String(64), nullable=True),
        sa.Column("doubles", sa.Text(), nullable=True),
        sa.Column("bucket", sa.String(64), nullable=True),
        sa.Column("source", sa.String(255), nullable=True),
        sa.Column("provider", sa.String(64), nullable=True),
        sa.Column("dataset_type", sa.String(64), nullable=True),
        sa.Column("selector", sa.Text(), nullable=True),
    )
    if rows:
        op.bulk_insert(table, rows)


def _migrated(row: sa.RowMapping) -> dict[str, Any]:
    # Of a source that follows changes, last_modified was until when it had followed them; others do not look at it.
    return {
        **{column: row[column] for column in _KEPT},
        "complete": bool(row["complete"]),
        "is_settled": False,
        "followed_until": row["last_modified"],
    }
