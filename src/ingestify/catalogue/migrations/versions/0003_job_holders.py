"""Who has the lock of a job, where the locks are a server's, which does not say so itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; SQLite's stays empty, as its locks are files."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}job_holder",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_started", sa.String(255), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
    )
