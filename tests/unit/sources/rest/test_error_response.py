from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetState, IngestionEngine, IngestionPlan, get_engine
from ingestify.errors import ConfigurationError, FetchError
from ingestify.sources.rest.error_response import ErrorCondition
from ingestify.sources.rest.source import RestSource
from tests.support.scripted_provider import Provider, answer
from tests.unit.sources.rest.api import Api, as_json, described

QUOTA = {"get": "fixtures", "errors": {"requests": "Quota used up"}, "results": 0, "response": []}


def says(text: str, document: Any) -> bool:
    return bool(ErrorCondition.parse(text)(json.dumps(document).encode()))


@pytest.mark.parametrize(
    "text", ["errors", "errors != []", "$.errors", "answer.errors", "answer['errors']", "['errors']"]
)
@pytest.mark.parametrize(
    ("errors", "expected"),
    [([], False), ({}, False), (None, False), ("", False), (["x"], True), ({"a": "x"}, True), ("x", True)],
)
def test_a_path_or_a_condition_asks_whether_there_is_something(text: str, errors: Any, expected: bool) -> None:
    assert says(text, {"errors": errors, "data": [1]}) is expected


@pytest.mark.parametrize(
    ("text", "document", "expected"),
    [
        ("errors", {"data": []}, False),
        ("errors != []", {"data": []}, False),
        ("errors == []", {"data": []}, True),
        ("error", {"error": 0}, False),
        ("error", {"error": False}, False),
        ("meta.error", {"meta": {"error": "x"}}, True),
        ("error-message", {"error-message": "x"}, True),
        ("status == 'error'", {"status": "error"}, True),
        ("status == 'error' or errors", {"status": "ok", "errors": ["x"]}, True),
        ("status in ['error', 'failed']", {"status": "ok"}, False),
        ("code >= 400", {"code": 429}, True),
        ("code >= 400", {}, False),
        ("not success", {"success": False}, True),
        ("errors", [{"errors": "x"}], False),
        ("errors", "errors", False),
    ],
)
def test_a_response_is_an_error_by_the_configuration(text: str, document: Any, expected: bool) -> None:
    assert says(text, document) is expected


def test_a_body_that_is_no_json_is_no_error() -> None:
    for body in (b"", b"a,b\n1,2", b"{", b"\xff\xfe", b"\xef\xbb\xbf[]", b"[" * 5000):
        assert ErrorCondition.parse("errors")(body) == ""


@pytest.mark.parametrize("text", ["", "$", "errors = []", "a <> b", "f(x)", "errors[*]", "items[*].error"])
def test_a_text_that_is_neither_path_nor_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        ErrorCondition.parse(text)


# ---- an index ------------------------------------------------------------------------------------------


def index(**changes: Any) -> dict[str, Any]:
    return {"endpoint": "/matches", "items": "response", **changes}


@pytest.mark.parametrize("changes", [{}, {"error": "errors != []"}, {"error": "errors"}])
@pytest.mark.parametrize("paging", [None, {"type": "page_number"}, {"type": "next_link"}])
def test_an_index_that_is_an_error_is_no_listing(
    server: Provider, changes: dict[str, Any], paging: dict[str, Any] | None
) -> None:
    server.on("/matches", as_json(QUOTA))
    with (
        Api(server, index=index(paging=paging, **changes)) as api,
        pytest.raises(FetchError, match="the provider sent an error with the status 200: 'Quota used up'"),
    ):
        api.find()
    assert len(server.asked) == 1


def test_a_later_page_that_is_an_error_is_not_the_end(server: Provider) -> None:
    server.on("/matches", as_json({"errors": [], "response": [{"id": 1}]}), as_json(QUOTA))
    with (
        Api(server, index=index(paging={"type": "page_number"})) as api,
        pytest.raises(FetchError, match="'Quota used up'"),
    ):
        api.find()


def test_the_configuration_alone_decides_whether_an_index_is_an_error(server: Provider) -> None:
    server.on("/matches", as_json({"error": "no matches yet", "response": []}))
    with Api(server, index=index(error="status == 'error'")) as api:
        assert api.find() == []


# ---- files ---------------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[IngestionEngine]:
    with get_engine(metadata_url="sqlite:///:memory:", file_url="memory://") as made:
        yield made


def run(engine: IngestionEngine, server: Provider, **feed: Any) -> Any:
    said = described(server.url, feeds={"events": {"url": "/events/{match_id}", "format": "json", **feed}})
    if not engine.ingestion_plans:
        engine.add_ingestion_plan(IngestionPlan(RestSource("api", **said), "match"))
    return engine.load().totals


PAGED = {"items": "response", "paging": {"type": "page_number"}}


@pytest.mark.parametrize("feed", [{"error": "errors != []"}, {"error": "errors", **PAGED}, PAGED])
def test_a_file_that_is_an_error_fails_its_dataset_and_leaves_the_good_one(
    engine: IngestionEngine, server: Provider, feed: dict[str, Any]
) -> None:
    good = {"errors": [], "response": [{"minute": 7}]}
    server.on("/matches", as_json([{"id": 1}]))
    server.on("/events/1", by=lambda asked: as_json(good) if "page=2" not in asked.target else answer(b"", 404))
    assert run(engine, server, **feed).new == 1
    server.on("/events/1", as_json({**QUOTA, "rows": [1]} if "error" in feed else QUOTA))
    assert run(engine, server, **feed).failed == 1
    (dataset,) = engine.list_datasets()
    assert dataset.state is DatasetState.COMPLETE
    assert engine.store.load_files(dataset).get_file("events").json() == (
        good["response"] if "paging" in feed else good
    )


def test_a_file_in_an_envelope_with_an_error_waits_in_quarantine_where_nothing_is_configured(
    engine: IngestionEngine, server: Provider
) -> None:
    server.on("/matches", as_json([{"id": 1}]))
    server.on("/events/1", as_json(QUOTA))
    assert run(engine, server).quarantined == 1


@pytest.mark.parametrize("status", [202, 204])
def test_a_feed_that_may_not_be_ready_is_left_out_until_it_is(
    engine: IngestionEngine, server: Provider, status: int
) -> None:
    server.on("/matches", as_json([{"id": 1}]))
    server.on("/events/1", answer(b"", status))
    assert run(engine, server, ignore_not_ready=True).failed == 0
    server.on("/events/1", as_json([1], 202))
    run(engine, server)
    (dataset,) = engine.list_datasets()
    assert (dataset.state, engine.store.load_files(dataset).get_file("events").json()) == (DatasetState.COMPLETE, [1])
