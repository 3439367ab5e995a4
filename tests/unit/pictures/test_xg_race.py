"""How the xG of both teams grew."""

from __future__ import annotations

import re

import pytest

from ingestify.pictures.match_values import Outcome
from ingestify.pictures.xg_race import MatchClock, xg_race
from tests.unit.pictures.matches import AWAY, HOME, match, own_goal, shot
from tests.unit.pictures.seen import SVG, check, root_of, texts_of


def lines_of(picture):
    """The places at which each team's line goes to the right, and up."""
    paths = [one.get("d") for one in root_of(picture).iter(f"{SVG}path") if one.get("stroke-width") == "2.2"]
    return [
        ([float(x) for x in re.findall(r"H([\d.]+)", d)], [float(y) for y in re.findall(r"V([\d.]+)", d)])
        for d in paths
    ]


def test_the_line_never_runs_backwards_where_the_minutes_of_two_periods_overlap():
    late = shot(1, minute=48)  # of the first half: 45+4
    early = shot(2, minute=46, period=2)
    picture = xg_race(match(late, early))
    check(picture)
    (xs, ys), _ = lines_of(picture)
    assert xs == sorted(xs)
    assert xs[0] < xs[1]
    assert ys == sorted(ys, reverse=True)


@pytest.mark.parametrize(
    "lengths", [{}, {"p1": 50 * 60.0}, {"p1": 50 * 60.0, "p2": 55 * 60.0, "p3": 16 * 60.0, "p4": 17 * 60.0}]
)
def test_a_period_begins_when_the_one_before_has_ended(lengths):
    clock = MatchClock.of(match(shot(1, minute=47), **lengths))
    assert clock.begins[2] == max(47 * 60.0, lengths.get("p1", 0.0))
    assert clock.end >= clock.begins[max(clock.begins)] + 15 * 60


def test_the_shoot_out_is_not_of_the_race():
    picture = xg_race(match(shot(1), shot(2, minute=120, period=5, outcome=Outcome.GOAL), p1=2800.0, p5=300.0))
    check(picture)
    assert len(picture.rows) == 1
    assert 5 not in MatchClock.of(match(shot(2, minute=120, period=5), p5=300.0)).begins


def test_the_sums_are_those_of_the_shots():
    picture = xg_race(match(shot(1, xg=0.25), shot(2, AWAY, xg=0.5), shot(3, minute=60, period=2, xg=0.125)))
    check(picture)
    assert [row[4] for row in picture.rows] == [0.25, 0.5, 0.375]
    assert picture.alt == "xG race of Reds 0–0 Blues: Reds 0.38, Blues 0.50 at the end."


def test_two_goals_within_a_minute_have_numbers_that_can_be_read():
    goals = [shot(n, AWAY, 79 + n, period=2, outcome=Outcome.GOAL, xg=xg) for n, xg in ((1, 0.76), (2, 0.05))]
    picture = xg_race(match(shot(0), *goals))
    check(picture)
    assert {"1", "2"} <= set(texts_of(picture))


def test_an_own_goal_is_on_the_line_of_the_team_for_which_it_counts():
    picture = xg_race(match(shot(1, AWAY, xg=0.3), own_goals=[own_goal(HOME)]))
    check(picture)
    (dot,) = root_of(picture).iter(f"{SVG}circle")
    assert "home" in dot.get("fill")


@pytest.mark.parametrize(
    ("shots", "sentence"),
    [([], "No shots in this match."), ([shot(1, xg=None)], "The provider gives no xG for these shots.")],
)
def test_without_xg_there_is_a_sentence_and_no_line(shots, sentence):
    picture = xg_race(match(*shots))
    check(picture)
    assert sentence in texts_of(picture)
    assert lines_of(picture) == []


def test_a_match_with_extra_time_has_its_minutes_below():
    picture = xg_race(match(shot(1, minute=110, period=4), p1=2820.0, p2=2900.0, p3=960.0, p4=960.0))
    check(picture)
    assert [text for text in texts_of(picture) if text in ("105′", "120′")] == ["105′", "120′"]
