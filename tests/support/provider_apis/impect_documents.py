"""Invented matches in the form of Impect's API v5, which is that of its open data."""

from __future__ import annotations

import datetime as dt

from ingestify.testing.invented.squads import Team
from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis.plays import Play, plays_of, starters_of

__all__ = ["events_of", "iteration_entry", "lineups_of", "match_entry", "players_of", "squads_of"]

_SIDES = {"Left": "LEFT", "Right": "RIGHT"}


def iteration_entry(season: Season, changed: dt.datetime) -> JsonObject:
    """Return an entry of `iterations`."""
    return {
        "id": season.season_id,
        "season": season.season_name,
        "competition": {"id": season.competition_id, "name": season.competition_name, "type": "League"},
        "lastChangeTimestamp": _time(changed),
    }


def match_entry(season: Season, match: Match, calculated: dt.datetime | None) -> JsonObject:
    """Return an entry of `iterations/{id}/matches`; `calculated` is None before it is."""
    return {
        "id": match.match_id,
        "iterationId": season.season_id,
        "matchDay": {"index": match.match_week - 1, "name": f"Matchday {match.match_week}"},
        "homeSquadId": match.home.team_id,
        "awaySquadId": match.away.team_id,
        "scheduledDate": f"{match.kick_off:%Y-%m-%dT%H:%M:%SZ}",
        "lastCalculationDate": None if calculated is None else _time(calculated),
        "available": calculated is not None,
    }


def squads_of(season: Season) -> list[JsonObject]:
    """Return `iterations/{id}/squads`."""
    return [{"id": team.team_id, "name": team.name, "type": "CLUB"} for team in season.teams]


def players_of(season: Season) -> list[JsonObject]:
    """Return `iterations/{id}/players`."""
    return [
        {"id": player.player_id, "commonname": player.name, "currentSquadId": team.team_id}
        for team in season.teams
        for player in team.squad
    ]


def lineups_of(season: Season, match: Match) -> JsonObject:
    """Return `matches/{id}`: the line-ups with positions."""
    return {
        "id": match.match_id,
        "squadHome": _squad(season, match, match.home),
        "squadAway": _squad(season, match, match.away),
    }


def events_of(season: Season, match: Match) -> list[JsonObject]:
    """Return `matches/{id}/events`."""
    return [_event(match, play) for play in plays_of(season, match.match_id)]


def _squad(season: Season, match: Match, team: Team) -> JsonObject:
    return {
        "id": team.team_id,
        "startingFormation": "4-4-2",
        "players": [{"id": player.player_id, "shirtNumber": player.jersey_number} for player in team.squad],
        "startingPositions": [
            {
                "playerId": player.player_id,
                "position": "GOALKEEPER" if position == "Goalkeeper" else "CENTRAL_MIDFIELD",
                "positionSide": "CENTRE",
            }
            for player, position in starters_of(season, match.match_id, team)
        ],
        "substitutions": [],
    }


def _event(match: Match, play: Play) -> JsonObject:
    end = {"coordinates": _point(play.end), "adjCoordinates": _point(play.end)}
    minute, second = divmod(min(play.seconds, 2699.0) + (2700 if play.period == 2 else 0), 60)
    return {
        "id": match.match_id * 10_000 + play.number,
        "index": play.number,
        "periodId": play.period,
        "gameTime": {"gameTime": f"{int(minute):02d}:{second:07.4f}", "gameTimeInSec": play.seconds},
        "duration": 1.0,
        "squadId": play.team_id,
        "currentAttackingSquadId": play.team_id,
        "player": {"id": play.player_id},
        "actionType": "PASS" if play.kind == "pass" else "SHOT",
        "action": "LOW_PASS" if play.kind == "pass" else "MID_RANGE_SHOT",
        "bodyPart": "FOOT",
        "bodyPartExtended": "FOOT_RIGHT",
        "result": "SUCCESS" if play.succeeded else "FAIL",
        "start": {"coordinates": _point(play.start), "adjCoordinates": _point(play.start)},
        "end": end,
        "pass": None
        if play.kind == "shot"
        else {
            "distance": 10.0,
            "receiver": {"type": "TEAMMATE", "playerId": play.recipient_id} if play.recipient_id else None,
        },
        "shot": None
        if play.kind == "pass"
        else {"distance": 15.0, "angle": 0.0, "targetPoint": None, "woodwork": False},
        "duel": None,
        "pressure": 0.0,
    }


def _point(share: tuple[float, float]) -> JsonObject:
    """Return metres from the middle of the pitch, as Impect counts them."""
    return {"x": round(105 * share[0] - 52.5, 2), "y": round(34 - 68 * share[1], 2)}


def _time(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"
