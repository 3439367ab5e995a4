from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from ingestify.domain.ports import FetchContext, Usage
from ingestify.fetch.http import HttpClient, HttpOptions
from tests.support.scripted_provider import Provider, provider

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


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
    """Makes clients whose retries are fast, and closes them."""
    made: list[HttpClient] = []

    def make(**options: object) -> HttpClient:
        fast = {"backoff_base_seconds": 0.001, "read_timeout_seconds": 5.0, "connect_timeout_seconds": 5.0}
        client = HttpClient("provider", options=HttpOptions(**{**fast, **options}))  # type: ignore[arg-type]
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def usage(client: HttpClient) -> Iterator[Usage]:
    """Counts what the test asks for, in its own thread, with any client."""
    counted = Usage()
    with client.activated(FetchContext(counted, threading.Event())):
        yield counted


@pytest.fixture
def client(make_client: Callable[..., HttpClient]) -> HttpClient:
    return make_client()
