"""When a watch gave its last sign of life, and last looked at each plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table, empty."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}watch_mark",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("at", sa.String(27), nullable=False),
    )
