"""Who writes to the lake, and which objects are being removed from it: no clock and no job's row decides that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables; whoever writes with an older version has no lease."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}lease",
        sa.Column("lease_id", sa.String(36), primary_key=True),
        sa.Column("what", sa.String(64), nullable=False),
    )
    op.create_table(
        f"{prefix}removal",
        sa.Column("removal_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("lease_id", sa.String(36), nullable=False),
        sa.Column("paths", sa.Text(), nullable=True),
    )
