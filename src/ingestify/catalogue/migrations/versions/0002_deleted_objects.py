"""Objects whose rows were deleted, with the moment: readers who came before it go on until `gc` removes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; of what was deleted before there was one, the objects were removed at once."""
    prefix = op.get_context().opts["table_prefix"]
    op.create_table(
        f"{prefix}deleted_object",
        sa.Column("path_hash", sa.String(64), primary_key=True),
        sa.Column("storage_path", sa.String(1024), nullable=False),
        sa.Column("deleted_at", sa.String(27), nullable=False),
    )
    op.create_index(f"{prefix}deleted_object_time", f"{prefix}deleted_object", ["deleted_at"])
