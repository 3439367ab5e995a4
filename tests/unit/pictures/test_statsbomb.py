"""Matches of StatsBomb, read for pictures."""

from __future__ import annotations

import json

import pytest

from ingestify.errors import LoadError
from ingestify.pictures.match_values import Outcome, Side
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.statsbomb import read_match
from ingestify.pictures.xg_race import xg_race
from tests.support.statsbomb_files import LINEUPS, a_shot, event, xi
from tests.unit.pictures.seen import check


def read(*events, lineups=LINEUPS, **teams):
    made = [xi(0), xi(1), *events]
    return read_match(json.dumps(made).encode(), None if lineups is None else json.dumps(lineups).encode(), **teams)


def test_a_player_has_the_name_that_people_use():
    assert read(a_shot()).shots[0].player == "Jorginho"
    assert read(a_shot(), lineups=None).shots[0].player == "Jorge Luiz Frello Filho"
    assert read(a_shot()).shots[0].number == 8


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["Reds", "Blues"]),
        ({"home_team": "Blues", "away_team": "Reds"}, ["Blues", "Reds"]),
        ({"home_team": "Blues F.C.", "away_team": "Reds"}, ["Blues", "Reds"]),
        ({"home_team": "A", "away_team": "B"}, ["Reds", "Blues"]),
    ],
)
def test_the_home_team_is_the_lakes_else_the_first_of_the_events(given, names):
    match = read(a_shot(team=1), **given)
    assert [team.name for team in match.teams] == names
    assert match.teams[match.shots[0].side].name == "Blues"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("Goal", "goal"),
        ("Saved", "saved"),
        ("Saved To Post", "saved"),
        ("Blocked", "blocked"),
        ("Post", "post"),
        ("Off T", "off target"),
        ("Wayward", "off target"),
        ("New one", "off target"),
    ],
)
def test_each_outcome_is_one_of_five(outcome, expected):
    assert read(a_shot(outcome=outcome)).shots[0].outcome == Outcome(expected)


@pytest.mark.parametrize("location", [None, [], [3.0], [None, 4.0], [float("nan"), 4.0], [float("inf"), 4.0]])
def test_a_shot_without_a_place_is_a_shot(location):
    (shot,) = read(a_shot(location=location)).shots
    assert shot.place is None


@pytest.mark.parametrize("xg", [None, float("nan"), -1, 7])
def test_an_xg_that_is_no_probability_is_unknown(xg):
    assert read(a_shot(xg=xg)).shots[0].xg is None


def test_an_own_goal_is_one_goal_for_the_other_team():
    pair = [event("Own Goal Against", 0, player={"id": 7, "name": "x"}), event("Own Goal For", 1)]
    match = read(*pair)
    assert [(goal.side, goal.player, goal.is_own) for goal in match.goals] == [(Side.AWAY, "Jorginho", True)]
    assert read(pair[1]).score == (0, 1)


def test_a_period_is_as_long_as_its_last_event_says():
    match = read(
        event("Half End", at="00:48:30.500", minute=48), event("Half End", period=2, at="00:50:00.000", minute=95)
    )
    assert match.period_seconds == {1: 2910.5, 2: 3000.0}


def test_the_line_up_has_starters_and_those_who_came_on():
    change = event(
        "Substitution",
        player={"id": 7, "name": "x"},
        substitution={"replacement": {"id": 8, "name": "Bench"}},
        period=2,
        minute=63,
    )
    home = read(change).teams[0]
    assert home.formation == "4-3-3"
    assert [(one.name, one.number, one.is_starter, one.came_on, one.went_off) for one in home.players] == [
        ("Jorginho", 8, True, "", "64′"),
        ("Bench", 18, False, "64′", ""),
    ]


def test_the_freeze_frame_of_a_shot():
    placed = [
        {
            "location": [118.0, 40.0],
            "player": {"id": 9, "name": "Keeper"},
            "position": {"id": 1, "name": "Goalkeeper"},
            "teammate": False,
        },
        {
            "location": [100.0, 30.0],
            "player": {"id": 7, "name": "x"},
            "position": {"id": 9, "name": "y"},
            "teammate": True,
        },
        {"location": None, "teammate": True},
    ]
    keeper, mate = read(a_shot(shot={"freeze_frame": placed})).shots[0].frame
    assert (keeper.is_keeper, keeper.is_teammate, keeper.name) == (True, False, "Keeper")
    assert (mate.x, mate.y, mate.is_teammate, mate.name, mate.number) == (100.0, 30.0, True, "Jorginho", 8)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"<html>", b"[1]", b'[{"period": "first"}]', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_file_of_events_is_an_error_that_says_so(content):
    with pytest.raises(LoadError, match="These events are not as StatsBomb writes them"):
        read_match(content)


def test_no_event_at_all_is_a_match_without_shots():
    match = read_match(b"[]", home_team="Reds", away_team="Blues")
    assert match.title == "Reds 0–0 Blues"
    check(shot_map(match))
    check(xg_race(match))


@pytest.mark.parametrize(
    ("match_id", "title", "xg"),
    [
        (3869685, "Argentina 3–3 France (4–2 on penalties)", (2.76, 2.27)),
        (3788741, "Turkey 0–3 Italy", (0.23, 1.73)),
        (3847567, "England Women's 2–1 Germany Women's", (1.68, 1.76)),
    ],
)
def test_real_matches(provider_data, match_id, title, xg):
    data = provider_data / "statsbomb/data"
    match = read_match(*((data / f"{feed}/{match_id}.json").read_bytes() for feed in ("events", "lineups")))
    assert match.title == title
    assert tuple(round(match.xg_of(side), 2) for side in Side) == xg
    check(shot_map(match))
    check(xg_race(match))
