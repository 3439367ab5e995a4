from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.relay import Relay
from ingestify.testing.simulator import Fault


@pytest.fixture
def upstream() -> Iterator[DocumentProvider]:
    with DocumentProvider({"a.json": [1, 2, 3], "b.csv": b"x,y\n1,2\n", "p?page=2": {"page": 2}}) as provider:
        provider.documents["next.json"] = {"next": f"{provider.base_url}/a.json"}
        yield provider


@pytest.fixture
def relay(upstream: DocumentProvider) -> Iterator[Relay]:
    with Relay(upstream) as made:
        yield made


def ask(base_url: str, path: str, method: str = "GET", body: str | None = None, **headers: str):
    """Return status, headers in lower case, and the body, which may be cut off."""
    parts = urllib.parse.urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}/{path}", body=body, headers=headers)
        answer = connection.getresponse()
        got = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return answer.status, got, answer.read()
        except http.client.IncompleteRead as error:
            return answer.status, got, error.partial
    finally:
        connection.close()


def test_documents_are_served_with_etags_queries_and_types(upstream: DocumentProvider):
    status, headers, body = ask(upstream.base_url, "a.json?x=1")
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", [1, 2, 3])
    assert ask(upstream.base_url, "a.json", **{"If-None-Match": headers["etag"]})[0] == 304
    upstream.documents["a.json"] = [4]
    assert ask(upstream.base_url, "a.json", **{"If-None-Match": headers["etag"]})[2] == b"[4]"
    assert ask(upstream.base_url, "b.csv")[1]["content-type"] == "text/csv"
    assert ask(upstream.base_url, "p?page=2")[0] == 200
    assert ask(upstream.base_url, "p?page=3")[0] == 404
    assert upstream.paths[:2] == ["a.json?x=1", "a.json"]
    upstream.clear_paths()
    assert upstream.paths == []


def test_documents_behind_a_token_are_for_who_has_it():
    with DocumentProvider({"a": [1]}, token="right") as provider:
        assert ask(provider.base_url, "a")[0] == 401
        assert ask(provider.base_url, "a", Authorization="Bearer wrong")[0] == 401
        assert ask(provider.base_url, "a", Authorization="Bearer right")[0] == 200


def test_a_relay_serves_the_same_and_its_own_urls(upstream: DocumentProvider, relay: Relay):
    assert ask(relay.base_url, "a.json")[2] == ask(upstream.base_url, "a.json")[2]
    _, headers, body = ask(relay.base_url, "next.json")
    assert json.loads(body) == {"next": f"{relay.base_url}/a.json"}
    assert int(headers["content-length"]) == len(body)
    assert ask(relay.base_url, "next.json", **{"If-None-Match": headers["etag"]})[0] == 304
    assert relay.relayed(f"{upstream.base_url}/token") == f"{relay.base_url}/token"
    assert relay.paths() == ["a.json", "next.json", "next.json"]
    assert [one.status for one in relay.requests] == [200, 200, 304]
    relay.clear_requests()
    assert relay.requests == []


def test_a_relay_injects_faults(relay: Relay):
    relay.add_fault(Fault("a*", "status", status=500, times=1))
    relay.add_fault(Fault(Relay.exactly("b.csv"), "truncate", times=1))
    relay.add_fault(Fault("p?page=2", "not_found"))
    assert [ask(relay.base_url, "a.json")[0] for _ in range(2)] == [500, 200]
    status, headers, body = ask(relay.base_url, "b.csv")
    assert (status, headers["content-length"], body) == (200, "8", b"x,y\n")
    assert ask(relay.base_url, "b.csv")[2] == b"x,y\n1,2\n"
    assert ask(relay.base_url, "p?page=2")[0] == 404
    relay.clear_faults()
    assert ask(relay.base_url, "p?page=2")[0] == 200
    with pytest.raises(ValueError, match="no faults of the kind 'stall'"):
        relay.add_fault(Fault(kind="stall"))


def test_a_relay_takes_its_time_and_the_body_is_whole(relay: Relay):
    relay.pause_seconds = 0.05
    begun = time.monotonic()
    assert ask(relay.base_url, "a.json")[2] == b"[1, 2, 3]"
    assert time.monotonic() - begun >= 0.05


def test_a_relay_knows_the_texts_of_requests_in_any_encoding(relay: Relay):
    ask(relay.base_url, "a.json?key=in%20the%20query")
    ask(relay.base_url, "a.json", Authorization="Basic dXNlcjppbiB0aGUgcGFzc3dvcmQ=", Other="in a header")
    ask(relay.base_url, "token", "POST", "password=in+the+form")
    for text in ("in the query", "in the password", "in a header", "in the form"):
        assert relay.was_sent(text)
    assert not relay.was_sent("nowhere")
    assert relay.credentials == {"dXNlcjppbiB0aGUgcGFzc3dvcmQ="}
    assert relay.requests[-1].method == "POST"


def test_a_relay_is_of_something_that_serves_http():
    class Secure:
        base_url = "https://api.example.com"

    with pytest.raises(ValueError, match=r"https://api\.example\.com"):
        Relay(Secure())


def test_a_provider_that_is_gone_is_a_bad_gateway():
    provider = DocumentProvider({"a": [1]})
    with Relay(provider) as relay:
        with provider:
            assert ask(relay.base_url, "a")[0] == 200
        assert ask(relay.base_url, "a")[0] == 502
