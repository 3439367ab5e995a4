"""The database servers that the tests use, and databases on them that are gone afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import time
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ingestify.catalogue.databases import mysql
from ingestify.catalogue.databases.database_url import parse_url

_NAME = re.compile(r"ingestify_test_(\d+)_[0-9a-f]{8}\Z")
_OLD_SECONDS = 3600


@dataclasses.dataclass(frozen=True)
class Server:
    """One server.

    Attributes:
        kind: `postgresql` or `mysql`.
        url: Of a user who may make databases.
    """

    kind: str
    url: str

    @functools.cache  # noqa: B019 - there are two servers
    def engine(self, database: str | None = None) -> sa.Engine:
        """Return an engine for what ingestify does not do, each statement committed. It keeps no connection."""
        url = parse_url(self.url)
        if database is not None:
            url = url.set(database=database)
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        if self.kind == "mysql":
            sa.event.listen(engine, "do_connect", mysql._connect)
        return engine

    def url_of(self, database: str, **attributes: object) -> str:
        """Return a URL of one of its databases."""
        url = sa.make_url(self.url).set(database=database, **attributes)
        return url.render_as_string(hide_password=False)

    def execute(self, *statements: str, database: str | None = None) -> list[list[sa.Row]]:
        """Execute statements, each committed, and return the rows of those that have some."""
        engine = self.engine(database)
        with engine.connect() as connection:
            results = [
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
                for statement in statements
            ]
            rows = [list(result.all()) for result in results if result.returns_rows]
        engine.dispose()
        return rows

    @contextlib.contextmanager
    def temporary_database(self, options: str = "") -> Iterator[str]:
        """Make a database, yield its name, and drop it; drop those too that a killed run left behind."""
        self._drop_old_ones()
        name = f"ingestify_test_{int(time.time())}_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE DATABASE {name} {options}")
        if self.kind == "postgresql":
            # What is tested is not whether PostgreSQL survives a power loss; a commit then takes a fifth of the time.
            self.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            yield name
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {name}{' WITH (FORCE)' if self.kind == 'postgresql' else ''}")

    def _drop_old_ones(self) -> None:
        listing = "SELECT datname FROM pg_database" if self.kind == "postgresql" else "SHOW DATABASES"
        for (name,) in self.execute(listing)[0]:
            made = _NAME.fullmatch(name)
            if made and int(made[1]) < time.time() - _OLD_SECONDS:
                self.drop(name)


SERVERS = {
    "postgresql": Server(
        "postgresql",
        os.environ.get("INGESTIFY_TEST_POSTGRESQL_URL") or "postgresql://postgres@127.0.0.1:5432/postgres",
    ),
    "mysql": Server("mysql", os.environ.get("INGESTIFY_TEST_MYSQL_URL") or "mysql://root@127.0.0.1:3306/mysql"),
}


def reach(kind: str) -> Server:
    """Return a server; the test is skipped where there is none, but not in CI."""
    server = SERVERS[kind]
    try:
        server.execute("SELECT 1")
    except sa.exc.OperationalError as error:
        variable = f"INGESTIFY_TEST_{kind.upper()}_URL"
        reason = f"there is no {kind} server at {sa.make_url(server.url)!r}; {variable} names another: {error.orig}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return server
