"""Indexes for the jobs of a run, and for what changed last in the quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_INDEXES = {
    "job_run": ("job", ["run_id", "started_at"]),
    "quarantine_checked": ("quarantine", ["checked_at"]),
    "quarantine_retry": ("quarantine", ["retry_requested_at"]),
}


def upgrade() -> None:
    """Make the indexes, but those that are there: where making one is a commit, this may have broken off before."""
    prefix = op.get_context().opts["table_prefix"]
    inspector = sa.inspect(op.get_bind())
    for name, (table, columns) in _INDEXES.items():
        if f"{prefix}{name}" not in {index["name"] for index in inspector.get_indexes(f"{prefix}{table}")}:
            op.create_index(f"{prefix}{name}", f"{prefix}{table}", columns)
