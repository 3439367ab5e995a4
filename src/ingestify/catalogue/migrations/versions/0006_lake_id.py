"""The lake's id, its epochs, and the marks that tell a catalogue whether a storage is its own."""

from __future__ import annotations

import datetime as dt
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables, and give the lake its id."""
    prefix = op.get_context().opts["table_prefix"]
    connection = op.get_bind()
    for name in (f"{prefix}lake", f"{prefix}lake_mark"):
        # Where making a table is a commit (MySQL), this may have broken off.
        if connection.dialect.has_table(connection, name):
            op.drop_table(name)
    lake = op.create_table(
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
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    first = {"epoch": 1, "lake_id": str(uuid.uuid4()), "started_at": moment, "after_position": 0}
    op.bulk_insert(lake, [first])
