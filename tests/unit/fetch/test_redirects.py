from __future__ import annotations

import pytest

from ingestify.domain.file import Validators
from ingestify.domain.ports import FetchRequest, FetchStatus
from ingestify.errors import FetchError
from ingestify.fetch.http import HttpClient
from tests.support.scripted_provider import Provider, Sink, answer

SECRETS = {"authorization", "x-api-key", "cookie", "if-none-match", "if-modified-since"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Provider, client: HttpClient, status: int) -> None:
    server.on("/a/b", answer(b"", status, location="../c?x=1#there"))
    server.on("/c", answer(b"here"))
    found = client.get(server.url + "/a/b", params={"season": 3})
    assert found.content == b"here"
    assert found.url == f"{server.url}/c?x=1"
    assert server.asked[1].target == "/c?x=1"  # params are not added once more


def test_the_same_origin_keeps_headers_and_credentials(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location=f"{server.url}/b"))
    server.on("/b", answer(b"ok"))
    client.get(server.url + "/a", headers={"X-Api-Key": "k"}, auth=("u", "p"))
    assert server.asked[1].headers["x-api-key"] == "k"
    assert server.asked[1].headers["authorization"] == "Basic dTpw"


def test_another_origin_gets_nothing_of_the_caller(
    server: Provider, other_server: Provider, client: HttpClient
) -> None:
    server.on("/a", answer(b"", 302, location=f"{other_server.url}/b"))
    other_server.on("/b", answer(b"ok"))
    sink = Sink()
    request = FetchRequest(
        server.url + "/a",
        headers={"X-Api-Key": "k", "Cookie": "c=1", "User-Agent": "mine", "Accept": "text/csv"},
        auth=("u", "p"),
        params={"token": "t"},
        validators=Validators('"1"', "Wed, 21 Oct 2015 07:28:00 GMT"),
    )
    assert client.fetch(request, sink).status is FetchStatus.FETCHED
    assert set(server.asked[0].headers) >= SECRETS
    sent = other_server.asked[0]
    assert not SECRETS & set(sent.headers)
    assert sent.target == "/b"
    assert sent.headers["user-agent"].startswith("ingestify/")
    assert sent.headers["accept"] == "*/*"
    assert set(sent.headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_the_way_back_does_not_regain_them(server: Provider, other_server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location=f"{other_server.url}/b"))
    other_server.on("/b", answer(b"", 307, location=f"{server.url}/c"))
    server.on("/c", answer(b"ok"))
    client.get(server.url + "/a", headers={"X-Api-Key": "k"}, auth=("u", "p"))
    back = server.asked_for("/c")[0]
    assert not SECRETS & set(back.headers)


def test_another_name_of_the_same_host_is_another_origin(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location=f"http://localhost:{server.port}/b"))
    server.on("/b", answer(b"ok"))
    client.get(server.url + "/a", auth=("u", "p"))
    assert not SECRETS & set(server.asked[1].headers)


def test_a_304_of_another_origin_was_not_asked_for(
    server: Provider, other_server: Provider, client: HttpClient
) -> None:
    server.on("/a", answer(b"", 302, location=f"{other_server.url}/b"))
    other_server.on("/b", answer(b"", 304))
    with pytest.raises(FetchError, match="status 304; the request was not conditional"):
        client.fetch(FetchRequest(server.url + "/a", validators=Validators('"1"')), Sink())


def test_userinfo_in_a_location_is_not_sent(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location=f"http://evil:pw@127.0.0.1:{server.port}/b"))
    server.on("/b", answer(b"ok"))
    assert client.get(server.url + "/a").url == f"{server.url}/b"
    assert "authorization" not in server.asked[1].headers


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "data:text/plain,x", "http://[::1",
     "http://h:99999/", "gopher://u:s3cret@h/"],
)  # fmt: skip
def test_what_is_not_http_is_not_followed(server: Provider, client: HttpClient, location: str) -> None:
    server.on("/a", answer(b"", 302, location=location))
    with pytest.raises(FetchError, match=r"is redirected to .* not followed") as caught:
        client.get(server.url + "/a")
    assert "s3cret" not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("location", ["http://", "//"])
def test_a_location_without_a_host_leads_nowhere(server: Provider, client: HttpClient, location: str) -> None:
    server.on("/a", answer(b"", 302, location=location))
    with pytest.raises(FetchError, match=r"is redirected|redirected in a circle"):
        client.get(server.url + "/a")
    assert len(server.asked) == 1


def test_a_circle_is_found(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location="/b"))
    server.on("/b", answer(b"", 302, location="/a"))
    with pytest.raises(FetchError, match=r"redirected in a circle, back to .*/a") as caught:
        client.get(server.url + "/a")
    assert len(server.asked) == 2
    assert caught.value.attempts == 1


def test_there_is_an_end_to_redirects(server: Provider, client: HttpClient) -> None:
    for number in range(12):
        server.on(f"/{number}", answer(b"", 302, location=f"/{number + 1}"))
    server.on("/12", answer(b"ok"))
    assert client.get(server.url + "/2").content == b"ok"
    with pytest.raises(FetchError, match="more than 10 times"):
        client.get(server.url + "/1")


def test_a_redirect_without_a_location_is_an_error(server: Provider, client: HttpClient) -> None:
    with pytest.raises(FetchError, match="status 302"):
        client.get(server.on("/a", answer(b"", 302)))


def test_a_location_may_hold_spaces_and_other_letters(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location="/Atlético de Madrid.json"))
    server.on("/Atl%C3%A9tico%20de%20Madrid.json", answer(b"ok"))
    assert client.get(server.url + "/a").content == b"ok"


def test_an_error_behind_a_redirect_is_tried_again_from_the_start(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location="/b?signature=1"), answer(b"", 302, location="/b?signature=2"))
    server.on("/b", answer(b"", 503), answer(b"ok"))
    assert client.get(server.url + "/a").content == b"ok"
    assert [asked.target for asked in server.asked] == ["/a", "/b?signature=1", "/a", "/b?signature=2"]
