"""The statements that SQLAlchemy has compiled for SQLite, once for all lakes of a process."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

__all__ = ["EqualDialect", "make_engine"]

_DRIVER = "ingestify"

_compiled: LRUCache[object, object] = LRUCache(1000)


class EqualDialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's dialect, equal to any other of its kind: it is a part of the key of a compiled statement."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def make_engine(url: sa.URL, **options: object) -> sa.Engine:
    """Return an engine, as `sqlalchemy.create_engine` does, that shares its compiled statements with all others."""
    sa.dialects.registry.register(f"sqlite.{_DRIVER}", __name__, EqualDialect.__name__)
    engine = sa.create_engine(url.set(drivername=f"sqlite+{_DRIVER}"), **options)
    engine.update_execution_options(compiled_cache=_compiled)
    return engine
