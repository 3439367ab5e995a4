"""Reads a match of StatsBomb: its shots with their freeze frames, its line-ups, and how long its periods were.

The fields are those of https://github.com/statsbomb/open-data/tree/master/doc. msgspec reads only them, which takes a
seventh of the time of `json.loads`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.errors import LoadError
from ingestify.pictures.match_values import (
    FramePlayer,
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

__all__ = ["read_match"]

_OUTCOMES = {
    "Goal": Outcome.GOAL,
    "Saved": Outcome.SAVED,
    "Saved To Post": Outcome.SAVED,
    "Saved Off Target": Outcome.SAVED,
    "Blocked": Outcome.BLOCKED,
    "Post": Outcome.POST,
}
"""The others, `Off T` and `Wayward`, are off target."""

_POSITION_OF_KEEPERS = 1


class _Named(msgspec.Struct, gc=False):
    name: str = ""
    id: int | None = None


class _Placed(msgspec.Struct, gc=False):
    location: list[float | None] | None = None
    player: _Named | None = None
    position: _Named | None = None
    teammate: bool = False


class _ShotDetail(msgspec.Struct, gc=False):
    statsbomb_xg: float | None = None
    end_location: list[float | None] | None = None
    outcome: _Named | None = None
    type: _Named | None = None
    freeze_frame: list[_Placed] | None = None


class _Starter(msgspec.Struct, gc=False):
    player: _Named | None = None
    position: _Named | None = None
    jersey_number: int | None = None


class _Tactics(msgspec.Struct, gc=False):
    formation: int | str | None = None
    lineup: list[_Starter] = msgspec.field(default_factory=list)


class _Substitution(msgspec.Struct, gc=False):
    replacement: _Named | None = None


class _Event(msgspec.Struct, gc=False):
    id: str = ""
    period: int = 1
    timestamp: str = ""
    minute: int = 0
    second: int = 0
    type: _Named | None = None
    team: _Named | None = None
    player: _Named | None = None
    location: list[float | None] | None = None
    shot: _ShotDetail | None = None
    tactics: _Tactics | None = None
    substitution: _Substitution | None = None


class _Listed(msgspec.Struct, gc=False):
    player_id: int | None = None
    player_name: str = ""
    player_nickname: str | None = None
    jersey_number: int | None = None


class _Lineup(msgspec.Struct, gc=False):
    team_name: str = ""
    lineup: list[_Listed] = msgspec.field(default_factory=list)


_EVENTS = msgspec.json.Decoder(list[_Event])
_LINEUPS = msgspec.json.Decoder(list[_Lineup])


def read_match(events: bytes, lineups: bytes | None = None, home_team: str = "", away_team: str = "") -> MatchValues:
    """Return a match.

    Args:
        events: The file of the events.
        lineups: That of the line-ups, which has the nicknames of the players; None: there is none.
        home_team: Which of the two teams plays at home; empty: the one that the events name first.
        away_team: The other one; empty: likewise.

    Raises:
        LoadError: The files cannot be read as events and line-ups of StatsBomb.
    """
    return _Match(
        _decoded(_EVENTS, events, "events"),
        [] if lineups is None else _decoded(_LINEUPS, lineups, "line-ups"),
        [home_team, away_team],
    ).values()


def _decoded(decoder: Any, content: bytes, what: str) -> Any:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            # msgspec refuses NaN, and half of a surrogate pair, and Python's reader takes them.
            return msgspec.convert(json.loads(content), decoder.type)
        except (ValueError, msgspec.ValidationError, RecursionError):
            raise LoadError(f"These {what} are not as StatsBomb writes them: {error}.") from error


class _Match:
    """The events and line-ups of a match, while values are made of them."""

    def __init__(self, events: Sequence[_Event], lineups: Sequence[_Lineup], given: Sequence[str]) -> None:
        self._events = events
        self._lineups = {one.team_name: one for one in lineups}
        self._names = {one.player_id: one.player_nickname or one.player_name for of in lineups for one in of.lineup}
        self._numbers = {one.player_id: one.jersey_number for of in lineups for one in of.lineup}
        self._numbers.update(
            (one.player.id, one.jersey_number) for of in events if of.tactics for one in of.tactics.lineup if one.player
        )
        there = list(dict.fromkeys([one.team.name for one in events if one.team] + list(self._lineups)))
        known = [name for name in given if name in there]
        # If the lake spells one team in another way than the events, the other one says which is which.
        named = [*known, *(name for name in there if name not in known)][:2]
        if known == [given[1]]:
            named.reverse()
        self._teams = [*named, *(name or "?" for name in given[len(named) :])]

    def values(self) -> MatchValues:
        """Return what pictures need."""
        shots = [self._shot(one, one.shot) for one in self._events if one.shot is not None]
        lengths: dict[int, float] = {}
        for one in self._events:
            lengths[one.period] = max(lengths.get(one.period, 0.0), _seconds(one))
        home, away = (self._team(name) for name in self._teams)
        return MatchValues((home, away), shots, self._own_goals(), lengths)

    def _side(self, event: _Event) -> Side:
        return Side(event.team is not None and event.team.name == self._teams[1])

    def _name(self, player: _Named | None) -> str:
        return "" if player is None else self._names.get(player.id) or player.name

    def _number(self, player: _Named | None) -> int | None:
        return None if player is None else self._numbers.get(player.id)

    def _shot(self, event: _Event, shot: _ShotDetail) -> Shot:
        place = _place(event.location) or (None, None)
        outcome = "" if shot.outcome is None else shot.outcome.name
        return Shot(
            event_id=event.id,
            side=self._side(event),
            player=self._name(event.player),
            number=self._number(event.player),
            period=event.period,
            minute=event.minute,
            second=event.second,
            seconds=_seconds(event),
            x=place[0],
            y=place[1],
            xg=shot.statsbomb_xg if shot.statsbomb_xg is not None and 0 <= shot.statsbomb_xg <= 1 else None,
            outcome=_OUTCOMES.get(outcome, Outcome.OFF_TARGET),
            kind="" if shot.type is None else shot.type.name.lower(),
            end=_place(shot.end_location),
            frame=tuple(self._frame(shot.freeze_frame or ())),
        )

    def _frame(self, placed: Iterable[_Placed]) -> Iterable[FramePlayer]:
        for one in placed:
            place = _place(one.location)
            if place is not None:
                yield FramePlayer(
                    *place,
                    is_teammate=one.teammate,
                    is_keeper=one.position is not None and one.position.id == _POSITION_OF_KEEPERS,
                    name=self._name(one.player),
                    number=self._number(one.player),
                )

    def _own_goals(self) -> list[Goal]:
        """Return the own goals, each of which is two events: `Own Goal Against` names the player."""
        kinds = [(one, one.type.name) for one in self._events if one.type is not None]
        against = [one for one, kind in kinds if kind == "Own Goal Against"]
        for_ = [one for one, kind in kinds if kind == "Own Goal For"]
        found = [(one, self._side(one).other) for one in against] or [(one, self._side(one)) for one in for_]
        return [
            Goal(side, self._name(one.player), one.period, one.minute, _seconds(one), is_own=True)
            for one, side in found
        ]

    def _team(self, name: str) -> Team:
        starting = next(
            (one.tactics for one in self._events if one.tactics and one.team and one.team.name == name), _Tactics()
        )
        changes = self._changes(name)
        starters = [
            self._player(one.player, one.jersey_number, one.position, changes) for one in starting.lineup if one.player
        ]
        seen = {one.player.id for one in starting.lineup if one.player}
        lineup = self._lineups.get(name, _Lineup())
        others = [
            self._player(_Named(one.player_name, one.player_id), one.jersey_number, None, changes)
            for one in lineup.lineup
            if one.player_id not in seen
        ]
        return Team(name, (*starters, *others), "-".join(str(starting.formation or "")))

    def _player(
        self, player: _Named, number: int | None, position: _Named | None, changes: Mapping[int | None, tuple[str, str]]
    ) -> Player:
        came_on, went_off = changes.get(player.id, ("", ""))
        return Player(
            self._name(player),
            number,
            "" if position is None else position.name,
            is_starter=position is not None,
            came_on=came_on,
            went_off=went_off,
        )

    def _changes(self, team: str) -> dict[int | None, tuple[str, str]]:
        """Return the minutes in which players of a team came on and went off, by their ids."""
        on: dict[int | None, str] = {}
        off: dict[int | None, str] = {}
        for one in self._events:
            if one.substitution and one.substitution.replacement and one.player and one.team and one.team.name == team:
                minute = minute_text(one.period, one.minute)
                on[one.substitution.replacement.id] = off[one.player.id] = minute
        return {one: (on.get(one, ""), off.get(one, "")) for one in {*on, *off}}


def _place(location: Sequence[float | None] | None) -> tuple[float, float] | None:
    if location is None or len(location) < 2:
        return None
    x, y = location[:2]
    return (x, y) if x is not None and y is not None and math.isfinite(x) and math.isfinite(y) else None


def _seconds(event: _Event) -> float:
    """Return how long after the beginning of its period an event was."""
    try:
        hours, minutes, seconds = event.timestamp.split(":")
        return seconds_of_period(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
    except ValueError:
        return 0.0
