from __future__ import annotations

import dataclasses
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from ingestify.domain.ports import FetchContext, FetchRequest, FetchStatus, IndexReading, Usage
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import Cursor, LinkHeader, NextLink, Offset, PageNumber
from tests.support.scripted_provider import Asked, Provider, Reply, Sink, answer

ROWS = [{"id": number} for number in range(1, 6)]

COUNTED = [PageNumber("page", "data"), Offset("offset", "limit", 2, "data")]


def query(asked: Asked) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked.target).query))


def body(value: Any, status: int = 200, **headers: str) -> Reply:
    return answer(json.dumps(value).encode(), status, **headers)


def start_of(asked: Asked) -> int:
    """Where a page of two begins, by whichever parameter."""
    asking = query(asked)
    if "page" in asking:
        return 2 * int(asking["page"]) - 2
    return int(asking.get("offset") or asking.get("cursor") or 0)


def page_of(rows: list[Any], asked: Asked, **also: Any) -> dict[str, Any]:
    start = start_of(asked)
    return {"data": rows[start : start + 2], **also}


class Listing:
    """Rows that were read from pages of an index, and why they may not be all."""

    def __init__(self, client: HttpClient, url: str, pager: Any) -> None:
        self.rows: list[Any] = []
        self.error: Exception | None = None
        self.look = IndexReading()
        with client.activated(FetchContext(Usage(), threading.Event(), self.look)):
            try:
                for page in client.iter_pages(url, pager):
                    self.rows += page.json()["data"]
            except (SourceError, FetchError) as error:
                self.error = error

    @property
    def gaps(self) -> str:
        return "; ".join(self.look.gaps)

    @property
    def is_whole(self) -> bool:
        return self.error is None and not self.look.gaps


def file_of(client: HttpClient, url: str, pager: Any, **options: Any) -> tuple[Any, FetchStatus]:
    sink = Sink()
    result = client.fetch(FetchRequest(url, pager=pager, **options), sink)
    return json.loads(sink.content) if sink.content else None, result.status


# ---- the last page leads to itself ---------------------------------------------------------------------


def own_cursor(asked: Asked) -> Reply:
    start = start_of(asked)
    return body(page_of(ROWS, asked, cursor=str(start + 2 if start + 2 < 5 else start)))


def cursor_of_the_last_item(asked: Asked) -> Reply:
    page = page_of(ROWS, asked)
    return body({**page, "cursor": str(page["data"][-1]["id"] if page["data"] else start_of(asked))})


def own_link(asked: Asked) -> Reply:
    number = int(query(asked).get("page", 1))
    following = min(number + 1, 3)
    rows = ROWS[2 * number - 2 : 2 * number]
    link = f"/a?x=1&page={following}" if following > number else f"/a?page={number}&x=1"
    return body({"data": rows, "next": link}, link=f'<{link}>; rel="next"')


def only_page_under_two_urls(asked: Asked) -> Reply:
    return body({"data": ROWS, "next": "/a?page=1", "cursor": "first"}, link='<?page=1>; rel="next"')


@pytest.mark.parametrize(
    ("serve", "pager"),
    [
        (own_cursor, Cursor("cursor", "cursor", "data")),
        (own_cursor, Cursor("cursor", "cursor")),
        (cursor_of_the_last_item, Cursor("cursor", "cursor", "data")),
        (cursor_of_the_last_item, Cursor("cursor", "cursor")),
        (own_link, NextLink("next", "data")),
        (own_link, NextLink("next")),
        (own_link, LinkHeader("data")),
        (own_link, lambda page: page.json()["next"]),
        (only_page_under_two_urls, NextLink("next", "data")),
        (only_page_under_two_urls, NextLink("next")),
        (only_page_under_two_urls, LinkHeader()),
    ],
)
def test_a_page_that_leads_to_itself_is_the_last_one(
    server: Provider, client: HttpClient, serve: Callable[[Asked], Reply], pager: Any
) -> None:
    listing = Listing(client, server.on("/a", by=serve), pager)
    assert (listing.rows, listing.is_whole) == (ROWS, True)
    if getattr(pager, "items", None) is not None:
        assert file_of(client, server.url + "/a", pager) == (ROWS, FetchStatus.FETCHED)


def test_a_redirect_does_not_hide_that_a_page_leads_to_itself(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"", 302, location="/b?page=1"))
    server.on("/b", body({"data": ROWS, "next": "/b?page=1"}))
    assert Listing(client, server.url + "/a", NextLink()).rows == ROWS
    assert len(server.asked) == 2


def test_a_longer_circle_is_an_error_behind_what_was_read(server: Provider, client: HttpClient) -> None:
    server.on("/a", body({"data": [1], "next": "/b"}))
    server.on("/b", body({"data": [2], "next": "/c"}))
    server.on("/c", body({"data": [3], "next": "/b"}))
    listing = Listing(client, server.url + "/a", NextLink(items="data"))
    assert listing.rows == [1, 2, 3]
    assert "go in a circle, back to" in str(listing.error)


def test_two_pages_with_the_same_items_are_two_pages(server: Provider, client: HttpClient) -> None:
    server.on("/a", body([{"type": "Pass"}], link='</b>; rel="next"'))
    server.on("/b", body([{"type": "Pass"}], link='</c>; rel="next"'))
    server.on("/c", body([{"type": "Shot"}]))
    assert file_of(client, server.url + "/a", LinkHeader(""))[0] == [{"type": one} for one in ("Pass", "Pass", "Shot")]


# ---- past the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 410, 416, 204])
@pytest.mark.parametrize("pager", COUNTED)
def test_what_is_not_there_behind_the_last_counted_page_is_the_end(
    server: Provider, client: HttpClient, pager: Any, status: int
) -> None:
    server.on("/a", by=lambda asked: body(page_of(ROWS, asked)) if start_of(asked) < 5 else answer(b"", status))
    listing = Listing(client, server.url + "/a", pager)
    assert (listing.rows, listing.is_whole) == (ROWS, True)
    assert file_of(client, server.url + "/a", pager) == (ROWS, FetchStatus.FETCHED)


@pytest.mark.parametrize("status", [400, 404, 416])
@pytest.mark.parametrize("pager", COUNTED)
def test_a_first_page_that_is_not_there_is_an_error(
    server: Provider, client: HttpClient, pager: Any, status: int
) -> None:
    server.on("/a", answer(b"", status))
    assert f"status {status}" in str(Listing(client, server.url + "/a", pager).error)


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_another_refusal_of_a_counted_page_is_an_error(
    server: Provider, make_client: Callable[..., HttpClient], status: int
) -> None:
    server.on("/a", by=lambda asked: body(page_of(ROWS, asked)) if start_of(asked) < 4 else answer(b"", status))
    listing = Listing(make_client(attempts=2), server.url + "/a", COUNTED[0])
    assert listing.rows == ROWS[:4]
    assert f"status {status}" in str(listing.error)


@pytest.mark.parametrize("pager", [NextLink("next", "data"), Cursor("cursor", "cursor", "data"), LinkHeader("data")])
def test_a_page_that_is_linked_to_and_not_there_is_a_gap_and_a_204_the_end(
    server: Provider, client: HttpClient, pager: Any
) -> None:
    def serve(status: int) -> Callable[[Asked], Reply]:
        link = "/a?cursor=2"
        first = body({"data": ROWS[:2], "next": link, "cursor": "2"}, link=f'<{link}>; rel="next"')
        return lambda asked: first if start_of(asked) == 0 else answer(b"", status)

    server.on("/a", by=serve(404))
    missing = Listing(client, server.url + "/a", pager)
    assert missing.rows == ROWS[:2]
    assert "status 404" in str(missing.error)
    server.on("/a", by=serve(204))
    ended = Listing(client, server.url + "/a", pager)
    assert (ended.rows, ended.is_whole) == (ROWS[:2], True)


@pytest.mark.parametrize("pager", COUNTED)
def test_a_last_page_that_is_repeated_is_the_end(server: Provider, client: HttpClient, pager: Any) -> None:
    def serve(asked: Asked) -> Reply:
        start = min(start_of(asked), 4)
        return body({"data": ROWS[start : start + 2], "asked": asked.target})  # the same items, other bytes

    listing = Listing(client, server.on("/a", by=serve), pager)
    assert (listing.rows, listing.is_whole) == (ROWS, True)
    assert len(server.asked) == 4
    assert file_of(client, server.url + "/a", pager)[0] == ROWS


def test_a_provider_that_ignores_the_page_is_read_once_and_not_taken_for_whole(
    server: Provider, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.on("/a", body({"data": ROWS, "count": 5, "next": "c"}))
    for pager in (PageNumber("p", "data"), Cursor("p", "next", "data"), Cursor("p", "next")):
        listing = Listing(client, server.url + "/a", pager)
        assert (listing.rows, listing.error) == (ROWS, None)
        assert "answers page 2 as page 1" in listing.gaps
        assert "does not know the parameter 'p'" in caplog.text
        caplog.clear()
    # By the provider's own word, or by the number that was asked for, these are all.
    assert Listing(client, server.url + "/a", PageNumber("p", "data", total="count")).is_whole
    assert Listing(client, server.url + "/a", Cursor("p", "next", "data", total="count")).is_whole
    assert Listing(client, server.url + "/a", Offset("o", "n", 100, "data")).is_whole
    assert len(server.asked) == 12


@pytest.mark.sampled(3)
@pytest.mark.parametrize("repeated", [True, False], ids=["the last one again", "nothing"])
@pytest.mark.parametrize("pager", [Cursor("cursor", "cursor", "data"), NextLink("next", "data"), LinkHeader("data")])
def test_links_that_go_on_for_ever_and_bring_nothing_end(
    server: Provider, client: HttpClient, pager: Any, repeated: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def serve(asked: Asked) -> Reply:
        start = start_of(asked)
        shown = min(start, 4) if repeated else start
        link = f"/a?cursor={start + 2}"
        page = {"data": ROWS[shown : shown + 2], "cursor": start + 2, "next": link, "total": 5, "more": start < 999}
        return body(page, link=f'<{link}>; rel="next"')

    listing = Listing(client, server.on("/a", by=serve), pager)
    assert (listing.rows, listing.error) == (ROWS, None)
    assert "the last 10 brought nothing, which is taken as its end" in listing.gaps
    assert "'more'" in caplog.text
    assert len(server.asked) == 13
    assert file_of(client, server.url + "/a", pager)[0] == ROWS
    assert Listing(client, server.url + "/a", dataclasses.replace(pager, total="total")).is_whole
    # Where a page says that there are more, they may be far.
    del server.asked[:]
    Listing(client, server.url + "/a", dataclasses.replace(pager, more="more"))
    assert len(server.asked) > 100


def test_a_few_pages_that_bring_nothing_are_stepped_over(server: Provider, client: HttpClient) -> None:
    for number in range(12):
        server.on(f"/{number}", body({"data": [number // 6] if number % 6 in (0, 5) else [], "next": f"/{number + 1}"}))
    server.on("/12", body({"data": [2]}))
    assert Listing(client, server.url + "/0", NextLink("next", "data")).rows == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("end", "is_whole"),
    [
        ({"data": {"rows": []}}, True),
        ({"data": {"rows": None}}, True),
        ({"data": None}, True),
        ({"data": {}}, False),
        ({"state": "busy"}, False),
        ({}, False),
    ],
)
def test_a_last_page_that_has_no_place_for_items_may_be_something_else(
    server: Provider, client: HttpClient, end: Any, is_whole: bool
) -> None:
    server.on("/a", body({"data": {"rows": [1]}, "total": 1}), body({**end, "total": 1}))
    look = IndexReading()
    with client.activated(FetchContext(Usage(), threading.Event(), look)):
        assert len(list(client.iter_pages(server.url + "/a", PageNumber("page", "data.rows")))) == 1
        assert bool(look.gaps) is not is_whole
        server.on("/b", body({"data": {"rows": [1]}, "total": 1}), body({**end, "total": 1}))
        before = len(look.gaps)
        list(client.iter_pages(server.url + "/b", PageNumber("page", "data.rows", total="total")))
        assert len(look.gaps) == before, "all of them came"


# ---- what a page says of further ones ------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, "true", 3, "yes"])
@pytest.mark.parametrize(
    "pager",
    [
        PageNumber("page", "data", more="meta.more"),
        Offset("offset", "limit", 2, "data", more="meta.more"),
        Cursor("cursor", "cursor", "data", more="meta.more"),
        NextLink("next", "data", more="meta.more"),
        LinkHeader("data", more="meta.more"),
    ],
)
def test_no_more_is_the_end_whatever_the_link_says(
    server: Provider, client: HttpClient, pager: Any, said: object
) -> None:
    def serve(asked: Asked) -> Reply:
        start = start_of(asked)
        link = f"/a?cursor={start + 2}"
        more = said if start + 2 < 5 else {True: False, "true": "false", 3: 0, "yes": "no"}[said]  # type: ignore[index]
        page = page_of(ROWS, asked, next=link, cursor=start + 2, meta={"more": more})
        return body(page, link=f'<{link}>; rel="next"')

    listing = Listing(client, server.on("/a", by=serve), pager)
    assert (listing.rows, listing.is_whole) == (ROWS, True)
    assert len(server.asked) == 3


@pytest.mark.parametrize("pager", COUNTED)
def test_an_empty_page_behind_full_ones_is_no_end_where_more_comes_behind_it(
    server: Provider, client: HttpClient, pager: Any
) -> None:
    rows = [{"id": number} for number in range(1, 10)]
    url = server.on("/a", by=lambda asked: body({"data": []} if start_of(asked) == 4 else page_of(rows, asked)))
    listing = Listing(client, url, pager)
    assert (listing.rows, listing.error) == ([*rows[:4], *rows[6:]], None)
    assert "page 3 of" in listing.gaps
    assert "had no items, and a later one had" in listing.gaps


@pytest.mark.parametrize("behind", [body({"data": []}), body(None), answer(b"", 404)], ids=["empty", "null", "404"])
@pytest.mark.parametrize("pager", COUNTED)
def test_two_pages_without_items_behind_full_ones_are_the_end(
    server: Provider, client: HttpClient, pager: Any, behind: Reply
) -> None:
    url = server.on("/a", by=lambda asked: behind if start_of(asked) > 4 else body(page_of(ROWS[:4], asked)))
    listing = Listing(client, url, pager)
    assert (listing.rows, listing.is_whole) == (ROWS[:4], True)
    assert len(server.asked) == 4
    assert file_of(client, url, pager) == (ROWS[:4], FetchStatus.FETCHED)


@pytest.mark.parametrize(
    "pager", [PageNumber("page", "data", more="more"), Offset("offset", "limit", 2, "data", "more")]
)
def test_an_empty_page_in_the_middle_is_stepped_over_and_the_listing_is_not_whole(
    server: Provider, client: HttpClient, pager: Any
) -> None:
    def serve(asked: Asked) -> Reply:
        start = start_of(asked)
        page = page_of(ROWS, asked, more=start + 2 < 5)
        return body({**page, "data": []} if start == 2 else page)

    listing = Listing(client, server.on("/a", by=serve), pager)
    assert (listing.rows, listing.error) == ([*ROWS[:2], *ROWS[4:]], None)
    assert "page 2 of" in listing.gaps
    assert "had no items, and a later one had" in listing.gaps


def test_an_empty_page_that_links_to_items_makes_the_listing_not_whole_unless_all_came(
    server: Provider, client: HttpClient
) -> None:
    server.on("/a", body({"data": [], "next": "/b", "total": 1}))
    server.on("/b", body({"data": [1], "next": "/c", "total": 1}))
    server.on("/c", body({"data": [], "next": "/d", "total": 1}))
    server.on("/d", body({"data": [], "next": None, "total": 1}))
    listing = Listing(client, server.url + "/a", NextLink("next", "data"))
    assert (listing.rows, listing.error) == ([1], None)
    assert "page 1 of" in listing.gaps
    assert Listing(client, server.url + "/a", NextLink("next", "data", total="total")).is_whole


@pytest.mark.parametrize(
    ("page", "pager", "message"),
    [
        ({"data": [1], "more": True}, NextLink("next", "data", "more"), "/a names no next page"),
        ({"data": [1], "more": True, "next": "/a"}, NextLink("next", "data", "more"), "/a leads to itself"),
        ({"data": [1], "more": True}, PageNumber("p", "data", more="more"), "/a.p=2 repeats the page before it"),
        ({"data": [], "more": True}, PageNumber("p", "data", more="more"), "11 pages in a row have no items"),
        ({"data": [1], "more": [1]}, NextLink("next", "data", "more"), "true or false, and has a JSON list"),
        ({"data": [1], "n": "many"}, NextLink("next", "data", total="n"), "how many items there are in all, and has"),
    ],
)
def test_a_page_that_contradicts_itself_is_an_error_behind_its_items(
    server: Provider, client: HttpClient, page: dict[str, Any], pager: Any, message: str
) -> None:
    server.on("/a", body(page))
    with pytest.raises(SourceError, match=message):
        list(client.iter_pages(server.url + "/a", pager))


@pytest.mark.parametrize("status", [404, 204])
def test_a_page_that_was_promised_and_is_not_there_is_an_error(
    server: Provider, client: HttpClient, status: int
) -> None:
    server.on("/a", body({"data": [1], "more": True}), answer(b"", status))
    listing = Listing(client, server.url + "/a", PageNumber("page", "data", more="more"))
    assert listing.rows == [1]
    assert f"status {status}" in str(listing.error)


# ---- rows that move while they are read ----------------------------------------------------------------


class Moving:
    """Rows of which one is added, or taken away, at the front behind each first page, so many times."""

    def __init__(self, by: int, times: int = 1) -> None:
        self.rows: list[Any] = [{"id": number} for number in range(10, 15)]
        self.by = by
        self.times = times

    def __call__(self, asked: Asked) -> Reply:
        reply = body(page_of(self.rows, asked, total=len(self.rows)))
        if start_of(asked) == 0 and self.times:
            self.times -= 1
            self.rows = [{"id": self.rows[0]["id"] - 1}, *self.rows] if self.by > 0 else self.rows[1:]
        return reply


@pytest.mark.parametrize("pager", COUNTED)
def test_an_index_whose_rows_move_is_not_whole(server: Provider, client: HttpClient, pager: Any) -> None:
    listing = Listing(client, server.on("/a", by=Moving(+1)), pager)
    assert [row["id"] for row in listing.rows] == [10, 11, 11, 12, 13, 14]
    assert "page 2 of" in listing.gaps
    assert "repeats an item of the page before it" in listing.gaps


def test_a_row_that_is_never_seen_shows_in_the_total(server: Provider, client: HttpClient) -> None:
    pager = PageNumber("page", "data", total="total")
    listing = Listing(client, server.on("/a", by=Moving(-1)), pager)
    assert "had 5 items in all, and 4 on page 2" in listing.gaps
    server.on("/a", by=lambda asked: body(page_of(ROWS, asked, total=6)))
    assert "announces 6 items in all, and 5 came" in Listing(client, server.url + "/a", pager).gaps


@pytest.mark.parametrize("by", [+1, -1])
def test_a_file_whose_items_move_is_read_once_more(server: Provider, client: HttpClient, by: int) -> None:
    moving = Moving(by)
    url = server.on("/a", by=moving)
    assert file_of(client, url, PageNumber("page", "data", total="total")) == (moving.rows, FetchStatus.FETCHED)


@pytest.mark.parametrize("times", [1, 9], ids=["once", "each time"])
@pytest.mark.parametrize("pager", COUNTED)
def test_a_file_of_which_a_page_in_the_middle_is_empty_is_read_once_more(
    server: Provider, client: HttpClient, caplog: pytest.LogCaptureFixture, pager: Any, times: int
) -> None:
    rows = [{"id": number} for number in range(1, 10)]
    empty = iter([True] * times + [False] * 9)

    def serve(asked: Asked) -> Reply:
        page = page_of(rows, asked)
        return body({"data": []} if start_of(asked) == 4 and next(empty) else page)

    stored, _ = file_of(client, server.on("/a", by=serve), pager)
    assert stored == (rows if times == 1 else [*rows[:4], *rows[6:]])
    assert ("is stored as it is" in caplog.text) is (times > 1)


@pytest.mark.parametrize("by", [+1, -1])
def test_a_file_whose_items_go_on_moving_is_an_error(server: Provider, client: HttpClient, by: int) -> None:
    url = server.on("/a", by=Moving(by, times=9))
    sink = Sink()
    with pytest.raises(FetchError, match="while it was read; read 2 times, and not stored"):
        client.fetch(FetchRequest(url, pager=PageNumber("page", "data", total="total")), sink)
    assert sink.content == b""


def test_a_file_that_lacks_items_by_its_own_word_is_an_error(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", by=lambda asked: body(page_of(ROWS, asked, total=6)))
    with pytest.raises(FetchError, match="announces 6 items in all, and 5 came"):
        file_of(client, url, PageNumber("page", "data", total="total"))


# ---- pages that are none -------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [1, 2], ids=["the first page", "the last page"])
@pytest.mark.parametrize("pager", [PageNumber("page", "data"), NextLink("next", "data")])
def test_a_page_that_is_something_else_is_no_end_of_a_file(
    server: Provider, client: HttpClient, pager: Any, busy: int
) -> None:
    def serve(asked: Asked) -> Reply:
        number = int(query(asked).get("page", 1))
        if number == busy and is_busy:
            return body({"state": "busy"})
        return body(
            {"data": ROWS[2 * number - 2 : 2 * number], "next": f"/a?page={number + 1}" if number < 3 else None}
        )

    is_busy = True
    url = server.on("/a", by=serve)
    with pytest.raises(FetchError, match=rf"page {busy} of .* has nothing at 'data', not even null; read 2 times"):
        client.fetch(FetchRequest(url, pager=pager), Sink())
    is_busy = False
    assert file_of(client, url, pager)[0] == ROWS


@pytest.mark.parametrize("pager", [PageNumber("page", "data"), NextLink("next", "data")])
def test_a_page_that_says_an_error_occurred_is_no_part_of_a_file(
    server: Provider, client: HttpClient, pager: Any
) -> None:
    refused = {"data": [], "error": "quota"}
    server.on("/a", body({"data": [1], "next": "/a?page=2"}), body(refused))
    with pytest.raises(FetchError, match="the provider sent an error with the status 200: no"):
        file_of(client, server.url + "/a", pager, find_error=lambda page: "no" if b"quota" in page else "")


def test_pages_that_are_not_ready_are_no_file(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 202))
    for pager in (PageNumber("page", "data"), NextLink()):
        assert file_of(client, url, pager, ignore_not_ready=True) == (None, FetchStatus.NOT_READY)
        with pytest.raises(FetchError, match="it is not ready yet"):
            file_of(client, url, pager)
        assert "has nothing yet" in str(Listing(client, url, pager).error)


def test_a_next_page_of_https_is_asked_for_by_https() -> None:
    class Page:
        url = "https://api.example.com:8443/a"

        def __init__(self, found: str) -> None:
            self.found = found

        def json(self) -> Any:
            return {"next": self.found}

    def followed(found: str) -> str | None:
        return NextLink().next_url(Page(found), Page.url)  # type: ignore[arg-type]

    assert followed("http://api.example.com:8443/a?page=2") == "https://api.example.com:8443/a?page=2"
    assert followed("http://api.example.com/a?page=2") == "https://api.example.com:8443/a?page=2"
    assert followed("http://api.example.com:8080/a") == "http://api.example.com:8080/a"
    assert followed("http://other.example.com/a") == "http://other.example.com/a"
