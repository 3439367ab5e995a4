"""A lake in a database of its own on each server, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.tables import build_tables
from tests.integration.catalogue.servers import SERVERS, Server, reach


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Server:
    return reach(request.param)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """The name of a database of this module's own."""
    with server.temporary_database() as name:
        yield name


@pytest.fixture(scope="module")
def opened(server: Server, database: str) -> Iterator[SqlCatalogue]:
    """The catalogue of a lake there."""
    catalogue = SqlCatalogue.open(server.url_of(database))
    yield catalogue
    catalogue.close()


@pytest.fixture
def empty(opened: SqlCatalogue) -> SqlCatalogue:
    """That catalogue, with nothing in it."""
    with opened._database.write("empty it") as connection:
        tables = build_tables()
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
    return opened


@pytest.fixture
def catalogue(empty: SqlCatalogue) -> SqlCatalogue:
    return empty


@pytest.fixture
def lake_url(empty: SqlCatalogue, server: Server, database: str) -> str:
    """The URL of an empty lake."""
    return server.url_of(database)
