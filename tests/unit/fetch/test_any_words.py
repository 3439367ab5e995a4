"""Whatever a provider writes into a header or an index: an error of ours or something sensible, and soon."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestify.domain.ports import FetchRequest, FetchStatus
from ingestify.errors import FetchError, SourceError
from ingestify.fetch import download
from ingestify.fetch.download import content_type_of
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.fetch.paging import pages
from ingestify.fetch.paging.page_walk import iter_pages
from ingestify.fetch.request import make_request
from ingestify.fetch.response import BufferedResponse
from ingestify.fetch.retries import retry_after_seconds
from ingestify.fetch.transport.address_policy import AddressPolicy
from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding, decoded, refusing_bombs
from ingestify.fetch.transport.headers import Headers
from ingestify.fetch.transport.transport import TransportError
from tests.support.scripted_provider import Sink

# As http.client decodes headers.
TEXT = st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=60)
several = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def words(*parts: str) -> st.SearchStrategy[str]:
    """Texts that look like something."""
    return st.lists(st.sampled_from(parts) | st.text(max_size=3), max_size=8).map("".join)


def page(body: bytes = b"[]", **headers: str) -> BufferedResponse:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return BufferedResponse(200, "http://provider.example/a", Headers(named), body)


DATE = words("Thu, ", "01 ", "Jan ", "1970 ", "2099 ", "00:00:00 ", "GMT", "+9999", "-", "9" * 20, "99:99", ",", "(")


@pytest.mark.slow
@several
@given(DATE | TEXT, DATE | TEXT)
def test_any_retry_after_is_a_time_to_wait_or_nothing(value: str, date: str) -> None:
    seconds = retry_after_seconds(value, date)
    assert seconds is None or 0 <= seconds < 1e12


@several
@given(
    words("text/", "plain", ";", "charset", "=", "*", "utf-8", "'", '"', "idna", "punycode", "%00") | TEXT,
    st.binary(max_size=20),
)
def test_any_content_type_can_be_read_by(value: str, body: bytes) -> None:
    assert isinstance(page(body, Content_Type=value).text, str)
    found = content_type_of(Headers([("Content-Type", value)]))
    assert found is None or found == found.strip().lower()


@several
@given(
    words("http://", "//", "/", "[", "]", ":", "@", "?", "#", "::1", "%", "\\", "..", "é", "a.example", ":80", "file:")
    | TEXT
)
def test_any_location_leads_to_http_or_nowhere(location: str) -> None:
    request = make_request("http://provider.example/a", user_agent="x", auth=("u", "s3cret"))
    try:
        found = request.redirected(location)
    except FetchError:
        return
    assert found.url.startswith(("http://", "https://"))
    assert found.url.isprintable()
    assert "Authorization" not in found.headers or found.url.startswith("http://provider.example")


@several
@given(words("<", ">", ";", "rel", "=", '"', "next", ",", "http://a.example/b", " ") | TEXT)
def test_any_link_header_names_a_next_page_or_none(value: str) -> None:
    with contextlib.suppress(SourceError):
        found = pages.LinkHeader().next_url(page(Link=value), "http://provider.example/a")
        assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    "value", ["<" * 60_000, '<a>;"' * 12_000, "<a>" + ";" * 60_000, "<a>;" + " " * 60_000, "<a>;a" * 12_000]
)
def test_no_link_header_takes_long(value: str) -> None:
    began = time.process_time()
    pages.LinkHeader().next_url(page(Link=value), "http://provider.example/a")
    assert time.process_time() - began < 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["/b", "http://[", "//", "?page=2"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["next", "items", "0", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
PAGERS = st.sampled_from(
    [
        pages.NextLink(items="items"),
        pages.NextLink("next.0"),
        pages.PageNumber(),
        pages.PageNumber(items="items"),
        pages.Offset(items="items"),
        pages.Cursor("cursor", "next", items="items"),
        pages.PageNumber(items="items", more="next", total="a"),
        pages.Offset(items="items", more="next", total="0"),
        pages.NextLink("next", items="items", more="a", total="items.0"),
    ]
)


@pytest.mark.slow
@several
@given(st.lists(JSON, min_size=1, max_size=5), PAGERS)
def test_any_pages_come_to_an_end(documents: list[Any], pager: pages.Pager) -> None:
    asked: list[str] = []
    said: list[str] = []

    def get_page(url: str, **_: bool) -> BufferedResponse:
        asked.append(url)
        return page(json.dumps(documents[len(asked) % len(documents)]).encode())

    with contextlib.suppress(SourceError):
        answers = iter_pages(
            "http://provider.example/a", pager, get_page, most_pages=7, note=lambda _, why: said.append(why)
        )
        joined = b"".join(pages.iter_joined(answers, pager))
        assert isinstance(json.loads(joined), list)
    assert len(asked) <= 7


@several
@given(words("gzip", ", ", "deflate", "zstd", "identity", "x-gzip", "br") | TEXT, st.binary(max_size=80), st.booleans())
def test_any_body_in_any_encoding_is_decoded_or_refused(encoding: str, body: bytes, keep: bool) -> None:
    with contextlib.suppress(Truncated, UnknownEncoding, Bomb):
        pieces = refusing_bombs(decoded([body], encoding, keep_own_gzip=keep), lambda: len(body), 200)
        assert sum(map(len, pieces)) <= 32 << 20


# ---- resuming ------------------------------------------------------------------------------------------

BODY = bytes(range(200))


class _Answer:
    address = None

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, *, is_cut: bool = False) -> None:
        self.status = status
        self.headers: Mapping[str, str] = Headers(headers.items())
        self._body = body
        self._is_cut = is_cut

    def iter_wire(self) -> Iterator[bytes]:
        yield self._body
        if self._is_cut:
            raise TransportError("cut")


class _Garbling:
    """Breaks off after 120 bytes; and answers the request for the rest with a Content-Range and an ETag of any kind."""

    def __init__(self, content_range: str, etag: str) -> None:
        self._rest_headers = {"Content-Range": content_range, "ETag": etag}
        self.asked = 0

    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: AddressPolicy, body: bytes | None = None
    ) -> AbstractContextManager[_Answer]:
        self.asked += 1
        if self.asked == 1:
            return nullcontext(_Answer(200, {"ETag": '"1"', "Content-Length": "200"}, BODY[:120], is_cut=True))
        if "Range" in headers:
            return nullcontext(_Answer(206, self._rest_headers, BODY[120:]))
        return nullcontext(_Answer(200, {"Content-Length": "200"}, BODY))

    def abort(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.slow
@several
@given(
    words("bytes", " ", "120", "-", "199", "/", "200", "*", "121", "9" * 25, ",", "+", "0x") | TEXT,
    st.sampled_from(['"1"', '"2"', 'W/"1"', ""]),
)
def test_any_content_range_brings_the_file_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, content_range: str, etag: str
) -> None:
    monkeypatch.setattr(download, "_RESUMED_FROM_BYTES", 50)
    client = HttpClient("provider", HttpOptions(backoff_base_seconds=0), transport=_Garbling(content_range, etag))
    sink = Sink()
    result = client.fetch(FetchRequest("http://provider.example/a"), sink)
    assert result.status is FetchStatus.FETCHED
    assert sink.content == BODY
