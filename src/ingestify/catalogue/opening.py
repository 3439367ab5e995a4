"""When a lake's tables are looked for, migrated, and made."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.schema import find_schema, prepare_schema
from ingestify.catalogue.tables import Tables

__all__ = ["Opening"]


class Opening:
    """Opens a database as a lake, once: when it is first used, if the lake is there; otherwise only to create it.

    Every method may be called from any thread.

    Args:
        absent: Makes what is raised when a lake is used that is not there, of where that is, for people.
    """

    def __init__(self, database: Database, tables: Tables, absent: Callable[[str], Exception]) -> None:
        self._database = database
        self._tables = tables
        self._absent = absent
        self._lock = threading.RLock()
        self._is_open = False
        self._is_at_work = False
        database.before_use(self.require)

    def find(self) -> bool:
        """Open the lake if it is there, and return whether it is. A lake that is not there costs a look at its file."""
        with self._lock:
            if not self._is_open and not self._database.has_no_file:
                # One in memory is always a new one.
                self._open(prepare_schema if self._database.is_in_memory else find_schema)
            return self._is_open

    def create(self) -> bool:
        """Open the lake, or make it. Returns whether it was made."""
        with self._lock:
            return not self._is_open and self._open(prepare_schema)

    def require(self) -> None:
        """Open the lake, for what uses it.

        Raises:
            LakeNotFound: Or what else `absent` makes: it is not there.
        """
        with self._lock:  # others wait until the tables are what they are to be
            if not self._is_at_work and not self.find():
                raise self._absent(self._database.where)

    def _open(self, prepare: Callable[[Database, Tables], bool]) -> bool:
        self._is_at_work = True
        try:
            self._database.prepare()
            answer = prepare(self._database, self._tables)
        finally:
            self._is_at_work = False
        if answer or prepare is prepare_schema:
            self._is_open = True
            self._database.before_use(None)
        return answer
