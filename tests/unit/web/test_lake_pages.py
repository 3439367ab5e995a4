"""Storage, freshness and changes: what the catalogue says of the whole lake."""

from __future__ import annotations

import pytest

from tests.support.lake_in_memory import FunctionSource, Lake

from .conftest import client_of

PAGES = ("/storage", "/freshness", "/changes")


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_lake_has_the_page(page):
    with Lake(FunctionSource(lambda **_: [])).engine as engine:
        assert client_of(engine).get(page).status_code == 200


def test_the_sums_of_the_storage_are_those_of_the_lake(client, engine, source):
    document = client.get("/storage.json").json()
    assert document["totals"] == engine.store.totals()
    for key in ("size_bytes", "storage_bytes", "files"):
        assert sum(one[key] for one in document["feeds"]) == document["totals"][key]
    text = client.get("/storage").text
    assert "lineups" in text
    assert "Compression" in text


def test_the_freshness_is_that_of_the_catalogue(client, engine):
    (one,) = client.get("/freshness.json").json()["selectors"]
    (known,) = engine.store.overview.freshness()
    assert one["complete_at"] == known.complete_at.isoformat()
    assert "just now" in client.get("/freshness").text
    for order in ("name", "newest data", "failed", "nonsense"):
        assert client.get("/freshness", params={"sort": order}).status_code == 200


def test_the_changes_are_the_event_log_newest_first(client, engine, source):
    source.events[0]["minute"] = 3
    source.revised = 1
    engine.load()
    positions = [one["position"] for one in client.get("/changes.json").json()["changes"]]
    assert positions == sorted(positions, reverse=True)
    assert engine.store.catalogue.event_log.get_last_position() == positions[0]
    text = client.get("/changes").text
    assert "diff/0..1" in text
    only = client.get("/changes.json", params={"type": "dataset_created"}).json()["changes"]
    assert [one["event_type"] for one in only] == ["dataset_created"]
    assert client.get("/changes", params={"type": "nothing"}).status_code == 400


def test_the_next_page_goes_on_where_the_first_one_ended(client, monkeypatch):
    monkeypatch.setattr("ingestify.web.pages.changes._AT_ONCE", 1)
    first = client.get("/changes.json").json()
    second = client.get("/changes.json", params={"after": first["after"]}).json()
    assert second["changes"][0]["position"] < first["changes"][0]["position"]
    assert "Older changes" in client.get("/changes").text
    assert client.get("/changes", params={"after": "nonsense"}).status_code in (400, 503)
