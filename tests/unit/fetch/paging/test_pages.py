from __future__ import annotations

import dataclasses
import json
import urllib.parse
from typing import Any

import pytest

from ingestify.domain.file import Validators
from ingestify.domain.ports import FetchRequest, FetchResult, FetchStatus
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import (
    Cursor,
    LinkHeader,
    NextLink,
    Offset,
    PageNumber,
    get_param,
    look_up,
    with_param,
)
from tests.support.scripted_provider import Asked, Provider, Reply, Sink, answer

MATCHES = [{"id": number} for number in range(7)]


def query(asked: Asked) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.target).query))


def body(value: Any, **headers: str) -> Reply:
    return answer(json.dumps(value).encode(), **headers)


def numbered(asked: Asked) -> Reply:
    page = int(query(asked)["page"])
    return body({"data": {"matches": MATCHES[3 * page - 3 : 3 * page]}})


def offset(asked: Asked) -> Reply:
    start, limit = int(query(asked)["offset"]), int(query(asked)["limit"])
    return body(MATCHES[start : start + min(limit, 2)])  # the provider caps the limit without a word


def cursor(asked: Asked) -> Reply:
    at = int(query(asked).get("after", 0))
    return body({"items": MATCHES[at : at + 4], "meta": {"cursor": at + 4 if at + 4 < 7 else None}})


def linked(asked: Asked) -> Reply:
    at = int(query(asked).get("at", 0))
    more = f"/a?at={at + 5}" if at + 5 < 7 else None
    return body({"results": MATCHES[at : at + 5], "paging": {"next": more}})


def header_linked(asked: Asked) -> Reply:
    at = int(query(asked).get("at", 0))
    links = '</a?at=0>; rel="first", <http://x/a,b;rel=next>; title="a, <b>; rel=next"; rel=prev'
    if at + 5 < 7:
        links += f', <?at={at + 5}>; title="x"; rel="prefetch next"'
    return body(MATCHES[at : at + 5], link=links)


CASES = [
    (numbered, PageNumber("page", "data.matches"), 4),
    (offset, Offset("offset", "limit", 3, ""), 5),
    (cursor, Cursor("after", "meta.cursor", "items"), 2),
    (linked, NextLink("paging.next", "results"), 2),
    (header_linked, LinkHeader(""), 2),
]


def fetch(client: HttpClient, url: str, pager: Any, **options: Any) -> tuple[bytes, FetchResult]:
    sink = Sink()
    result = client.fetch(FetchRequest(url, pager=pager, **options), sink)
    return sink.content, result


@pytest.mark.parametrize(("script", "pager", "requests"), CASES)
def test_a_file_of_pages_is_all_their_items_in_order(
    server: Provider, client: HttpClient, script: Any, pager: Any, requests: int
) -> None:
    server.on("/a", by=script)
    content, result = fetch(client, server.url + "/a", pager, params={"season": 1})
    assert json.loads(content) == MATCHES
    assert result.status is FetchStatus.FETCHED
    assert result.content_type == "application/json"
    assert len(server.asked) == requests
    assert query(server.asked[0])["season"] == "1"


@pytest.mark.parametrize(("script", "pager", "requests"), CASES)
def test_pages_are_fetched_when_they_are_asked_for(
    server: Provider, client: HttpClient, script: Any, pager: Any, requests: int
) -> None:
    server.on("/a", by=script)
    found = client.iter_pages(server.url + "/a", pager)
    assert server.asked == []
    next(found)
    assert len(server.asked) == 1
    assert all(page.status == 200 for page in found)
    assert len(server.asked) == requests


def test_without_items_a_file_is_the_bodies_as_they_were_sent(server: Provider, client: HttpClient) -> None:
    first, second = b'{ "next": "/b",\n "x": 1.10 }\n', b'\xef\xbb\xbf{"y": "\xc3\xa9"}'
    server.on("/a", answer(first))
    server.on("/b", answer(second))
    content, _ = fetch(client, server.url + "/a", NextLink())
    assert content == b'[{ "next": "/b",\n "x": 1.10 },{"y": "\xc3\xa9"}]'


def test_a_body_in_another_charset_becomes_utf_8(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer('{"name": "é"}'.encode("utf-16")))
    assert fetch(client, server.url + "/a", NextLink())[0] == '[{"name":"é"}]'.encode()


def test_half_a_surrogate_pair_stays_readable(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b'["\\ud83d"]'))
    assert fetch(client, server.url + "/a", NextLink(items=""))[0] == b'["\\ud83d"]'


def test_no_items_at_all_are_an_empty_file_of_items(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b'{"data": []}'))
    assert fetch(client, server.url + "/a", PageNumber(items="data"))[0] == b"[]"


def test_a_callable_is_a_pager(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({"n": 1}, x_next="b"))
    server.on("/b", body({"n": 2}))
    content, _ = fetch(client, server.url + "/a", lambda page: page.headers.get("x-next"))
    assert json.loads(content) == [{"n": 1}, {"n": 2}]


def test_a_next_page_of_another_origin_gets_nothing(
    server: Provider, other_server: Provider, client: HttpClient
) -> None:
    server.on("/a", body({"next": "/b"}))
    server.on("/b", body({"next": other_server.url + "/c"}))
    other_server.on("/c", body({"next": None}))
    list(client.iter_pages(server.url + "/a", NextLink(), headers={"X-Key": "k"}, auth=("u", "p")))
    assert all(asked.headers["x-key"] == "k" and "authorization" in asked.headers for asked in server.asked)
    assert not {"x-key", "authorization"} & set(other_server.asked[0].headers)


def test_counting_goes_on_from_what_was_asked_and_not_from_a_redirect(
    server: Provider, other_server: Provider, client: HttpClient
) -> None:
    server.on("/a", by=lambda asked: answer(b"", 302, location=f"{other_server.url}/{query(asked)['page']}"))
    other_server.on("/1", body([1, 2]))
    other_server.on("/2", body([3]))
    other_server.on("/3", body([]))
    content, _ = fetch(client, server.url + "/a", PageNumber(items=""))
    assert json.loads(content) == [1, 2, 3]
    assert len(server.asked) == 3


def test_a_circle_of_pages_is_found(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({"next": "/b"}))
    server.on("/b", body({"next": "/a"}))
    with pytest.raises(SourceError, match=r"go in a circle, back to .*/a\."):
        list(client.iter_pages(server.url + "/a", NextLink()))
    assert len(server.asked) == 2


def test_a_first_page_that_is_missing_is_not_found(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 404))
    for pager in (NextLink(), PageNumber(items="")):
        content, result = fetch(client, url, pager, ignore_not_found=True)
        assert (content, result.status) == (b"", FetchStatus.NOT_FOUND)
        with pytest.raises(FetchError, match="status 404"):
            fetch(client, url, pager)


def test_a_later_page_that_is_missing_ends_counting_only(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({"next": "/gone", "items": [1]}), answer(b"", 404))
    content, _ = fetch(client, server.url + "/a", PageNumber(items="items"), ignore_not_found=True)
    assert json.loads(content) == [1]
    server.on("/a", body({"next": "/gone", "items": [1]}))
    with pytest.raises(FetchError, match="/gone: status 404"):
        fetch(client, server.url + "/a", NextLink(), ignore_not_found=True)


def test_a_file_of_pages_is_asked_for_in_full(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({}))
    fetch(client, server.url + "/a", NextLink(), validators=Validators('"1"'))
    assert "if-none-match" not in server.asked[0].headers


def test_a_page_that_breaks_off_is_tried_again(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({"next": "/b"}))
    server.on("/b", answer(b"", 503), body({"next": None}))
    assert len(list(client.iter_pages(server.url + "/a", NextLink()))) == 2


@pytest.mark.parametrize("items", [{"items": {"a": 1}}, {"items": "text"}, {"items": 3}])
def test_items_that_are_no_list_are_an_error(server: Provider, client: HttpClient, items: Any) -> None:
    server.on("/a", body(items))
    with pytest.raises(SourceError, match="no list; check the pager's items"):
        fetch(client, server.url + "/a", NextLink(items="items"))


@pytest.mark.parametrize("found", [3, {"href": "/b"}, ["/b"], "http://[bad", "file:///etc/passwd"])
def test_a_next_that_is_no_url_is_an_error(server: Provider, client: HttpClient, found: Any) -> None:
    server.on("/a", body({"next": found}))
    with pytest.raises(SourceError, match="URL"):
        list(client.iter_pages(server.url + "/a", NextLink()))


@pytest.mark.parametrize("pager", ["next", 3, {"path": "next"}, NextLink])
def test_what_is_no_pager_is_an_error_before_anything_is_asked(
    server: Provider, client: HttpClient, pager: Any
) -> None:
    with pytest.raises(SourceError, match="pager is"):
        client.iter_pages(server.url + "/a", pager)
    with pytest.raises(SourceError, match="pager is"):
        fetch(client, server.url + "/a", pager)
    assert server.asked == []


def test_paths_lead_through_objects_and_lists() -> None:
    value = {"a": [{"b": 1}, {"b": None}]}
    assert look_up(value, "a.0.b") == 1
    assert look_up(value, "") is value
    assert [look_up(value, path) for path in ("a.1.b", "a.2", "x", "a.b", "a.0.b.c")] == [None] * 5


def test_a_query_keeps_how_it_is_written() -> None:
    url = "https://x.com/a?sig=a%2Bb+c&page=1&x"
    assert with_param(url, "page", 2) == "https://x.com/a?sig=a%2Bb+c&x&page=2"
    assert with_param("https://x.com/a", "q", "ä b") == "https://x.com/a?q=%C3%A4+b"
    assert get_param(url, "sig") == "a+b c"
    assert get_param(url, "y") is None


@pytest.mark.parametrize("pager", [NextLink(items="data"), LinkHeader(items="data")])
def test_a_page_that_is_linked_to_is_looked_at_before_it_is_asked_for(
    server: Provider, client: HttpClient, pager: NextLink | LinkHeader
) -> None:
    def page(asked: Asked) -> Reply:
        number = int(query(asked).get("page", "1"))
        link = f"/a?page={number + 1}"
        return body({"data": [number], "next": link}, link=f'<{link}>; rel="next"')

    def checked(url: str, asked_url: str) -> str:
        assert asked_url.startswith(server.url)
        if url.endswith("page=4"):
            raise SourceError("no further")
        return f"{url}&key=k"

    url = server.on("/a", by=page)
    found = client.iter_pages(url, dataclasses.replace(pager, checked=checked))
    assert [next(found).json()["data"] for _ in range(3)] == [[1], [2], [3]]
    with pytest.raises(SourceError, match="no further"):
        next(found)
    assert [query(asked) for asked in server.asked] == [{}, {"page": "2", "key": "k"}, {"page": "3", "key": "k"}]
