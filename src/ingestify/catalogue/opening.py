"""Opening a lake: its tables are found, migrated or made."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.schema import find_schema, prepare_schema
from ingestify.catalogue.tables import Tables

__all__ = ["Opening"]


class Opening:
    """Opens a database as a lake, once: at its first use if the lake exists, otherwise when it is created.

    Every method may be called from any thread.

    Args:
        database: The lake's database, without a connection so far.
        tables: Those of the lake.
        absent: Makes the error for the use of a lake that does not exist, from the place of the lake, for people.
    """

    def __init__(self, database: Database, tables: Tables, absent: Callable[[str], Exception]) -> None:
        self._database = database
        self._tables = tables
        self._absent = absent
        self._lock = threading.RLock()
        self._is_open = False
        self._is_opening = False
        database.before_use(self.require)

    def find(self) -> bool:
        """Open the lake if it exists, and return whether it does. Without a file nothing is opened."""
        with self._lock:
            if not self._is_open and not self._database.has_no_file:
                # A database in memory is always a new one.
                self._open(prepare_schema if self._database.is_in_memory else find_schema)
            return self._is_open

    def create(self) -> bool:
        """Open the lake, or make it. Returns whether it was made."""
        with self._lock:
            return not self._is_open and self._open(prepare_schema)

    def require(self) -> None:
        """Open the lake before its first use.

        Raises:
            LakeNotFound: Or another error that `absent` makes: the lake does not exist.
        """
        with self._lock:  # other threads wait until the tables are migrated
            if not self._is_opening and not self.find():
                raise self._absent(self._database.where)

    def _open(self, prepare: Callable[[Database, Tables], bool]) -> bool:
        self._is_opening = True
        try:
            self._database.prepare()
            is_there = prepare(self._database, self._tables)
            if is_there and prepare is prepare_schema:
                self._database.prepare()  # a database that had only tables of others
        finally:
            self._is_opening = False
        if is_there or prepare is prepare_schema:
            self._is_open = True
            self._database.before_use(None)
        return is_there
