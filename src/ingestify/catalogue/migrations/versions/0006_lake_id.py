"""The lake's id, its epochs, and the marks that tell a catalogue whether a storage is its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables; the lake gets its id with the first thing that is written to it."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}lake",
        sa.Column("epoch", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("lake_id", sa.String(36), nullable=False),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("after_position", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        f"{prefix}lake_mark",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sqlite_autoincrement=True,
    )
