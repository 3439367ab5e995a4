from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestify.clock import monotonic
from ingestify.domain.ports import FetchRequest
from ingestify.errors import FetchError, HostLeftAlone, SourceError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import NextLink
from ingestify.masking import hide
from tests.support.scripted_provider import Asked, Provider, Reply, Sink, answer

MakeClient = Callable[..., HttpClient]


class Token:
    """A bearer token that is replaced when it is refused."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.refused: list[str] = []

    def header(self) -> str:
        return f"Bearer {self.tokens[0]}"

    def renew(self, refused: str) -> bool:
        self.refused.append(refused)
        if len(self.tokens) > 1:
            self.tokens.pop(0)
            return True
        return False


def only_for(token: str, body: bytes = b"[1]") -> Callable[[Asked], Reply]:
    def reply(asked: Asked) -> Reply:
        if asked.headers.get("authorization") == f"Bearer {token}":
            return answer(body)
        return answer(
            f'{{"got": "{asked.headers.get("authorization")}"}}'.encode(), 401, content_type="application/json"
        )

    return reply


def test_a_token_that_expired_is_renewed_once(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", by=only_for("token-two"))
    token = Token("token-one", "token-two")
    sink = Sink()
    client.fetch(FetchRequest(url, auth=token), sink)
    assert sink.content == b"[1]"
    assert client.get_json(url, auth=token) == [1]
    assert token.refused == ["Bearer token-one"]


def test_a_token_that_is_refused_again_is_an_error_that_does_not_show_it(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", by=only_for("nobody"))
    token = Token("token-one", "token-two", "token-three")
    with pytest.raises(FetchError, match="401") as caught:
        client.get(url, auth=token)
    assert caught.value.status == 401
    assert len(server.asked) == 2
    assert "token-" not in str(caught.value)


def test_each_page_is_asked_for_with_the_token_of_its_moment(server: Provider, client: HttpClient) -> None:
    server.on("/1", by=only_for("token-one", b'{"next": "/2"}'))
    server.on("/2", by=only_for("token-two", b"{}"))
    pages = list(client.iter_pages(server.url + "/1", NextLink(), auth=Token("token-one", "token-two")))
    assert len(pages) == 2


def test_another_origin_gets_no_token(server: Provider, other_server: Provider, client: HttpClient) -> None:
    other_server.on("/b", answer(b"[]"))
    url = server.on("/a", answer(status=302, location=other_server.url + "/b"))
    client.get(url, auth=Token("token-one"))
    server.on("/1", answer(f'{{"next": "{other_server.url}/b"}}'.encode()))
    other_server.on("/b", answer(b"{}"))
    assert len(list(client.iter_pages(server.url + "/1", NextLink(), auth=Token("token-one")))) == 2
    assert all("authorization" not in asked.headers for asked in other_server.asked)
    assert len(other_server.asked) == 2


def test_a_token_that_no_header_can_hold_is_not_sent(server: Provider, client: HttpClient) -> None:
    with pytest.raises(SourceError, match="control characters") as caught:
        client.get(server.on("/a", answer()), auth=Token("one\r\nX-Evil: 1"))
    assert "Evil" not in str(caught.value)
    assert server.asked == []


def test_a_form_is_posted_and_retried(server: Provider, client: HttpClient) -> None:
    url = server.on("/token", answer(status=503), answer(b'{"access_token": "x"}'))
    found = client.post_form(url, {"username": "a b", "password": "p&ss=wörd"})
    assert found.json() == {"access_token": "x"}
    _, asked = server.asked
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    assert asked.body == b"username=a+b&password=p%26ss%3Dw%C3%B6rd"
    assert asked.headers["content-length"] == str(len(asked.body))


def test_a_kept_connection_serves_a_form_and_then_a_file(server: Provider, client: HttpClient) -> None:
    client.post_form(server.on("/token", answer(b"{}")), {"a": "b"})
    client.get(server.on("/a", answer(b"{}")))
    assert server.connections == 1
    assert [asked.method for asked in server.asked] == ["POST", "GET"]


def test_a_form_is_not_sent_on_to_another_url(server: Provider, client: HttpClient) -> None:
    url = server.on("/token", answer(status=307, location="/elsewhere"))
    with pytest.raises(FetchError, match="not followed"):
        client.post_form(url, {"password": "secret-password"})
    assert [asked.path for asked in server.asked] == ["/token"]


def test_what_a_provider_repeats_of_a_form_is_not_shown(server: Provider, client: HttpClient) -> None:
    body = b'{"error": "wrong password: secret-password"}'
    url = server.on("/token", answer(body, 401, content_type="application/json"))
    with pytest.raises(FetchError, match=r"POST .*401") as caught:
        client.post_form(url, {"password": "secret-password"})
    assert "secret-password" not in str(caught.value)


def test_a_token_that_was_replaced_meanwhile_is_not_shown_either(server: Provider, client: HttpClient) -> None:
    seen: list[str] = []

    def repeat(asked: Asked) -> Reply:
        seen.append(asked.headers["authorization"])
        return answer(f"neither {' nor '.join(seen)}".encode(), 401, content_type="text/plain")

    hide("first-token")
    hide("second-token")  # as whoever asks for one does
    with pytest.raises(FetchError, match="neither") as caught:
        client.get(server.on("/a", by=repeat), auth=Token("first-token", "second-token"))
    assert len(seen) == 2
    assert "-token" not in str(caught.value)


class ShortLived:
    """A token that ends soon after it was given; `ended` counts those that came too late."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._given_at: list[float] = []
        self._lock = threading.Lock()

    def header(self) -> str:
        with self._lock:
            if self._is_over():
                self._given_at.append(monotonic())
            return self._header()

    def at_hand(self) -> str | None:
        with self._lock:
            return None if self._is_over() else self._header()

    def renew(self, refused: str) -> bool:
        raise AssertionError(f"{refused} was sent too late")

    def _is_over(self) -> bool:
        return not self._given_at or monotonic() - self._given_at[-1] > self._seconds

    def _header(self) -> str:
        return f"Bearer {len(self._given_at) - 1}"

    def is_good(self, header: str) -> bool:
        # What was sent at its very end is still on its way.
        return monotonic() - self._given_at[int(header.split()[1])] <= self._seconds + 0.2


@pytest.mark.usefixtures("passing_time")
def test_the_token_is_that_of_the_moment_when_a_request_is_let_through(
    server: Provider, make_client: MakeClient
) -> None:
    token = ShortLived(0.5)
    server.on("/a", by=lambda asked: answer(b"[1]", 200 if token.is_good(asked.headers["authorization"]) else 401))
    client = make_client(requests_per_second=6, attempts=1)
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda _: client.get_json(server.url + "/a", auth=token), range(10))) == [[1]] * 10
    assert len({asked.headers["authorization"] for asked in server.asked}) >= 3


def test_a_token_that_never_lasts_until_its_turn_is_told(server: Provider, make_client: MakeClient) -> None:
    class Never(ShortLived):
        def at_hand(self) -> str | None:
            return None

    with pytest.raises(FetchError, match=r"the token of the source 'provider' expired .*; raise the rate_limit"):
        make_client().get(server.on("/a", answer(b"[1]")), auth=Never(0.1))
    assert server.asked == []


@pytest.mark.slow
@pytest.mark.usefixtures("passing_time")
def test_logins_that_succeed_do_not_speak_for_what_is_refused_behind_them(
    server: Provider, make_client: MakeClient
) -> None:
    """Each of many files is refused, with a new token for each: the credentials have no access."""
    login = server.on("/token", answer(b"{}"))
    client = make_client()

    class Renewing(Token):
        def renew(self, refused: str) -> bool:
            client.post_form(login, {"grant_type": "password"})
            return super().renew(refused)

    server.on("/a", by=lambda _: answer(b"", 401))
    refused = []
    for number in range(200):
        with pytest.raises(FetchError) as caught:
            client.get(f"{server.url}/a?{number}", auth=Renewing("one", "two"))
        refused.append(caught.value)
    last = refused[-1]
    assert isinstance(last, HostLeftAlone)
    assert last.is_refusal
    assert "sources.provider.configuration" in last.reason
    assert "header Authorization" in last.reason
    assert len(server.asked_for("/a")) <= 40, "and not twice each of 200 files"
