"""Why a reader of the event log gets no more events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; every reader gets events as before."""
    prefix = op.get_context().opts["table_prefix"]
    op.add_column(f"{prefix}event_reader", sa.Column("switched_off", sa.Text()))
