"""Storage, freshness and changes: what the catalogue says of the whole lake."""

from __future__ import annotations

import pytest

from ingestify.errors import StoreError
from ingestify.main.publishing import PublisherState
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


STATE = PublisherState(
    name="<queue>",
    type="ingestify.rabbitmq",
    is_enabled=True,
    position=1,
    behind=3,
    lag_seconds=90,
    dead_letters=2,
    error="",
    failures=0,
    switched_off="",
    holder="",
)


class Publishers:
    """Stands for the publishers of the settings."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def status(self):
        return [STATE]


class NoPublishers(Publishers):
    def status(self):
        raise StoreError("The catalogue is away.")


def test_the_page_of_publishers_says_how_far_each_is_behind(engine):
    engine.store.catalogue.event_readers.set_position("mine", 1)
    client = client_of(engine, open_publishing=Publishers)
    text = client.get("/publishers").text
    assert "&lt;queue&gt;" in text
    assert "1:30" in text
    assert "mine" in text
    document = client.get("/publishers.json").json()
    assert document["publishers"][0]["behind"] == 3
    assert [one["name"] for one in document["readers"]] == ["mine"]


def test_publishers_that_cannot_be_asked_are_said_to_be_missing(engine):
    assert "The catalogue is away" in client_of(engine, open_publishing=NoPublishers).get("/publishers").text
    assert "name no event_publishers" in client_of(engine).get("/publishers").text
