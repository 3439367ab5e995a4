"""The page that plays tracking: its addresses, its chunks, and one frame of it for those without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from ingestify import DatasetResource, get_dev_engine
from ingestify.replay.recording import MISSING
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match

from .conftest import client_of

SHEET = {
    "home_team": {"id": 1, "name": "<b>Home</b>"},
    "away_team": {"id": 2, "name": "Away"},
    "pitch_length": 105,
    "pitch_width": 68,
    "players": [{"id": 7, "team_id": 1, "number": 9, "short_name": "Nine"}],
}


def frame(number: int, x: float) -> dict:
    time = f"00:{number // 600:02}:{number % 600 / 10:05.2f}"
    ball = {"x": 0.5, "y": -34, "z": 0}
    return {
        "frame": number,
        "timestamp": time,
        "period": 1,
        "ball_data": ball,
        "player_data": [{"player_id": 7, "x": x, "y": 1}],
    }


class TrackingSource(FunctionSource):
    provider = "skillcorner"
    loader = "skillcorner"

    def __init__(self) -> None:
        super().__init__(lambda **_: [self.resource()])
        self.frames = [frame(number, number / 100) for number in range(20, 700)]
        self.at = 0

    def resource(self) -> DatasetResource:
        found = DatasetResource({"match_id": 1}, "tracking", name="the tracking")
        found.add_file(hours(0), "metadata", json_content=SHEET)
        return found.add_file(hours(self.at), "frames", json_content=self.frames)


@pytest.fixture
def source() -> TrackingSource:
    return TrackingSource()


@pytest.fixture
def engine(source: TrackingSource) -> Iterator:
    with get_dev_engine(source, "tracking") as engine:
        engine.load()
        yield engine


@pytest.fixture
def document(client: TestClient, address: str) -> dict:
    return client.get(f"{address}/tracking.json").json()


def test_the_head_and_the_chunks_are_all_that_a_player_needs(client, document):
    head = client.get(document["head"])
    assert "immutable" in head.headers["cache-control"]
    assert head.json()["chunks"] == [
        {"period": 1, "first": 0, "frames": 600},
        {"period": 1, "first": 600, "frames": 100},
    ]
    assert head.json()["first_frame"] == 20
    assert [one["name"] for one in head.json()["tracks"]] == ["ball", "Nine"]
    answer = client.get(document["chunks"].replace("{number}", "1"))
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.content) == 100 * 2 * 2 * 2  # frames, tracks, x and y, bytes
    assert head.json()["missing"] == MISSING


@pytest.mark.parametrize("number", ["2", "-1", "x"])
def test_a_chunk_that_does_not_exist_is_a_page(client, document, number):
    answer = client.get(document["chunks"].replace("{number}", number))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_moment_is_a_picture_with_its_table_for_those_without_javascript(client, address, document):
    text = client.get(f"{address}/tracking", params={"period": 1, "seconds": 30}).text
    assert "<td>Nine</td>" in text
    assert "period=1&amp;seconds=40" in text
    assert "&lt;b&gt;Home" in text
    assert client.get(document["picture"]).headers["content-type"] == "image/svg+xml"
    assert "0:02.0" in client.get(document["picture"]).text  # the first frame with anybody in it


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"period": 7}, 404), ({"seconds": "x"}, 400), ({"seconds": "nan"}, 404), ({"period": ""}, 200)],
)
def test_a_moment_that_makes_no_sense_is_refused(client, address, asked, status):
    assert client.get(f"{address}/tracking", params=asked).status_code == status


def test_an_older_revision_is_played_too(client, engine, source, address):
    source.frames = [frame(number, 5.0) for number in range(20, 700)]
    source.at = 1
    engine.load()
    older = client.get(f"{address}/tracking.json", params={"revision": 0}).json()
    newer = client.get(f"{address}/tracking.json").json()
    assert (older["revision"], newer["revision"]) == (0, 1)
    chunks = [client.get(one["chunks"].replace("{number}", "0")).content for one in (older, newer)]
    assert chunks[0] != chunks[1]
    assert client.get(f"{address}/tracking", params={"revision": 9}).status_code == 404


def test_files_that_cannot_be_read_are_named(client, engine, source, address):
    source.frames = [{"nothing": 1}] * 10_000
    source.at = 1
    engine.load()
    document = client.get(f"{address}/tracking.json").json()
    answer = client.get(document["head"])
    assert answer.status_code == 503
    assert "The tracking cannot be read: The files are no tracking of SkillCorner" in answer.json()["error"]
    assert "Something is missing" in client.get(f"{address}/tracking", params={"seconds": 1}).text


def test_the_page_of_the_dataset_links_to_it(client, address):
    assert f'href="{address}/tracking"' in client.get(address).text


def test_a_match_without_tracking_says_so():
    with Lake(FunctionSource(lambda **_: [match(1)])).engine as engine:
        engine.load()
        answer = client_of(engine).get(f"/datasets/{engine.list_datasets()[0].dataset_id}/tracking")
    assert answer.status_code == 404
    assert "has no tracking: it is of the type &#39;match&#39;" in answer.text
