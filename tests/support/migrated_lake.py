"""The tables of a lake as the migrations make them, step by step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.schema import MIGRATIONS
from ingestify.catalogue.tables import Tables

__all__ = ["migrate"]


def migrate(connection: sa.Connection, dialect: Dialect, tables: Tables, version: str) -> None:
    """Make the tables that an ingestify of a version made, in an empty database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["tables"] = tables
    config.attributes["before_create"] = lambda table, *_, **__: dialect.adapt(table)
    command.upgrade(config, version)
