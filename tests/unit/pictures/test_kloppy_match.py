"""Matches and tracking frames, read with kloppy for pictures."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from kloppy import sportec, tracab, wyscout
from kloppy.domain import Point

from ingestify.pictures import kloppy_match
from ingestify.pictures.kloppy_match import frame_from_kloppy, match_from_kloppy
from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import Outcome, Side
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.tracking_frame import tracking_frame
from ingestify.pictures.xg_race import xg_race
from tests.unit.pictures.seen import check, texts_of


@pytest.fixture(scope="module")
def wyscout_match(excerpts):
    (path,) = (excerpts / "wyscout/processed-v2/files").glob("*.json")
    return match_from_kloppy(wyscout.load(event_data=str(path)))


def test_a_match_of_wyscout_is_drawn_without_xg(wyscout_match):
    assert wyscout_match.shots
    assert all(shot.x > 60 for shot in wyscout_match.shots), "both teams attack to the right"
    for picture in (shot_map(wyscout_match), xg_race(wyscout_match), line_ups(wyscout_match)):
        check(picture)
    assert "The provider gives no xG for these shots." in texts_of(xg_race(wyscout_match))


def test_a_match_of_sportec_has_events_without_a_team(excerpts):
    events, sheet = (
        next((excerpts / "sportec").glob(f"*_{kind}_*.xml")) for kind in ("events_raw", "matchinformation")
    )
    match = match_from_kloppy(sportec.load_event(event_data=str(events), meta_data=str(sheet)))
    assert [team.name for team in match.teams] == ["Fortuna Düsseldorf", "1. FC Nürnberg"]
    picture = line_ups(match)
    check(picture)
    check(shot_map(match))
    assert len([row for row in picture.rows if row[3]]) >= 22


@pytest.mark.parametrize(
    ("match_id", "score", "shots"), [(2499841, (0, 2), 18), (2058017, (3, 2), None), (2516739, None, None)]
)
def test_real_matches_of_wyscout(provider_data, match_id, score, shots):
    path = provider_data / f"wyscout/processed-v2/files/{match_id}.json"
    match = match_from_kloppy(wyscout.load(event_data=str(path)))
    assert score is None or match.score == score
    assert shots is None or len(match.shots) == shots
    check(shot_map(match))


def test_a_frame_of_tracking_data(provider_data):
    samples = provider_data / "_samples/kloppy"
    loaded = tracab.load(meta_data=str(samples / "tracab_meta.xml"), raw_data=str(samples / "tracab_raw.dat"))
    frame = frame_from_kloppy(loaded, 1)
    assert {player.side for player in frame.players} == {Side.HOME, Side.AWAY}
    assert all(-0.1 < player.x < 1.1 for player in frame.players)
    check(tracking_frame(frame))
    assert frame_from_kloppy(loaded, len(loaded.frames)) is None


# ---- what a provider may leave out -----------------------------------------------------------------------------------


def an_event(**more):
    team = SimpleNamespace(team_id="h")
    named = {"name": "SAVED"}
    made = {
        "event_id": 7,
        "team": team,
        "player": None,
        "period": SimpleNamespace(id=2),
        "timestamp": dt.timedelta(seconds=65),
        "coordinates": Point(100.0, 30.0),
        "result_coordinates": None,
        "result": SimpleNamespace(**named),
        "statistics": None,
        "qualifiers": None,
    }
    return SimpleNamespace(**{**made, **more})


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, (100.0, None, Outcome.SAVED, "open play")),
        ({"coordinates": None}, (None, None, Outcome.SAVED, "open play")),
        ({"coordinates": Point(float("nan"), 1.0)}, (None, None, Outcome.SAVED, "open play")),
        ({"result": None}, (100.0, None, Outcome.OFF_TARGET, "open play")),
        ({"statistics": [SimpleNamespace(name="xG", value=0.5)]}, (100.0, 0.5, Outcome.SAVED, "open play")),
        ({"statistics": [SimpleNamespace(name="xG", value=float("nan"))]}, (100.0, None, Outcome.SAVED, "open play")),
        (
            {"qualifiers": [SimpleNamespace(value=True), SimpleNamespace(value=SimpleNamespace(name="PENALTY"))]},
            (100.0, None, Outcome.SAVED, "penalty"),
        ),
    ],
)
def test_a_shot_with_what_there_is_of_it(more, seen):
    shot = kloppy_match._shot(an_event(**more), Side.HOME)
    assert (shot.x, shot.xg, shot.outcome, shot.kind) == seen
    assert (shot.minute, shot.second, shot.minute_text) == (46, 5, "47′")


@pytest.mark.parametrize("seconds", [-5.0, 10.0**8])
def test_a_time_that_is_a_fault_is_the_beginning_of_the_period(seconds):
    shot = kloppy_match._shot(an_event(timestamp=dt.timedelta(seconds=seconds)), Side.HOME)
    assert shot.minute_text == "46′"
