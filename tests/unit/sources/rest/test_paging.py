from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.ports import FetchContext, IndexReading, Usage
from ingestify.domain.resource import UnreadableEntry
from ingestify.errors import ConfigurationError, FetchError, SourceError
from tests.support.scripted_provider import Asked, Provider, Reply, answer
from tests.unit.sources.rest.api import Api, as_json

Rows = list[dict[str, Any]]


def rows(*numbers: int) -> Rows:
    return [{"id": number} for number in numbers]


def numbered(pages: dict[int, Rows], **also: Any) -> Callable[[Asked], Reply]:
    """Return what serves these pages by `?page=`, and 404 for others."""

    def serve(asked: Asked) -> Reply:
        number = int(dict(urllib.parse.parse_qsl(asked.target.partition("?")[2])).get("page", 1))
        return as_json({"data": pages[number], **also}) if number in pages else answer(b"", 404)

    return serve


class Found:
    """What a source finds at an API, and what speaks against its being all."""

    def __init__(self, server: Provider, **index: Any) -> None:
        index = {"endpoint": "/matches", "items": "data", **index}
        self.ids: list[Any] = []
        self.unreadable: list[str] = []
        self.error: Exception | None = None
        self.look = IndexReading()
        with Api(server, index=index) as api, api.client.activated(FetchContext(Usage(), threading.Event(), self.look)):
            try:
                for batch in api.source.find_datasets("match", DataSpecVersionCollection(), None):  # type: ignore[arg-type]
                    for one in batch:
                        if isinstance(one, UnreadableEntry):
                            self.unreadable.append(one.where)
                        else:
                            self.ids.append(one.dataset_resource_id["match_id"])
            except (SourceError, FetchError) as error:
                self.error = error


NUMBERED = {"type": "page_number"}
LINKED = {"type": "next_link"}


def test_entries_before_an_error_are_yielded(server: Provider) -> None:
    server.on("/matches", as_json({"data": rows(1, 2), "next": "/more"}))
    server.on("/more", answer(b"", 500))
    found = Found(server, paging=LINKED)
    assert found.ids == [1, 2]
    assert "status 500" in str(found.error)


def test_entries_before_an_unreadable_one_are_yielded(server: Provider) -> None:
    server.on("/matches", as_json({"data": [*rows(1), {}, *rows(2)]}))
    found = Found(server)
    assert found.ids == [1, 2]
    assert found.unreadable == [f"entry 1 of {server.url}/matches"]


def test_a_page_past_the_end_is_the_end(server: Provider) -> None:
    server.on("/matches", by=numbered({1: rows(1, 2), 2: rows(3)}))
    found = Found(server, paging=NUMBERED)
    assert (found.ids, found.error, found.look.gaps) == ([1, 2, 3], None, [])


@pytest.mark.parametrize("paging", [NUMBERED, LINKED, {"type": "link_header"}, {"type": "cursor", "path": "cursor"}])
def test_no_more_pages_by_the_providers_word_are_the_end(server: Provider, paging: dict[str, Any]) -> None:
    page = {"data": rows(1, 2), "next": "/2", "cursor": "c", "meta": {"has_more": False}}
    server.on("/matches", as_json(page, link="</2>; rel=next"))
    found = Found(server, paging={**paging, "more": "meta.has_more"})
    assert (found.ids, found.error, found.look.gaps) == ([1, 2], None, [])
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "second",
    [
        rows(2, 3),
        [{"id": 2, "score": "1-0"}, {"id": 3}],  # which changed meanwhile
        rows(3, 1),
    ],
)
def test_an_entry_that_is_on_two_pages_makes_a_listing_not_whole(server: Provider, second: Rows) -> None:
    server.on("/matches", by=numbered({1: rows(1, 2), 2: second}))
    found = Found(server, paging=NUMBERED)
    assert found.error is None
    assert any("is on page 1 of the listing, and on page 2 again" in why for why in found.look.gaps)


def test_an_entry_that_is_twice_on_one_page_moved_nowhere(server: Provider) -> None:
    server.on("/matches", by=numbered({1: rows(1, 1), 2: rows(2)}))
    assert Found(server, paging=NUMBERED).look.gaps == []


def test_a_listing_with_other_than_its_total_of_entries_is_not_whole(server: Provider) -> None:
    server.on("/matches", by=numbered({1: rows(1, 2), 2: rows(3)}, meta={"total": 4}))
    found = Found(server, paging={**NUMBERED, "total": "meta.total"})
    assert (found.ids, found.error) == ([1, 2, 3], None)
    assert "announces 4 items in all, and 3 came" in found.look.gaps[0]


def test_a_total_needs_one_list(server: Provider) -> None:
    with pytest.raises(ConfigurationError, match=r"compared with paging's total, so 'rounds\[\*\]\.data' must lead"):
        Found(server, items="rounds[*].data", paging={**LINKED, "total": "total"})


def test_items_of_several_lists_are_read_to_the_last_page(server: Provider) -> None:
    server.on("/matches", as_json({"rounds": [{"data": rows(1)}, {"data": rows(2)}], "next": "/2"}))
    server.on("/2", as_json({"rounds": [], "next": "/3"}))
    server.on("/3", as_json({"rounds": [{"data": rows(3)}], "next": "/3"}))
    found = Found(server, items="rounds[*].data", paging=LINKED)
    assert (found.ids, found.error) == ([1, 2, 3], None)
