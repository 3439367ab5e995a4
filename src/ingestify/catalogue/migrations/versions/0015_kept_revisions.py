"""The provisional revisions that a lock, a reading as of a moment, or an export names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table, empty."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}kept_revision",
        sa.Column("dataset_id", sa.String(36), primary_key=True),
        sa.Column("revision_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
