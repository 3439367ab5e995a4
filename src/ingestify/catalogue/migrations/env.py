"""The frame of alembic's migrations: they run on the connection, and in the transaction, that open the lake."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

attributes = context.config.attributes
tables = attributes["tables"]


context.configure(
    connection=attributes["connection"],
    target_metadata=tables.metadata,
    version_table=tables.version_table_name,
    table_prefix=tables.prefix,
)
# Adapts every table that a migration makes to its database.
sa.event.listen(sa.Table, "before_create", attributes["before_create"])
try:
    with context.begin_transaction():
        context.run_migrations()
finally:
    sa.event.remove(sa.Table, "before_create", attributes["before_create"])
