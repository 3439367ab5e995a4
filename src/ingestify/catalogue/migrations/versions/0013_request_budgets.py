"""How many requests were reserved of each source that has a budget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table, empty."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}request_budget",
        sa.Column("source", sa.String(255), primary_key=True),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("day_requests", sa.BigInteger(), nullable=False),
        sa.Column("second_requests", sa.Text(), nullable=False),
    )
