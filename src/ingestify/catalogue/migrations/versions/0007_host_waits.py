"""How long hosts asked to be left alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table, empty."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}host_wait",
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.Column("until", sa.String(27), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
    )
