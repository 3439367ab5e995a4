"""Which datasets a selector's listing had twice, and not alike: they are held back until the listing's end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; of listings so far nothing is known."""
    prefix = op.get_context().opts["table_prefix"]
    op.add_column(f"{prefix}selector_sync", sa.Column("doubles", sa.Text(), nullable=True))
