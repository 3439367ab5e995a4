"""What checks that do not reject found in a revision, and the profiles of its files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables; no revision has warnings yet, and no file a profile."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}revision_warning",
        sa.Column("dataset_id", sa.String(36), primary_key=True),
        sa.Column("revision_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("warnings", sa.Text(), nullable=False),
    )
    name = f"{prefix}file_profile"
    op.create_table(
        name,
        sa.Column("dataset_id", sa.String(36), primary_key=True),
        sa.Column("revision_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("file_id", sa.String(255), primary_key=True),
        sa.Column("peers_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=True),
        sa.Column("nulls", sa.Text(), nullable=False),
    )
    op.create_index(f"{name}_peers", name, ["peers_hash", "file_id", "created_at"])
