"""What `loader` makes of a delivery: what it lacks, what is not what it is called, what does not belong together."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ingestify import BundleCheck
from tests.support import hawkeye_documents as hawkeye
from tests.support.drop import Drop

F7 = '<SoccerFeed><SoccerDocument Type="Result" uID="f{match}"><MatchData/></SoccerDocument></SoccerFeed>'
F24 = '<Games><Game away_team_id="7" id="{match}"><Event id="5"/></Game></Games>'


@pytest.fixture
def make_drop(tmp_path: Path) -> Iterator[Callable[..., Drop]]:
    with ExitStack() as opened:
        yield lambda **configuration: opened.enter_context(
            Drop(tmp_path, pattern="{match_id}_{data_feed_key}.{data_serialization_format}", **configuration)
        )


@pytest.fixture
def opta(make_drop: Callable[..., Drop]) -> Drop:
    return make_drop(loader="opta")


@pytest.fixture
def hawkeye_drop(make_drop: Callable[..., Drop]) -> Drop:
    return make_drop(loader="hawkeye", dataset_type="tracking")


def reasons(drop: Drop, dataset_type: str = "match") -> list[str]:
    """Return why what was delivered is in quarantine."""
    drop.load(dataset_type=dataset_type)
    return [reason for entry in drop.engine.store.quarantine.list_entries() for reason in entry.reasons]


def state(drop: Drop) -> str:
    (dataset,) = drop.engine.list_datasets()
    return str(dataset.state)


def test_files_that_agree_are_a_complete_dataset(opta: Drop) -> None:
    opta.put("1_f7.xml", F7.format(match=12))
    opta.put("1_f73.xml", F24.format(match=12))
    assert reasons(opta) == []
    assert state(opta) == "COMPLETE"


def test_a_dataset_without_a_feed_of_its_format_waits(opta: Drop) -> None:
    opta.put("1_f24.xml", F24.format(match=12))
    assert reasons(opta) == []
    assert state(opta) == "PARTIAL"
    assert opta.engine.list_datasets()[0].missing_feeds == ("f7",)
    opta.put("1_f7.xml", F7.format(match=12))
    assert reasons(opta) == []
    assert state(opta) == "COMPLETE"


def test_feeds_under_each_others_names_are_found(opta: Drop) -> None:
    opta.put("1_f7.xml", F24.format(match=12))
    opta.put("1_f24.xml", F7.format(match=12))
    of_f7, of_f24 = reasons(opta)
    assert of_f7.startswith("f7__v1 is not what the feed 'f7' of opta is: it begins '<Games><Game ")
    assert of_f24.startswith("f24__v1 is not what the feed 'f24' of opta is: it begins '<SoccerFeed><SoccerDocument ")


def test_files_of_two_matches_are_found(opta: Drop) -> None:
    opta.put("1_f7.xml", F7.format(match=12))
    opta.put("1_f24.xml", F24.format(match=13))
    assert reasons(opta) == ["its files are of several matches: f7__v1 of 12; f24__v1 of 13"]
    assert opta.engine.list_datasets() == []


def test_an_identifier_that_is_not_given_is_no_other_one(opta: Drop) -> None:
    opta.put("1_f7.xml", "<SoccerFeed><SoccerDocument><MatchData/></SoccerDocument></SoccerFeed>")
    opta.put("1_f24.xml", F24.format(match=13))
    assert reasons(opta) == []


@pytest.mark.slow
def test_what_is_looked_for_may_be_anywhere_and_packed(make_drop: Callable[..., Drop]) -> None:
    drop = make_drop(loader="statsperform")
    info = {"coverageLevel": "15", "id": "abc"}  # not the first key, as after an export that sorts them
    drop.put(
        "1_ma1.json.gz", gzip.compress(json.dumps({"liveData": {"x": "y" * 2_000_000}, "matchInfo": info}).encode())
    )
    drop.put("1_ma3.json", json.dumps({"liveData": {"event": []}, "matchInfo": info}))
    assert reasons(drop) == []
    assert state(drop) == "COMPLETE"


@pytest.mark.slow
def test_text_of_two_bytes_a_letter_is_read_too(opta: Drop) -> None:
    opta.put("1_f7.xml", ('<?xml version="1.0" encoding="utf-16"?>' + F7.format(match=12)).encode("utf-16"))
    opta.put("1_f24.xml", F24.format(match=13))
    assert reasons(opta) == ["its files are of several matches: f7__v1 of 12; f24__v1 of 13"]


def put_minutes(drop: Drop, ball: list[int], centroids: list[int]) -> None:
    for minute in ball:
        drop.put(f"1_ball-1-{minute}.json", hawkeye.ball(minute))
    for minute in centroids:
        drop.put(f"1_centroids-1-{minute}.json", hawkeye.centroids(minute))


def test_a_part_that_another_feed_has_is_missed(hawkeye_drop: Drop) -> None:
    put_minutes(hawkeye_drop, [1, 2], [1])
    assert reasons(hawkeye_drop, "tracking") == ["of the feed 'centroids' there is no centroids-1-2"]
    put_minutes(hawkeye_drop, [], [2])
    hawkeye_drop.load(dataset_type="tracking")
    assert state(hawkeye_drop) == "COMPLETE"


def test_a_part_between_two_others_is_missed(hawkeye_drop: Drop) -> None:
    put_minutes(hawkeye_drop, [1, 9], [1, 9])
    assert reasons(hawkeye_drop, "tracking") == [
        f"of the feed '{name}' there is no {name}-1-2, {name}-1-3, {name}-1-4, {name}-1-5, {name}-1-6 and 2 more"
        for name in ("ball", "centroids")
    ]


def test_parts_are_of_one_match(hawkeye_drop: Drop) -> None:
    put_minutes(hawkeye_drop, [1], [1])
    hawkeye_drop.put("1_ball-1-2.json", hawkeye.ball(2, "m2"))
    hawkeye_drop.put("1_centroids-1-2.json", hawkeye.centroids(2))
    (reason,) = reasons(hawkeye_drop, "tracking")
    assert reason.endswith("ball-1-1__v1, centroids-1-1__v1, centroids-1-2__v1 of m1; ball-1-2__v1 of m2")


def test_a_part_that_is_withdrawn_is_missed(hawkeye_drop: Drop) -> None:
    put_minutes(hawkeye_drop, [1, 2, 3], [1, 2, 3])
    hawkeye_drop.load(dataset_type="tracking")
    (hawkeye_drop.folder / "1_ball-1-2.json").unlink()
    hawkeye_drop.put("1_ball-1-1.json", hawkeye.ball(1).replace("Home", "Hosts"))
    assert reasons(hawkeye_drop, "tracking") == ["of the feed 'ball' there is no ball-1-2"]
    assert "ball-1-2__v1" in hawkeye_drop.engine.list_datasets()[0].files


def test_parts_come_out_of_kloppy_in_their_order(hawkeye_drop: Drop) -> None:
    pytest.importorskip("kloppy", reason="the extra kloppy is not installed")
    put_minutes(hawkeye_drop, list(range(1, 12)), list(range(1, 12)))
    pitch = "<stadium><pitch><length>100</length></pitch></stadium>"
    hawkeye_drop.put("1_metadata.xml", f"<Match><id>5</id><matchday><name>MD 3</name></matchday>{pitch}</Match>")
    hawkeye_drop.load(dataset_type="tracking")
    (dataset,) = hawkeye_drop.engine.list_datasets()
    loaded = hawkeye_drop.engine.load_dataset_with_kloppy(dataset)
    assert len(loaded.records) == 11 * hawkeye.FRAMES_PER_MINUTE
    assert loaded.metadata.game_id == "5"
    first = hawkeye_drop.engine.load_dataset_with_kloppy(dataset, limit=10, coordinates="hawkeye")
    assert first.records[0].ball_coordinates.x == 1, "the first minute comes first"


def test_checks_for_the_format_are_asked_too(make_drop: Callable[..., Drop]) -> None:
    class OfOpta(BundleCheck):
        provider = "opta"

        def find_problems(self, bundle: Any) -> list[str]:
            return [f"{bundle.provider} delivers {bundle.loader}"]

    drop = make_drop(loader="opta")
    drop.source.bundle_checks = (OfOpta(),)
    drop.put("1_f7.xml", F7.format(match=12))
    drop.put("1_f24.xml", F24.format(match=12))
    assert reasons(drop) == ["example delivers opta"]


def test_the_only_file_that_stands_for_a_feed_is_not_given_up(opta: Drop) -> None:
    opta.put("1_f7.xml", F7.format(match=12))
    opta.put("1_f73.xml", F24.format(match=12))
    opta.load()
    (opta.folder / "1_f73.xml").unlink()
    opta.put("1_f7.xml", F7.format(match=12) + "<!-- corrected -->")
    assert reasons(opta) == ["it lacks f73, which revision 0 has and a complete one needs"]
    opta.put("1_f24.xml", F24.format(match=12))  # the same, under its other name
    opta.load()
    (dataset,) = opta.engine.list_datasets()
    assert (sorted(dataset.files), str(dataset.state)) == (["f24__v1", "f7__v1"], "COMPLETE")
