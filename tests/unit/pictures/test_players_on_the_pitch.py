"""Freeze frames, line-ups and tracking frames: players are numbers, and their names do not cover one another."""

from __future__ import annotations

import dataclasses
import random

import pytest

from ingestify.pictures.freeze_frame import freeze_frame
from ingestify.pictures.line_ups import line_ups
from ingestify.pictures.match_values import FramePlayer, Player, Side, Team
from ingestify.pictures.tracking_frame import TrackedPlayer, TrackingFrame, tracking_frame
from tests.unit.pictures.matches import AWAY, match, shot
from tests.unit.pictures.seen import SVG, check, root_of, texts_of

KEEPER = FramePlayer(118.0, 40.0, is_teammate=False, is_keeper=True, name="Keeper", number=1)


def titles_of(picture):
    return [one.text for one in root_of(picture).iter(f"{SVG}title")]


def shapes_of(picture, title):
    (found,) = (one for one in root_of(picture).iter(f"{SVG}g") if one.findtext(f"{SVG}title") == title)
    return [one for one in found if one.tag != f"{SVG}title"]


# ---- the freeze frame of a shot -------------------------------------------------------------------------------------


def test_the_shooter_has_a_ring_and_the_keeper_is_a_square():
    mate = FramePlayer(100.0, 30.0, is_teammate=True, name="Mate", number=11)
    taken = shot(1, frame=(KEEPER, mate), end=(120.0, 38.0))
    picture = freeze_frame(match(taken), taken)
    check(picture)
    assert [one.tag for one in shapes_of(picture, "Keeper")] == [f"{SVG}rect"]
    assert "home" in shapes_of(picture, "Mate")[0].get("fill")
    assert "grass" in shapes_of(picture, "Keeper")[0].get("fill")
    assert {"9", "11", "1"} <= set(texts_of(picture))
    assert picture.rows == [
        (9, "Player 1", "Reds", "shooter", 108.0, 40.0),
        (11, "Mate", "Reds", "", 100.0, 30.0),
        (1, "Keeper", "Blues", "keeper", 118.0, 40.0),
    ]
    assert picture.alt == ("Freeze frame of a shot of Reds: Player 1, 11′, xG 0.10, saved; 1 teammate and 1 opponent.")


def test_the_colour_is_that_of_the_team_also_when_the_away_team_shoots():
    taken = shot(1, AWAY, frame=(KEEPER,))
    picture = freeze_frame(match(taken), taken)
    assert "home" in shapes_of(picture, "Keeper")[0].get("stroke")
    assert "away" in shapes_of(picture, "Player 1")[0].get("fill")


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        (shot(1), "The provider gives no freeze frame of this shot."),
        (shot(1, x=None, frame=(KEEPER,)), "The place of this shot is unknown."),
    ],
)
def test_what_is_not_known_is_said(taken, sentence):
    picture = freeze_frame(match(taken), taken)
    check(picture)
    assert sentence in texts_of(picture)


def test_a_shot_from_the_own_half_has_the_whole_pitch():
    near, far = (freeze_frame(match(one), one) for one in (shot(1), shot(1, x=40.0)))
    height = [float(root_of(one).get("viewBox").split()[3]) for one in (near, far)]
    assert height[1] > height[0] + 300
    check(far)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_in_a_crowd_do_not_cover_one_another_and_those_without_room_are_counted(seed):
    chance = random.Random(seed)
    crowd = tuple(
        FramePlayer(chance.uniform(108, 118), chance.uniform(34, 46), n % 2 == 0, name=f"P{n}", number=n + 10)
        for n in range(21)
    )
    taken = shot(1, frame=crowd)
    picture = freeze_frame(match(taken), taken)
    check(picture)
    drawn = {text for text in texts_of(picture) if text.isdigit()}
    left_out = next((int(text.split()[3]) for text in texts_of(picture) if text.startswith("No room for")), 0)
    assert len(drawn) + left_out == 22
    assert len(drawn) > 8


# ---- line-ups -------------------------------------------------------------------------------------------------------

POSITIONS = (
    "Goalkeeper",
    "Right Back",
    "Right Center Back",
    "Left Center Back",
    "Left Back",
    "Center Defensive Midfield",
    "Right Center Midfield",
    "Left Center Midfield",
    "Right Wing",
    "Left Wing",
    "Center Forward",
)


def a_team(name="Reds", positions=POSITIONS):
    starters = [Player(f"{name} {n}", n, position, is_starter=True) for n, position in enumerate(positions, 1)]
    bench = [Player("Came On", 20, came_on="64′"), Player("Stayed", 21)]
    starters[-1] = dataclasses.replace(starters[-1], went_off="64′")
    return Team(name, (*starters, *bench), "4-3-3")


def test_each_of_the_first_eleven_is_on_the_pitch_and_in_the_list():
    made = dataclasses.replace(match(), teams=(a_team(), a_team("Blues")))
    picture = line_ups(made)
    check(picture)
    assert len(titles_of(picture)) == 22
    assert {"1 Reds 1", "11 Reds 11 ↓64′", "20 Came On ↑64′", "11 Blues 11 ↓64′"} <= set(texts_of(picture))
    assert ("Reds", 21, "Stayed", "substitute, not used", "", "") in picture.rows
    assert picture.alt == "Line-ups of Reds 0–0 Blues: Reds 4-3-3, Blues 4-3-3."


def places_of(positions):
    made = dataclasses.replace(match(), teams=(a_team(positions=positions), Team("Blues")))
    shapes = [shapes_of(line_ups(made), f"Reds {n}")[0] for n in range(1, len(positions) + 1)]
    return [(float(one.get("cx") or one.get("x")), float(one.get("cy") or one.get("y"))) for one in shapes]


@pytest.mark.parametrize("positions", [POSITIONS, ("Center Back",) * 3, ("Centre-Back", "Nobody knows", "Striker")])
def test_no_two_players_are_at_one_place(positions):
    places = places_of(positions)
    assert len({(round(x), round(y)) for x, y in places}) == len(places)


def test_the_left_back_is_on_the_left_of_a_team_that_attacks_to_the_right():
    left, right, keeper, forward = places_of(("Left Back", "Right Back", "Goalkeeper", "Center Forward"))
    assert left[1] < right[1]
    assert keeper[0] < left[0] < forward[0]


def test_a_team_without_a_line_up_is_named():
    picture = line_ups(match())
    check(picture)
    assert "The first eleven of Reds is unknown." in texts_of(picture)


# ---- tracking -------------------------------------------------------------------------------------------------------


def test_a_tracking_frame_has_both_teams_and_the_ball():
    players = [TrackedPlayer(Side(n % 2), 0.04 * n, 0.05 + n * 7 % 20 / 22, f"P{n}", n) for n in range(1, 23)]
    picture = tracking_frame(TrackingFrame(("Reds", "Blues"), players, (0.5, 0.5), 2, 723.4))
    check(picture)
    assert {"Reds – Blues", "period 2, 12:03.4"} <= set(texts_of(picture))
    assert len(titles_of(picture)) == 22
    assert picture.alt.endswith("22 players and the ball.")


def test_a_tracking_frame_without_the_ball_says_so():
    picture = tracking_frame(TrackingFrame(("Reds", "Blues"), [], None, 1, 0.0))
    check(picture)
    assert "The place of the ball is unknown." in texts_of(picture)
