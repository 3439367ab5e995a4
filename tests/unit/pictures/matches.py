"""Matches for pictures."""

from __future__ import annotations

import dataclasses

from ingestify.pictures.match_values import Goal, MatchValues, Outcome, Shot, Side, Team

HOME, AWAY = Side.HOME, Side.AWAY


def shot(number=0, side=HOME, minute=10, *, period=1, outcome=Outcome.SAVED, **more):
    begins = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}.get(period, 0)
    made = Shot(
        event_id=f"s{number}",
        side=side,
        player=f"Player {number}",
        number=9,
        period=period,
        minute=minute,
        second=0,
        seconds=(minute - begins) * 60.0,
        x=108.0,
        y=40.0,
        xg=0.1,
        outcome=outcome,
        kind="open play",
    )
    return dataclasses.replace(made, **more)


def own_goal(side=HOME, minute=50, period=2):
    return Goal(side, "Unlucky", period, minute, (minute - 45) * 60.0, is_own=True)


def match(*shots, home="Reds", away="Blues", own_goals=(), **periods):
    lengths = {int(name[1:]): seconds for name, seconds in periods.items()}
    return MatchValues((Team(home), Team(away)), shots, own_goals, lengths)
