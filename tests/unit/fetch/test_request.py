from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import SourceError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.request import OutgoingRequest, make_request, origin
from tests.support.scripted_provider import Provider, answer

AGENT = "ingestify/test"


def make(url: str = "https://api.example.com/a", **options: Any) -> OutgoingRequest:
    return make_request(url, user_agent=AGENT, **options)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"season": 3, "live": True, "old": False, "none": None}, "season=3&live=true&old=false"),
        ({"id": [1, None, 2]}, "id=1&id=2"),
        ({"id": (1,), "q": []}, "id=1"),
        ({"since": dt.date(2024, 5, 1)}, "since=2024-05-01"),
        ({"since": dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)}, "since=2024-05-01T12%3A00%3A00%2B00%3A00"),
        ({"name": "Atlético & co", "x": 1.5}, "name=Atl%C3%A9tico+%26+co&x=1.5"),
        ({7: "seven"}, "7=seven"),
    ],
)
def test_params_are_written_as_providers_expect(params: dict[Any, Any], query: str) -> None:
    assert make(params=params).url == f"https://api.example.com/a?{query}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.com/a?b=1", "https://x.com/a?b=1&c=2"),
        ("https://x.com/a?", "https://x.com/a?c=2"),
        ("https://x.com/a?b=1&", "https://x.com/a?b=1&c=2"),
        ("https://x.com/a#part", "https://x.com/a?c=2"),
        (" https://x.com/a\t".rstrip("\t"), "https://x.com/a?c=2"),
    ],
)
def test_params_join_the_query_that_is_there(url: str, expected: str) -> None:
    assert make(url, params={"c": 2}).url == expected


def test_header_values_are_texts() -> None:
    headers = make(headers={"X-Int": 1, "X-Flag": True, "X-Date": dt.date(2024, 5, 1), "X-None": None}).headers
    assert (headers["X-Int"], headers["X-Flag"], headers["X-Date"]) == ("1", "true", "2024-05-01")
    assert "X-None" not in headers


def test_our_own_headers_give_way_to_the_callers_but_for_the_encoding() -> None:
    headers = make(headers={"user-agent": "mine", "ACCEPT": "text/csv", "accept-encoding": "br"}).headers
    assert headers == {"user-agent": "mine", "ACCEPT": "text/csv", "Accept-Encoding": "gzip"}


@pytest.mark.parametrize("auth", [("user", "pässword:x"), ["user", "pässword:x"]])
def test_auth_is_basic(auth: Any) -> None:
    value = make(auth=auth, headers={"authorization": "Bearer old"}).headers
    assert base64.b64decode(value["Authorization"].removeprefix("Basic ")).decode() == "user:pässword:x"
    assert "authorization" not in value


@pytest.mark.parametrize("auth", ["user:pw", ("user",), 12, ("a", "b", "c")])
def test_auth_that_is_no_pair_is_refused(auth: object) -> None:
    with pytest.raises(SourceError, match="pair of user and password"):
        make(auth=auth)


def test_userinfo_of_a_url_is_basic_auth_and_not_sent_in_the_url(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"ok"))
    client.get(f"http://us%40er:p%2Fw@127.0.0.1:{server.port}/a")
    asked = server.asked[0]
    assert asked.target == "/a"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"us@er:p/w"


def test_auth_that_is_given_wins_over_userinfo() -> None:
    request = make("https://a:b@x.com/", auth=("c", "d"))
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"c:d"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-A": "1\r\nX-B: 2"}},
        {"headers": {"X-A": "1\n2"}},
        {"headers": {"X-A\r\nX-B": "1"}},
        {"headers": {"X A": "1"}},
        {"headers": {"": "1"}},
        {"headers": {"X-A": "\N{SNOWMAN}"}},
        {"headers": {"X-A": "s3cret\0"}},
        {"url": "https://x.com/a\r\nX-B: 2"},
        {"url": "https://x.com/\x00"},
    ],
)
def test_what_would_inject_a_header_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        make(**options)
    assert "s3cret" not in str(caught.value)


def test_params_cannot_inject(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"ok"))
    client.get(server.url + "/a", params={"x": "1 HTTP/1.1\r\nX-B: 2"})
    assert "x-b" not in server.asked[0].headers


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://x:99999/", "http:///a", "x.com/a", "mailto:a@b", "https://"),
        *("http://x/\ud800", "http://\ud800@x/", "http://\ud800/"),
    ],
)
def test_urls_that_cannot_be_asked_are_refused(url: str) -> None:
    with pytest.raises(SourceError, match="no http or https URL"):
        make(url)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".com", "-"])
def test_hosts_that_cannot_be_asked_are_errors_of_ours(host: str, make_client: Any) -> None:
    from ingestify.errors import IngestifyError

    with pytest.raises(IngestifyError):
        make_client(attempts=1).get(f"http://{host}/a?token=s3cret")


def test_origins_are_scheme_host_and_port() -> None:
    assert origin("https://X.com/a") == origin("https://x.com:443/b")
    assert origin("https://x.com/") != origin("http://x.com/")
    assert origin("http://x.com/") != origin("http://x.com:8080/")


def test_a_repr_shows_no_secrets() -> None:
    shown = repr(make(headers={"X-Key": "s3cret"}, auth=("u", "s3cret")))
    assert "s3cret" not in shown


@given(st.text(), st.text())
def test_no_header_that_is_let_through_holds_a_line_break(name: str, value: str) -> None:
    try:
        headers = make(headers={name: value}).headers
    except SourceError:
        return
    assert not any(c in f"{k}{v}" for k, v in headers.items() for c in "\r\n\0")
