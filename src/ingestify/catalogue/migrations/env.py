"""What alembic runs around the migrations: on the connection and in the transaction of the lake that is opened."""

from __future__ import annotations

from alembic import context

tables = context.config.attributes["tables"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    version_table=tables.version_table_name,
    table_prefix=tables.prefix,
)
with context.begin_transaction():
    context.run_migrations()
