"""The readers of the event log that get no more events, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table; every reader gets events as before."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}event_reader_off",
        sa.Column("reader_name", sa.String(255), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
    )
