"""The events that a reader of the event log failed on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}event_failure",
        sa.Column("reader_name", sa.String(255), primary_key=True),
        sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("is_parked", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.String(27), nullable=False),
    )
