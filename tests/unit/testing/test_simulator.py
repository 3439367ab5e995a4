from __future__ import annotations

import gzip
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Season(matches=6, seed=3, events_per_match=60)) as made:
        yield made


def get(simulator: Simulator, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    parts = urllib.parse.urlsplit(simulator.base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}/{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def get_json(simulator: Simulator, path: str) -> Any:
    return json.loads(get(simulator, path)[2])


def entry_of(simulator: Simulator, match_id: int) -> Any:
    (season,) = simulator.seasons
    entries = get_json(simulator, f"matches/{season.competition_id}/{season.season_id}.json")
    return next(entry for entry in entries if entry["match_id"] == match_id)


def test_it_serves_a_season_under_its_data_root(simulator: Simulator):
    (competition,) = get_json(simulator, "competitions.json")
    (season,) = simulator.seasons
    assert (competition["competition_id"], competition["season_id"]) == (season.competition_id, season.season_id)
    match_id = simulator.match_ids[0]
    assert get(simulator, f"events/{match_id}.json")[2] == season.events(match_id)
    assert get(simulator, f"lineups/{match_id}.json")[2] == season.lineups(match_id)
    assert get(simulator, f"three-sixty/{match_id}.json")[2] == season.three_sixty(match_id)
    assert get(simulator, f"three-sixty/{simulator.match_ids[-1]}.json")[0] == 404
    assert get(simulator, "events/1.json")[0] == 404
    assert simulator.paths()[:2] == ["competitions.json", f"events/{match_id}.json"]


def test_it_answers_conditional_requests(simulator: Simulator):
    path = f"events/{simulator.match_ids[0]}.json"
    _, headers, _ = get(simulator, path)
    assert get(simulator, path, If_None_Match=headers["etag"])[0] == 304
    assert get(simulator, path, If_None_Match='"other"')[0] == 200
    assert get(simulator, path, If_Modified_Since=headers["last-modified"])[0] == 304
    simulator.correct(simulator.match_ids[0])
    assert get(simulator, path, If_None_Match=headers["etag"])[0] == 200


def test_a_correction_moves_the_time_and_the_bytes(simulator: Simulator):
    match_id = simulator.match_ids[0]
    before, events = entry_of(simulator, match_id), get(simulator, f"events/{match_id}.json")[2]
    frames = get(simulator, f"three-sixty/{match_id}.json")[2]
    simulator.correct(match_id)
    after = entry_of(simulator, match_id)
    assert after["last_updated"] > before["last_updated"]
    assert after["last_updated_360"] == before["last_updated_360"]
    assert get(simulator, f"events/{match_id}.json")[2] != events
    assert get(simulator, f"three-sixty/{match_id}.json")[2] == frames
    assert get_json(simulator, "competitions.json")[0]["match_updated"] >= after["last_updated"]


def test_rekeying_leaves_360_frames_that_join_nothing(simulator: Simulator):
    match_id = simulator.match_ids[0]
    simulator.correct(match_id, rekey=True)
    ids = {event["id"] for event in get_json(simulator, f"events/{match_id}.json")}
    frames = {frame["event_uuid"] for frame in get_json(simulator, f"three-sixty/{match_id}.json")}
    assert frames
    assert not ids & frames


def test_a_touch_moves_the_time_and_not_the_bytes(simulator: Simulator):
    match_id = simulator.match_ids[0]
    before, events = entry_of(simulator, match_id), get(simulator, f"events/{match_id}.json")[2]
    simulator.touch(match_id)
    assert entry_of(simulator, match_id)["last_updated"] > before["last_updated"]
    assert get(simulator, f"events/{match_id}.json")[2] == events


def test_360_frames_can_appear_and_a_promised_file_can_be_withheld(simulator: Simulator):
    match_id = simulator.match_ids[-1]
    simulator.publish_360(match_id)
    assert entry_of(simulator, match_id)["match_status_360"] == "available"
    assert get(simulator, f"three-sixty/{match_id}.json")[0] == 200
    simulator.withhold(match_id, "events")
    assert get(simulator, f"events/{match_id}.json")[0] == 404
    simulator.release(match_id, "events")
    assert get(simulator, f"events/{match_id}.json")[0] == 200


def test_each_kind_of_fault(simulator: Simulator):
    path = f"events/{simulator.match_ids[0]}.json"
    simulator.add_fault(Fault(path="events/*", kind="status", status=503, retry_after=7, times=1))
    simulator.add_fault(Fault(path="events/*", kind="html", times=1))
    simulator.add_fault(Fault(path="events/*", kind="truncate", times=1))
    simulator.add_fault(Fault(path="events/*", kind="reset", times=1))
    simulator.add_fault(Fault(path="events/*", kind="stall", seconds=0.05, times=1))
    status, headers, _ = get(simulator, path)
    assert (status, headers["retry-after"]) == (503, "7")
    assert get(simulator, path)[2].startswith(b"<!DOCTYPE html>")
    with pytest.raises(http.client.IncompleteRead):
        get(simulator, path)
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - the system chooses which
            get(simulator, path)
    assert get(simulator, path)[0] == 200
    assert [request.status for request in simulator.requests] == [503, 200, 200, 0, 0, 200]
    simulator.add_fault(Fault())
    simulator.clear_faults()
    assert get(simulator, path)[0] == 200
    with pytest.raises(ValueError, match="no kind of fault"):
        Fault(kind="explode")


def test_more_than_the_limit_is_answered_429():
    with Simulator(Season(matches=1, events_per_match=40), requests_per_second=3) as simulator:
        assert [get(simulator, "competitions.json")[0] for _ in range(4)] == [200, 200, 200, 429]


def test_credentials_can_be_required():
    with Simulator(Season(matches=1, events_per_match=40), username="me", password="pw") as simulator:
        assert get(simulator, "competitions.json")[0] == 401
        assert get(simulator, "competitions.json", Authorization="Basic bWU6cHc=")[0] == 200


def test_bodies_can_be_compressed_in_transit():
    with Simulator(Season(matches=1, events_per_match=40), gzip=True) as simulator:
        _, headers, body = get(simulator, "competitions.json", Accept_Encoding="gzip")
        assert headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(body))
        assert "content-encoding" not in get(simulator, "competitions.json")[1]


def test_latency_passes_side_by_side():
    with Simulator(Season(matches=1, events_per_match=40), latency_seconds=0.3) as simulator:
        started = time.monotonic()
        threads = [threading.Thread(target=get, args=(simulator, "competitions.json")) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 2.5
        assert simulator.peak_in_flight > 5
        simulator.clear_requests()
        assert simulator.requests == []


def test_no_correction_brings_back_earlier_bytes():
    with Simulator(Season(matches=1, seed=3, events_per_match=25, matches_with_360=1)) as simulator:
        (match_id,) = simulator.match_ids
        for feed, folder in (("events", "events"), ("lineups", "lineups"), ("360-frames", "three-sixty")):
            seen = set()
            for _ in range(120):
                simulator.correct(match_id, feed)
                seen.add(get(simulator, f"{folder}/{match_id}.json")[2])
            assert len(seen) == 120, feed
