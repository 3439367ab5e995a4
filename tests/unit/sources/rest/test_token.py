from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Callable

import pytest

from ingestify.domain.ports import FetchRequest
from ingestify.errors import FetchError
from ingestify.fetch.http import HttpClient
from ingestify.sources.rest.token import BearerToken
from tests.unit.fetch.server import Asked, Provider, Reply, Sink, answer


class TokenProvider:
    """Gives tokens `token-1`, `token-2`, …, and serves `/file` to whoever has one that it did not take back."""

    def __init__(self, server: Provider, client: HttpClient, **said: object) -> None:
        self.server = server
        self.said = said
        self.given = 0
        self.valid: set[str] = set()
        token_url = server.on("/token", by=self.give)
        self.file_url = server.on("/file", by=self.serve)
        form = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret-of-mine&"}
        self.token = BearerToken(lambda: client.post_form(token_url, form))

    def give(self, asked: Asked) -> Reply:
        self.given += 1
        self.valid.add(f"Bearer token-{self.given}")
        said = {"access_token": f"token-{self.given}", "token_type": "Bearer", "expires_in": 3600, **self.said}
        return answer(json.dumps(said).encode(), content_type="application/json")

    def serve(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") in self.valid:
            return answer(b"the file")
        return answer(b"who are you?", 401, content_type="text/plain")


def test_a_token_is_asked_for_once_and_sent_with_every_request(server: Provider, client: HttpClient) -> None:
    provider = TokenProvider(server, client)
    for _ in range(3):
        assert client.get(provider.file_url, auth=provider.token).content == b"the file"
    (asked,) = server.asked_for("/token")
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    assert urllib.parse.parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["me"],
        "client_secret": ["s3cret-of-mine&"],
    }


def test_many_threads_ask_for_one_token(server: Provider, make_client: Callable[..., HttpClient]) -> None:
    client = make_client()
    provider = TokenProvider(server, client)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(client.get(provider.file_url, auth=provider.token).content))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (found, provider.given) == ([b"the file"] * 8, 1)


def test_a_token_that_was_taken_back_is_asked_for_anew(server: Provider, client: HttpClient) -> None:
    provider = TokenProvider(server, client)
    client.get(provider.file_url, auth=provider.token)
    provider.valid.clear()
    sink = Sink()
    client.fetch(FetchRequest(provider.file_url, auth=provider.token), sink)  # type: ignore[arg-type]
    assert (sink.content, provider.given) == (b"the file", 2)


def test_a_token_that_is_refused_again_is_an_error_that_shows_nothing(server: Provider, client: HttpClient) -> None:
    provider = TokenProvider(server, client)
    refused = server.on("/refused", answer(b"Bearer token-1 or token-2 it is not", 401, content_type="text/plain"))
    with pytest.raises(FetchError, match=r"status 401.*check the credentials") as caught:
        client.get(refused, auth=provider.token)
    assert provider.given == 2
    assert "token-" not in str(caught.value).replace("/token", "")


def test_a_token_is_renewed_shortly_before_it_ends(
    server: Provider, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = TokenProvider(server, client, expires_in=100)
    began = time.monotonic()
    provider.token.header()
    for seconds, given in ((80, 1), (95, 2)):
        monkeypatch.setattr("ingestify.sources.rest.token.time.monotonic", lambda after=seconds: began + after)
        provider.token.header()
        assert provider.given == given


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"access_token": None}, "holds no access_token"),
        ({"token_type": "mac"}, "of the type 'mac'"),
    ],
)
def test_what_is_no_bearer_token_is_an_error(
    server: Provider, client: HttpClient, said: dict[str, object], message: str
) -> None:
    provider = TokenProvider(server, client, **said)
    with pytest.raises(FetchError, match=message):
        client.get(provider.file_url, auth=provider.token)


def test_credentials_that_the_token_url_repeats_are_not_shown(server: Provider, client: HttpClient) -> None:
    def refuse(asked: Asked) -> Reply:
        return answer(b"bad secret " + asked.body, 400, content_type="text/plain")

    url = server.on("/refuses", by=refuse)
    token = BearerToken(lambda: client.post_form(url, {"client_id": "me", "client_secret": "hunter22"}))
    with pytest.raises(FetchError, match=r"POST .*status 400") as caught:
        client.get(server.url, auth=token)
    assert "hunter22" not in str(caught.value)
