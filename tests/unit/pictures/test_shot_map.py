"""Where the shots of a match were, and what became of them."""

from __future__ import annotations

import dataclasses
import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ingestify.pictures.marks import radius_of
from ingestify.pictures.match_values import Outcome
from ingestify.pictures.shot_map import shot_map
from ingestify.pictures.xg_race import xg_race
from tests.unit.pictures.matches import AWAY, HOME, match, own_goal, shot
from tests.unit.pictures.seen import SVG, check, root_of, texts_of


def marks_of(picture):
    """The title of each mark, with its elements."""
    return {one.find(f"{SVG}title").text: one for one in root_of(picture).iter() if one.find(f"{SVG}title") is not None}


def test_each_shot_is_a_mark_that_says_who_when_and_what():
    picture = shot_map(match(shot(1), shot(2, AWAY, 50, period=2, outcome=Outcome.GOAL, xg=0.5)))
    check(picture)
    assert list(marks_of(picture)) == ["Player 2, 51′, xG 0.50, goal", "Player 1, 11′, xG 0.10, saved"]
    assert picture.rows == [
        ("11′", "Reds", "Player 1", 0.1, "saved", "open play"),
        ("51′", "Blues", "Player 2", 0.5, "goal", "open play"),
    ]
    assert picture.row_ids == ["s1", "s2"]
    assert picture.alt == "Shot map of Reds 0–1 Blues: 1 and 1 shots, xG 0.10 and 0.50."


def test_an_outcome_is_a_shape_and_never_only_a_colour():
    drawn = set()
    for outcome in Outcome:
        (mark,) = marks_of(shot_map(match(shot(1, outcome=outcome)))).values()
        drawn.add(tuple((one.tag, one.get("fill") == "none", one.get("d", "")[-5:]) for one in mark[1:]))
    assert len(drawn) == len(Outcome)


def test_the_teams_attack_different_goals():
    marks = marks_of(shot_map(match(shot(1, HOME, x=110.0, y=30.0), shot(2, AWAY, x=110.0, y=30.0))))
    (left, top), (right, bottom) = sorted(
        (float(mark[1].get("cx")), float(mark[1].get("cy"))) for mark in marks.values()
    )
    assert left + right == pytest.approx(400, abs=0.2)
    assert top > bottom


def test_the_area_of_a_mark_grows_with_the_xg():
    sizes = [radius_of(xg) for xg in (0, 0.05, 0.3, 0.79, 1)]
    assert sizes == sorted(sizes)
    assert radius_of(0.5) - radius_of(0) == pytest.approx((radius_of(1) - radius_of(0)) * math.sqrt(0.5))


def test_two_penalties_from_the_same_spot_are_side_by_side():
    twice = [
        shot(number, minute=minute, kind="penalty", outcome=Outcome.GOAL, xg=0.78)
        for number, minute in ((1, 20), (2, 80))
    ]
    picture = shot_map(match(*twice))
    check(picture)
    ys = [float(mark[1].get("cy")) for mark in marks_of(picture).values()]
    assert abs(ys[0] - ys[1]) >= 2 * radius_of(0.78)
    assert "1 Player 1 21′ (pen.)" in texts_of(picture)


def test_an_own_goal_counts_for_the_other_team_and_has_no_mark():
    picture = shot_map(match(shot(1), own_goals=[own_goal(AWAY)]))
    check(picture)
    assert "1 Unlucky 51′ (own goal)" in texts_of(picture)
    assert "0–1" in texts_of(picture)
    assert len(marks_of(picture)) == 1


def test_events_without_all_goals_of_the_result_say_so():
    made = dataclasses.replace(match(shot(1, outcome=Outcome.GOAL)), result=(2, 0))
    for picture in (shot_map(made), xg_race(made)):
        check(picture)
        assert {"2–0", "The events do not have the same goals as the result."} <= set(texts_of(picture))


def test_the_kicks_of_a_shoot_out_are_in_the_table_only():
    kicks = [shot(n, side, 120, period=5, outcome=outcome) for n, (side, outcome) in enumerate(
        [(HOME, Outcome.GOAL), (AWAY, Outcome.SAVED), (HOME, Outcome.GOAL), (AWAY, Outcome.GOAL)]
    )]  # fmt: skip
    picture = shot_map(match(shot(9), *kicks))
    check(picture)
    assert len(marks_of(picture)) == 1
    assert "2–1 on penalties" in texts_of(picture)
    assert "xG 0.10 →" in texts_of(picture)
    assert [row[0] for row in picture.rows] == ["11′", *["shoot-out"] * 4]
    assert picture.title == "Shots: Reds 0–0 Blues (2–1 on penalties)"


def test_a_shot_without_a_place_is_counted_below():
    picture = shot_map(match(shot(1), shot(2, x=None), shot(3, y=None)))
    check(picture)
    assert "2 shots have no place, and are not drawn." in texts_of(picture)
    assert len(picture.rows) == 3


def test_without_xg_the_picture_says_so():
    picture = shot_map(match(shot(1, xg=None)))
    check(picture)
    assert "The provider gives no xG: all marks have one size." in texts_of(picture)
    assert not [text for text in texts_of(picture) if text.startswith("xG")]


def test_a_match_without_shots_is_an_empty_pitch_with_a_sentence():
    picture = shot_map(match())
    check(picture)
    assert "No shots in this match." in texts_of(picture)


def test_each_mark_links_to_its_shot():
    picture = shot_map(match(shot(1), shot(2, event_id='"><script>')), link=lambda event_id: f"shots/{event_id}")
    check(picture)
    assert {one.get("href") for one in root_of(picture).iter(f"{SVG}a")} == {"shots/s1", 'shots/"><script>'}


def test_a_hundred_and_twenty_shots_and_twenty_goals():
    shots = [
        shot(n, HOME if n % 3 else AWAY, n % 90, period=1 + n % 90 // 45, x=80.0 + n % 40, y=10.0 + n * 7 % 60,
             outcome=Outcome.GOAL if n % 6 == 0 else Outcome.OFF_TARGET)
        for n in range(120)
    ]  # fmt: skip
    picture = shot_map(match(*shots))
    check(picture)
    assert len(marks_of(picture)) == 120
    assert len(picture.svg) < 60_000


def test_long_names_are_cut_and_never_the_minute():
    long = "Wilhelmina von und zu Hohenzollern-Sigmaringen" * 3
    picture = shot_map(match(shot(1, player=long, outcome=Outcome.GOAL, kind="penalty"), home=long, away=long))
    check(picture)
    assert any(text.startswith("1 Wilhelm") and text.endswith("… 11′ (pen.)") for text in texts_of(picture))
    assert picture.rows[0][1] == long


HOSTILE = [
    "<script>alert(1)</script>",
    '"/><a href="javascript:0">',
    "var(--picture-home,#000)",
    '="var(--picture-home,#0b61a4)"',
    "\0\x1b[31m",
    "\u202eabc",
    "\ud800",
    "&amp;",
]
names = st.text(max_size=40) | st.sampled_from(HOSTILE)
places = st.none() | st.floats(-1e9, 1e9)


@given(
    st.tuples(names, names),
    st.lists(
        st.builds(
            lambda player, side, period, seconds, x, y, xg, outcome: dataclasses.replace(
                shot(0, side), player=player, period=period, seconds=seconds, x=x, y=y, xg=xg, outcome=outcome
            ),
            names,
            st.sampled_from([HOME, AWAY]),
            st.integers(-1, 7),
            st.floats(0, 1e7),
            places,
            places,
            st.none() | st.floats(0, 1),
            st.sampled_from(Outcome),
        ),
        max_size=8,
    ),
)
@settings(max_examples=60, deadline=None)
def test_whatever_a_provider_says_is_text_in_a_whole_picture(teams, shots):
    made = match(*shots, home=teams[0], away=teams[1])
    for picture in (shot_map(made), xg_race(made)):
        for theme in (None, "light", "dark"):
            for one in root_of(picture, theme).iter():
                tag = one.tag.removeprefix(SVG)
                assert tag in {"svg", "g", "title", "text", "rect", "circle", "line", "path"}
                assert tag == "svg" or "nan" not in " ".join(one.attrib.values())


def test_a_name_that_looks_like_a_colour_of_the_picture_stays_as_it_is():
    name = '="var(--picture-home,#0b61a4)"'
    picture = shot_map(match(home=name))
    assert root_of(picture, "dark").get("aria-label").startswith(f"Shot map of {name} 0–0")
