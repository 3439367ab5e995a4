"""What the HTTP client tells of its requests to who observes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from ingestify.domain.ports import FetchContext, SentRequest, Usage
from ingestify.errors import FetchError, HostLeftAlone
from ingestify.fetch.http import HttpClient
from tests.support.scripted_provider import CLOSE, Provider, answer

MakeClient = Callable[..., HttpClient]


class Observed:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.requests: list[SentRequest] = []
        self.left: list[str] = []
        self.current: list[object] = []

    def sent(self, request: SentRequest) -> None:
        self.requests.append(request)

    def left_alone(self, host: str) -> None:
        self.left.append(host)

    def attach(self) -> object:
        self.current.append("token")
        return "token"

    def detach(self, token: object) -> None:
        self.current.remove(token)

    @property
    def statuses(self) -> list[int | None]:
        return [one.status for one in self.requests]


@pytest.fixture
def client(make_client: MakeClient) -> HttpClient:
    return make_client(max_retry_after_seconds=5.0)


@pytest.fixture
def observed(client: HttpClient) -> Iterator[Observed]:
    found = Observed()
    with client.activated(FetchContext(Usage(), threading.Event(), observed=found)):
        assert found.current == ["token"]
        yield found
    assert found.current == []


def test_each_try_is_told_with_its_status_and_how_many_are_left(
    server: Provider, client: HttpClient, observed: Observed
) -> None:
    cut = [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE]
    url = f"{server.on('/a', answer(b'busy', 500), cut, answer(b'[1]'))}?key=hidden"
    assert client.get_json(url) == [1]
    assert observed.statuses == [500, None, 200]
    assert [one.tries for one in observed.requests] == [1, 2, 3]
    assert [one.tries_left for one in observed.requests] == [4, 3, 2]
    assert {one.host for one in observed.requests} == {server.url.removeprefix("http://")}
    assert [one.error for one in observed.requests][1]
    assert observed.requests[2].error == ""
    assert observed.requests[2].received_bytes == 3
    assert observed.requests[1].paused_seconds > 0
    assert observed.requests[0].paused_seconds == 0
    assert "hidden" not in repr(observed.requests)


def test_a_body_that_breaks_off_is_told_with_its_error(
    server: Provider, client: HttpClient, observed: Observed
) -> None:
    url = server.on("/a", [*answer(b"[1", length=40), CLOSE], answer(b"[1]"))
    assert client.get_json(url) == [1]
    assert observed.statuses == [200, 200]
    assert observed.requests[0].error
    assert observed.requests[0].received_bytes == 2


def test_a_redirect_is_a_request_of_its_own(server: Provider, client: HttpClient, observed: Observed) -> None:
    server.on("/b", answer(b"[1]"))
    url = server.on("/a", answer(b"", 302, location="/b"))
    assert client.get_json(url) == [1]
    assert observed.statuses == [302, 200]
    assert [one.url.rpartition("/")[2] for one in observed.requests] == ["a", "b"]


def test_an_error_that_stays_is_told_once(server: Provider, client: HttpClient, observed: Observed) -> None:
    with pytest.raises(FetchError):
        client.get(server.on("/a", answer(b"no", 404)))
    assert observed.statuses == [404]


def test_what_the_host_announces_to_accept_is_told_with_that_response(
    server: Provider, client: HttpClient, observed: Observed
) -> None:
    url = server.on("/a", answer(b"[1]", RateLimit_Remaining="7", RateLimit_Reset="60"), answer(b"[1]"))
    client.get(url)
    client.get(url)
    assert [one.quota_left for one in observed.requests] == [7, None]


@pytest.mark.usefixtures("passing_time")
def test_a_wait_for_the_turn_is_told(server: Provider, make_client: MakeClient) -> None:
    client, observed = make_client(requests_per_second=2.0), Observed()
    url = server.on("/a", *[answer(b"[1]")] * 3)
    with client.activated(FetchContext(Usage(), threading.Event(), observed=observed)):
        for _ in range(3):
            client.get(url)
    assert [round(one.waited_seconds, 1) for one in observed.requests] == [0.0, 0.5, 0.5]


def test_a_request_that_is_not_sent_is_told_as_that(server: Provider, client: HttpClient, observed: Observed) -> None:
    url = server.on("/a", answer(b"", 429, retry_after="3600"))
    for _ in range(3):
        with pytest.raises(HostLeftAlone):
            client.get(url)
    assert observed.statuses == [429]
    assert observed.left == [server.url.removeprefix("http://")] * 2
