"""The runs after a job that have no row of their own, as they came to the same or found nothing new."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; the jobs that are there keep their rows."""
    prefix = op.get_context().opts["table_prefix"]
    name = f"{prefix}job_repeat"
    op.create_table(
        name,
        sa.Column("job_id", sa.String(36), primary_key=True),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("first_started_at", sa.String(27), nullable=False),
        sa.Column("last_started_at", sa.String(27), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
    )
    op.create_index(f"{name}_key", name, ["key_hash", "started_at"])
    op.create_index(f"{name}_last", name, ["last_started_at"])
