"""The list of matches: its order, its pages, its facets."""

from __future__ import annotations

import re

import pytest

from ingestify import DatasetResource, DatasetState
from ingestify.web import listing
from tests.support.lake_in_memory import FunctionSource, Lake, hours

from .conftest import client_of


def match(number: int) -> DatasetResource:
    metadata = {
        "match_date": f"2024-{1 + number % 12:02}-{1 + number % 28:02}",
        "home_team": f"Home {number}",
        "away_team": "Away",
        "competition": "Cup" if number % 3 else "League",
    }
    state = DatasetState.PARTIAL if number % 10 == 0 else DatasetState.COMPLETE
    keys = {"competition_id": 1 + (number % 3 > 0), "match_id": number}
    resource = DatasetResource(keys, "match", name=f"match {number}", metadata=metadata, state=state)
    return resource.add_file(hours(0), "events", json_content={"n": number})


class Numbers(FunctionSource):
    def __init__(self) -> None:
        super().__init__(lambda **_: [match(number) for number in range(self.count)])
        self.count = 120


@pytest.fixture(scope="module")
def source():
    return Numbers()


@pytest.fixture(scope="module")
def engine(source):
    with Lake(source).engine as engine:
        engine.load()
        yield engine


def test_a_page_repeats_nothing_while_a_run_commits(engine, source):
    client = client_of(engine)
    seen, after = [], None
    while True:
        document = client.get("/datasets.json", params={"after": after} if after else {}).json()
        seen += document["datasets"]
        source.count += 1
        engine.load()
        after = document["after"]
        if after is None:
            break
    days = [one["metadata"]["match_date"] for one in seen]
    assert len({one["dataset_id"] for one in seen}) == len(seen) >= 120
    assert days == sorted(days, reverse=True)


def test_facets_are_counts(engine):
    client = client_of(engine)
    text = client.get("/datasets").text
    found = re.findall(r'<option value="(\w+)">(Cup|League) \(([\d,]+)\)', text)
    assert {name for _, name, _ in found} == {"Cup", "League"}
    for key, _, count in found:
        assert client.get("/datasets.json", params={"competition_id": key}).json()["count"] == int(count)
    partial = client.get("/datasets.json", params={"state": "partial"}).json()
    assert {one["state"] for one in partial["datasets"]} == {"PARTIAL"}
    assert partial["count"] == partial["facets"]["state"]["PARTIAL"]
    assert client.get("/datasets.json", params={"q": "MATCH 55"}).json()["count"] == 1
    assert client.get("/datasets", params={"match_id": "55"}).text.count("<tr>") == 2
    assert client.get("/datasets", params={"state": "nothing"}).status_code == 400
    assert client.get("/datasets", params={"after": "nothing"}).status_code == 400
    assert "Show all" in client.get("/datasets", params={"q": "nobody"}).text


def test_a_very_long_list_is_in_the_order_of_arrival(engine, monkeypatch):
    monkeypatch.setattr(listing, "_MOST_BY_DATE", 10)
    document = client_of(engine).get("/datasets.json").json()
    arrived = [one["created_at"] for one in document["datasets"]]
    assert arrived == sorted(arrived, reverse=True)
    following = client_of(engine).get("/datasets.json", params={"after": document["after"]}).json()
    assert not {one["dataset_id"] for one in following["datasets"]} & {
        one["dataset_id"] for one in document["datasets"]
    }


def test_the_coverage_counts_what_the_lake_has(engine):
    client = client_of(engine)
    rows = client.get("/coverage.json").json()["rows"]
    count = client.get("/datasets.json").json()["count"]
    assert sum(one["complete"] + one["partial"] for one in rows) == count
    assert sum(one["feeds"]["events"] for one in rows) == count
    text = client.get("/coverage").text
    for one in rows:
        address = f"/datasets?provider=fake&dataset_type=match&competition_id={one['competition_id']}"
        assert address.replace("&", "&amp;") in text
        assert (
            client.get(address.replace("/datasets", "/datasets.json")).json()["count"]
            == one["complete"] + one["partial"]
        )
    assert client.get("/coverage?page=x").status_code == 400
