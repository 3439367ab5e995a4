"""Invented matches in the form of Wyscout's API v3: https://apidocs.wyscout.com."""

from __future__ import annotations

from typing import Any

from ingestify.testing.invented.squads import Team
from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis.plays import Play, plays_of, starters_of

__all__ = ["events_of", "formations_of", "list_entry"]

_FORMATION = "4-4-2"
_POSITIONS = ("gk", "rb", "rcb", "lcb", "lb", "rw", "rcmf", "lcmf", "lw", "ss", "cf")


def list_entry(season: Season, match: Match, status: str) -> JsonObject:
    """Return an entry of `seasons/{id}/matches`."""
    score = f", {match.home_score}-{match.away_score}" if status == "Played" else ""
    return {
        "matchId": match.match_id,
        "label": f"{match.home.name} - {match.away.name}{score}",
        "date": f"{match.kick_off:%Y-%m-%d %H:%M:%S}",
        "dateutc": f"{match.kick_off:%Y-%m-%d %H:%M:%S}",
        "status": status,
        "competitionId": season.competition_id,
        "seasonId": season.season_id,
        "roundId": season.season_id * 10 + 1,
        "gameweek": match.match_week,
    }


def formations_of(season: Season, match: Match) -> JsonObject:
    """Return `matches/{id}/formations`: team id → half → second → formation."""
    return {str(team.team_id): _formation(season, match, team) for team in (match.home, match.away)}


def events_of(season: Season, match: Match, status: str) -> JsonObject:
    """Return `matches/{id}/events` with everything that can be fetched along."""
    teams = (match.home, match.away)
    return {
        "events": [_event(match, play) for play in plays_of(season, match.match_id)],
        "teams": {str(team.team_id): {"team": _team(team)} for team in teams},
        "players": {str(team.team_id): [{"player": _player(player)} for player in team.squad] for team in teams},
        "formations": formations_of(season, match),
        "substitutions": {str(team.team_id): {} for team in teams},
        "coaches": {str(team.team_id): {"coach": {"shortName": team.manager.name}} for team in teams},
        "referees": [],
        "match": {
            **list_entry(season, match, status),
            "wyId": match.match_id,
            "hasDataAvailable": True,
            "teamsData": {str(team.team_id): _team_data(season, match, team) for team in teams},
        },
    }


def _team(team: Team) -> JsonObject:
    return {"wyId": team.team_id, "name": team.name, "officialName": team.name}


def _player(player: Any) -> JsonObject:
    first, _, last = player.name.partition(" ")
    return {"wyId": player.player_id, "shortName": player.name, "firstName": first, "lastName": last}


def _formation(season: Season, match: Match, team: Team) -> JsonObject:
    starters = [player for player, _ in starters_of(season, match.match_id, team)]
    players = [
        {str(player.player_id): {"playerId": player.player_id, "position": position}}
        for player, position in zip(starters, _POSITIONS, strict=False)
    ]
    return {half: {"0": {_FORMATION: {"scheme": _FORMATION, "players": players}}} for half in ("1H", "2H")}


def _team_data(season: Season, match: Match, team: Team) -> JsonObject:
    starters = {player.player_id for player, _ in starters_of(season, match.match_id, team)}
    sheet = [{"playerId": player.player_id, "shirtNumber": player.jersey_number} for player in team.squad]
    is_home = team is match.home
    return {
        "teamId": team.team_id,
        "side": "home" if is_home else "away",
        "score": match.home_score if is_home else match.away_score,
        "formation": {
            "lineup": [one for one in sheet if one["playerId"] in starters],
            "bench": [one for one in sheet if one["playerId"] not in starters],
        },
    }


def _event(match: Match, play: Play) -> JsonObject:
    own, other = (match.home, match.away) if play.team_id == match.home.team_id else (match.away, match.home)
    minute, second = divmod(int(play.seconds) + (2700 if play.period == 2 else 0), 60)
    event: JsonObject = {
        "id": match.match_id * 10_000 + play.number,
        "matchId": match.match_id,
        "matchPeriod": "1H" if play.period == 1 else "2H",
        "minute": minute,
        "second": second,
        "matchTimestamp": f"00:{minute:02d}:{second:02d}.000",
        "videoTimestamp": f"{play.seconds:.6f}",
        "relatedEventId": None,
        "type": {"primary": play.kind, "secondary": []},
        "location": _point(play.start),
        "team": {"id": own.team_id, "name": own.name, "formation": _FORMATION},
        "opponentTeam": {"id": other.team_id, "name": other.name, "formation": _FORMATION},
        "player": {"id": play.player_id, "name": "", "position": ""},
        "possession": {"id": play.number, "types": [], "team": {"id": own.team_id, "name": own.name}},
        "pass": None,
        "shot": None,
    }
    if play.kind == "pass":
        event["pass"] = {
            "accurate": play.succeeded,
            "height": None,
            "endLocation": _point(play.end),
            "recipient": {"id": play.recipient_id},
        }
    else:
        event["shot"] = {
            "bodyPart": "right_foot",
            "isGoal": play.succeeded,
            "onTarget": play.succeeded,
            "goalZone": "gc" if play.succeeded else "or",
            "xg": play.xg,
        }
    return event


def _point(share: tuple[float, float]) -> JsonObject:
    return {"x": round(100 * share[0]), "y": round(100 * share[1])}
