"""Reads a match, or one tracking frame, from kloppy's objects: of every provider that has no reader of its own here.

kloppy turns the places into StatsBomb's coordinates, and the teams so that they attack to the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ingestify.match_periods import FIRST_MINUTES
from ingestify.pictures.match_values import (
    Goal,
    MatchValues,
    Outcome,
    Player,
    Shot,
    Side,
    Team,
    minute_text,
    seconds_of_period,
)
from ingestify.pictures.tracking_frame import TrackedPlayer, TrackingFrame

__all__ = ["frame_from_kloppy", "match_from_kloppy"]

_OUTCOMES = {
    "GOAL": Outcome.GOAL,
    "SAVED": Outcome.SAVED,
    "BLOCKED": Outcome.BLOCKED,
    "POST": Outcome.POST,
}
_SET_PIECES = {"PENALTY": "penalty", "FREE_KICK": "free kick", "CORNER_KICK": "corner"}


def match_from_kloppy(dataset: Any) -> MatchValues:
    """Return a match.

    Args:
        dataset: kloppy's EventDataset.
    """
    teams = dataset.metadata.teams
    sides = {_id_of(team): side for team, side in zip(teams, Side, strict=False)}
    # Other events may have no team, and then kloppy cannot say where they attack.
    taken = dataset.filter("shot").transform(to_coordinate_system="statsbomb", to_orientation="ACTION_EXECUTING_TEAM")
    events = [event for event in taken.events if _id_of(event.team) in sides]
    own = [event for event in events if _name(event.result) == "OWN_GOAL"]
    changes = _changes(dataset.filter("substitution").events)
    played = {event.period.id for event in dataset.events}
    home, away = (_team(team, changes) for team in (*teams, None, None)[:2])
    return MatchValues(
        (home, away),
        [_shot(event, sides[_id_of(event.team)]) for event in events if _name(event.result) != "OWN_GOAL"],
        [_own_goal(event, sides[_id_of(event.team)].other) for event in own],
        {one.id: _length(one) for one in dataset.metadata.periods if one.id in played},
        None if (score := dataset.metadata.score) is None else (score.home, score.away),
    )


def frame_from_kloppy(dataset: Any, number: int = 0) -> TrackingFrame | None:
    """Return a frame of tracking data; None if there are not so many.

    Args:
        dataset: kloppy's TrackingDataset.
        number: Which of its frames, from 0.
    """
    if not 0 <= number < len(dataset.frames):
        return None
    chosen = dataset.frames[number]
    frame = dataset.filter(lambda one: one is chosen).transform(to_coordinate_system="kloppy").frames[0]
    teams = dataset.metadata.teams
    sides = {_id_of(team): side for team, side in zip(teams, Side, strict=False)}
    players = [
        TrackedPlayer(
            sides[_id_of(one.team)], *place, name=_player_name(one), number=one.jersey_no, is_keeper=_keeps(one)
        )
        for one, data in frame.players_data.items()
        if (place := _place(data.coordinates)) is not None and _id_of(one.team) in sides
    ]
    names = tuple(_team(team, {}).name for team in (*teams, None, None)[:2])
    return TrackingFrame(
        (names[0], names[1]),
        sorted(players, key=lambda one: (one.side, one.number or 0)),
        _place(frame.ball_coordinates),
        frame.period.id,
        frame.timestamp.total_seconds(),
    )


def _id_of(team: Any) -> Any:
    return getattr(team, "team_id", None)


def _name(member: Any) -> str:
    return getattr(member, "name", None) or ""


def _player_name(player: Any) -> str:
    return "" if player is None else str(player)


def _keeps(player: Any) -> bool:
    return _name(player.starting_position) == "Goalkeeper"


def _place(point: Any) -> tuple[float, float] | None:
    if point is None or point.x is None or point.y is None:
        return None
    return (point.x, point.y) if math.isfinite(point.x) and math.isfinite(point.y) else None


def _minute(event: Any) -> tuple[int, float]:
    """Return the minute of the match, and the seconds since the beginning of the period."""
    seconds = seconds_of_period(event.timestamp.total_seconds())
    return FIRST_MINUTES.get(event.period.id, 0) + int(seconds // 60), seconds


def _shot(event: Any, side: Side) -> Shot:
    minute, seconds = _minute(event)
    place = _place(event.coordinates)
    xg = next((one.value for one in event.statistics or () if one.name == "xG"), None)
    set_pieces = [_SET_PIECES.get(_name(one.value), "") for one in event.qualifiers or ()]
    return Shot(
        event_id=str(event.event_id),
        side=side,
        player=_player_name(event.player),
        number=None if event.player is None else event.player.jersey_no,
        period=event.period.id,
        minute=minute,
        second=int(seconds % 60),
        seconds=seconds,
        x=None if place is None else place[0],
        y=None if place is None else place[1],
        xg=xg if xg is not None and 0 <= xg <= 1 else None,
        outcome=_OUTCOMES.get(_name(event.result), Outcome.OFF_TARGET),
        kind=next(filter(None, set_pieces), "open play"),
        end=_place(event.result_coordinates),
    )


def _own_goal(event: Any, side: Side) -> Goal:
    minute, seconds = _minute(event)
    return Goal(side, _player_name(event.player), event.period.id, minute, seconds, is_own=True)


def _length(period: Any) -> float:
    begin, end = period.start_timestamp, period.end_timestamp
    return 0.0 if begin is None or end is None else seconds_of_period((end - begin).total_seconds())


def _changes(substitutions: Iterable[Any]) -> Mapping[Any, tuple[str, str]]:
    """Return the minutes in which players came on and went off, by their ids."""
    on: dict[Any, str] = {}
    off: dict[Any, str] = {}
    for event in substitutions:
        minute = minute_text(event.period.id, _minute(event)[0])
        if event.replacement_player is not None:
            on[event.replacement_player.player_id] = minute
        if event.player is not None:
            off[event.player.player_id] = minute
    return {one: (on.get(one, ""), off.get(one, "")) for one in {*on, *off}}


def _team(team: Any, changes: Mapping[Any, tuple[str, str]]) -> Team:
    if team is None:
        return Team("?")
    players = [_player(one, changes) for one in team.players]
    formation = getattr(team.starting_formation, "value", None) or ""
    return Team(str(team.name or team.team_id), players, str(formation))


def _player(player: Any, changes: Mapping[Any, tuple[str, str]]) -> Player:
    came_on, went_off = changes.get(player.player_id, ("", ""))
    position = "" if player.starting_position is None else str(player.starting_position)
    return Player(
        _player_name(player),
        player.jersey_no,
        "" if position == "Unknown" else position,
        is_starter=bool(player.starting),
        came_on=came_on,
        went_off=went_off,
    )
