from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ingestify.domain.file import DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.ports import FetchContext, Usage
from ingestify.errors import FetchError, SourceError
from ingestify.fetch import loader
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.fetch.loader import retrieve_http
from ingestify.fetch.paging.pages import NextLink
from tests.support.scripted_provider import CLOSE, Provider, answer

OLD = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
NEW = dt.datetime(2024, 5, 2, tzinfo=dt.UTC)


def lake_file(content: bytes = b"old", modified_at: dt.datetime | None = OLD) -> File:
    return File(
        data_feed_key="events",
        data_spec_version="v8",
        data_serialization_format="jsonl",
        size=len(content),
        tag=hashlib.sha256(content).hexdigest(),
        content_type=None,
        storage_size=1,
        storage_compression_method="none",
        storage_path="x",
        modified_at=modified_at,
        created_at=OLD,
        revision_id=0,
    )


@pytest.fixture
def _active(client: HttpClient) -> Any:
    with client.activated(FetchContext(Usage(), threading.Event())):
        yield


pytestmark = pytest.mark.usefixtures("_active")


def test_a_file_becomes_a_draft(server: Provider) -> None:
    url = server.on("/a", answer(b'{"a": 1}', etag='"1"', content_type="application/json; charset=x"))
    draft = retrieve_http(
        url,
        headers={"X-Key": "k"},
        http_auth=("u", "p"),
        http_params={"season": 3},
        file_data_feed_key="events",
        file_data_spec_version="v8",
        file_modified_at=NEW,
    )
    assert isinstance(draft, DraftFile)
    with draft.stream:
        assert draft.stream.read() == b'{"a": 1}'
    assert draft.file_id == "events__v8"
    assert draft.data_serialization_format == "json"
    assert (draft.modified_at, draft.content_type, draft.validators) == (NEW, "application/json", Validators('"1"'))
    asked = server.asked[0]
    assert (asked.target, asked.headers["x-key"], asked.headers["authorization"]) == ("/a?season=3", "k", "Basic dTpw")


@pytest.mark.parametrize(
    ("path", "content_type", "named"),
    [
        ("/a.csv", "text/plain", "csv"),
        ("/a.csv.gz", None, "csv.gz"),
        ("/a", "text/csv", "csv"),
        ("/v1.2", "application/json", "json"),
        ("/a", None, "bin"),
    ],
)
def test_the_format_is_what_the_url_or_the_provider_says(
    server: Provider, path: str, content_type: str | None, named: str
) -> None:
    url = server.on(path, answer(b"x", **({"content_type": content_type} if content_type else {})))
    draft = retrieve_http(url, file_data_feed_key="a")
    assert isinstance(draft, DraftFile)
    draft.stream.close()
    assert draft.data_serialization_format == named


def test_a_file_of_the_lake_says_what_is_fetched(server: Provider) -> None:
    url = server.on("/a", answer(b"new"))
    draft = retrieve_http(url, lake_file(), last_modified=NEW)
    assert isinstance(draft, DraftFile)
    draft.stream.close()
    assert (draft.file_id, draft.data_serialization_format, draft.modified_at) == ("events__v8", "jsonl", NEW)


@pytest.mark.parametrize("last_modified", [OLD, OLD - dt.timedelta(days=1), OLD.replace(tzinfo=None)])
def test_nothing_is_asked_if_the_time_has_not_moved(server: Provider, last_modified: dt.datetime) -> None:
    found = retrieve_http(server.url + "/a", lake_file(), last_modified=last_modified)
    assert isinstance(found, NotModifiedFile)
    assert server.asked == []


def test_a_304_is_not_modified(server: Provider) -> None:
    url = server.on("/a", answer(b"", 304))
    found = retrieve_http(url, lake_file(), http_validators=Validators('"1"'), last_modified=NEW)
    assert isinstance(found, NotModifiedFile)
    assert found.modified_at == NEW
    assert server.asked[0].headers["if-none-match"] == '"1"'


def test_the_same_bytes_are_not_modified(server: Provider) -> None:
    found = retrieve_http(server.on("/a", answer(b"old")), lake_file(), last_modified=NEW)
    assert isinstance(found, NotModifiedFile)
    assert (found.modified_at, found.reason) == (NEW, "the provider has the same bytes")


def test_what_the_lake_has_not_got_is_asked_for_in_full(server: Provider) -> None:
    draft = retrieve_http(server.on("/a", answer(b"x")), http_validators=Validators('"1"'), file_data_feed_key="events")
    assert isinstance(draft, DraftFile)
    draft.stream.close()
    assert "if-none-match" not in server.asked[0].headers


def test_a_missing_file_may_be_left_out(server: Provider) -> None:
    url = server.on("/a", answer(b"", 404))
    assert retrieve_http(url, file_data_feed_key="events", http_ignore_not_found=True) is None
    with pytest.raises(FetchError, match="status 404"):
        retrieve_http(url, file_data_feed_key="events")


def test_pages_become_one_file(server: Provider) -> None:
    server.on("/a", answer(b'{"next": "/b", "items": [1]}'))
    server.on("/b", answer(b'{"items": [2]}'))
    draft = retrieve_http(server.url + "/a", pager=NextLink(items="items"), file_data_feed_key="events")
    assert isinstance(draft, DraftFile)
    with draft.stream:
        assert draft.stream.read() == b"[1,2]"


def test_a_large_file_goes_to_the_disk_and_survives_a_second_try(server: Provider) -> None:
    large = bytes(range(256)) * (40 << 10)  # 10 MiB
    url = server.on("/a.mp4", [*answer(b"x" * 9_000_000, length=10_000_000), CLOSE], answer(large))
    draft = retrieve_http(url, file_data_feed_key="video")
    assert isinstance(draft, DraftFile)
    with draft.stream:
        assert draft.stream.fileno() > 0
        assert draft.compute_tag() == hashlib.sha256(large).hexdigest()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_time": 3}, "no option http_time; there are .*http_auth"),
        ({"file_size": 3, "x": 1}, "no option file_size, x"),
        ({"file_data_feed_key": None}, "give file_data_feed_key"),
        ({"file_data_feed_key": "a", "last_modified": "yesterday"}, "takes a time as last_modified"),
        ({"file_data_feed_key": "a", "http_validators": "x"}, "takes Validators"),
    ],
)
def test_arguments_that_are_wrong_are_named(server: Provider, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        retrieve_http(server.url + "/a", **options)
    assert server.asked == []


def test_it_counts_for_who_works(server: Provider, client: HttpClient) -> None:
    usage = Usage()
    with client.activated(FetchContext(usage, threading.Event())):
        retrieve_http(server.on("/a", answer(b"old")), lake_file())
    assert (usage.requests, usage.received_bytes) == (1, 3)


def test_outside_an_engine_there_is_one_client_for_all(
    server: Provider, make_client: Callable[..., HttpClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[HttpClient] = []

    def make(name: str, options: HttpOptions) -> HttpClient:
        made.append(make_client(redirect_hosts=options.redirect_hosts))
        return made[-1]

    monkeypatch.setattr(loader, "HttpClient", make)
    monkeypatch.setattr(loader, "_default", None)
    url = server.on("/a", answer(b"old"))
    thread = threading.Thread(target=lambda: [retrieve_http(url, lake_file()) for _ in range(2)])
    thread.start()  # a new thread has no active client
    thread.join()
    assert len(made) == 1
    assert len(server.asked) == 2
