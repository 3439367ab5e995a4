"""Indexes on single keys of identifiers, as the settings name them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.tables import LONGEST_NAME, Tables
from ingestify.errors import ConfigurationError

__all__ = ["AttributeIndexes"]


class AttributeIndexes:
    """Makes and drops these indexes, which it knows by the beginning of their names."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._table = tables.dataset
        self._version_table = tables.version_table_name
        self._name_start = f"{tables.prefix}attribute_"

    @retried
    def sync(self, wanted: Sequence[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
        """Make indexes for (provider, dataset type, identifier key), drop those no longer wanted.

        Returns:
            The names of those made and of those dropped.

        Raises:
            ConfigurationError: A key holds characters that an index cannot be made for.
        """
        dialect = self._database.dialect
        bodies: dict[str, str] = {}
        keys: dict[str, str] = {}
        for provider, dataset_type, key in wanted:
            if not dialect.is_indexable(key):
                raise ConfigurationError(
                    f"dataset_types: no index can be made for the identifier key {key!r} of {provider}/{dataset_type}, "
                    f"because of its quotes, backslashes or control characters, or of the - it begins with. Set "
                    f"identifier_index to false there."
                )
            body = dialect.attribute_index_body(self._table, provider, dataset_type, key)
            if body in bodies.values():
                continue  # in MySQL, one index serves all providers and types that have the key
            name = self._name(f"{provider}_{dataset_type}_{key}", body)
            bodies[name], keys[name] = body, key
        with self._database.write("make indexes") as connection, dialect.migrating(connection, self._version_table):
            names = dialect.find_index_names(connection, self._table)
            there = {name for name in names if name.startswith(self._name_start)}
            dropped = sorted(there - bodies.keys())
            made = [name for name in bodies if name not in there]
            for name in dropped:
                dialect.drop_index(connection, self._table, name)
            for name in made:
                dialect.create_index(connection, self._table, name, keys[name], bodies[name])
            dialect.analyze(connection, self._table)
        return made, dropped

    def _name(self, words: str, body: str) -> str:
        """Return a safe name, the same for the same definition, that is short enough for every database."""
        mark = f"_{hashlib.sha256(body.encode()).hexdigest()[:10]}"
        room = min(24, LONGEST_NAME - len(self._name_start) - len(mark))
        return self._name_start + re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:room] + mark
