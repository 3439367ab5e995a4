from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ingestify.fetch.http import HttpClient, HttpOptions
from tests.unit.fetch.server import Provider, provider


@pytest.fixture
def server() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def other_server() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def make_client() -> Iterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def make() -> HttpClient:
        made.append(HttpClient("provider", HttpOptions(backoff_base_seconds=0.001)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., HttpClient]) -> HttpClient:
    return make_client()
