"""Invented matches in the form of SkillCorner's API, which is that of its open data: https://github.com/SkillCorner/opendata."""

from __future__ import annotations

import json
from typing import Any

from ingestify.testing.invented.squads import Team
from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis.plays import plays_of, starters_of

__all__ = ["dynamic_events_of", "edition_entry", "frames_of", "list_entry", "match_of", "phases_of", "physical_of"]

_FRAMES = 40
_PER_SECOND = 10


def edition_entry(season: Season) -> JsonObject:
    """Return an entry of `competition_editions`."""
    return {
        "id": edition_id(season),
        "competition": {"id": season.competition_id, "name": season.competition_name},
        "season": {"id": season.season_id, "name": season.season_name},
        "name": f"VAL - {season.competition_name} - {season.season_name}",
    }


def edition_id(season: Season) -> int:
    """Return the number of a season's edition."""
    return season.competition_id * 100 + season.season_id


def list_entry(season: Season, match: Match, status: str) -> JsonObject:
    """Return an entry of `matches`."""
    return {
        "id": match.match_id,
        "date_time": f"{match.kick_off:%Y-%m-%dT%H:%M:%SZ}",
        "home_team": {"id": match.home.team_id, "short_name": match.home.name},
        "away_team": {"id": match.away.team_id, "short_name": match.away.name},
        "status": status,
        "competition_id": season.competition_id,
        "season_id": season.season_id,
        "competition_edition_id": edition_id(season),
    }


def match_of(season: Season, match: Match) -> JsonObject:
    """Return `match/{id}`."""
    return {
        "id": match.match_id,
        "date_time": f"{match.kick_off:%Y-%m-%dT%H:%M:%SZ}",
        "home_team": _team(match.home),
        "away_team": _team(match.away),
        "home_team_score": match.home_score,
        "away_team_score": match.away_score,
        "home_team_coach": None,
        "away_team_coach": None,
        "competition_edition": edition_entry(season),
        "pitch_length": 105,
        "pitch_width": 68,
        "ball": {"trackable_object": 55},
        "referees": [],
        "players": [player for team in (match.home, match.away) for player in _players(season, match, team)],
    }


def frames_of(season: Season, match: Match) -> bytes:
    """Return `match/{id}/tracking`: a line for each frame."""
    starters = [(team, starters_of(season, match.match_id, team)) for team in (match.home, match.away)]
    lines = []
    for number in range(_FRAMES):
        period, inside = divmod(number, _FRAMES // 2)
        seconds = inside / _PER_SECOND + 2700 * period
        players = [
            {
                "x": round((-1) ** (side + period) * (-50.0 + 7.0 * place) + inside / 10, 2),
                "y": round(-30.0 + 6.0 * place, 2),
                "player_id": player.player_id,
                "is_detected": True,
            }
            for side, (_, eleven) in enumerate(starters)
            for place, (player, _) in enumerate(eleven)
        ]
        frame = {
            "frame": 10 + number,
            "timestamp": f"00:{int(seconds // 60):02d}:{seconds % 60:05.2f}",
            "period": period + 1,
            "ball_data": {"x": inside / 2, "y": 0.0, "z": 0.2, "is_detected": True},
            "possession": {"player_id": None, "group": "home team"},
            "image_corners_projection": {},
            "player_data": players,
        }
        lines.append(json.dumps(frame, separators=(",", ":")))
    return "\n".join(lines).encode() + b"\n"


def dynamic_events_of(season: Season, match: Match) -> bytes:
    """Return `match/{id}/dynamic_events` as CSV: who had the ball."""
    rows = ["event_id,match_id,event_type,period,player_id,team_id,x_start,y_start"]
    for play in plays_of(season, match.match_id):
        x, y = round(105 * play.start[0] - 52.5, 2), round(68 * play.start[1] - 34, 2)
        event = f"{play.number}_0,{match.match_id},player_possession,{play.period}"
        rows.append(f"{event},{play.player_id},{play.team_id},{x},{y}")
    return "\n".join(rows).encode() + b"\n"


def phases_of(match: Match) -> bytes:
    """Return `match/{id}/dynamic_events/phases_of_play` as CSV."""
    rows = ["match_id,frame_start,frame_end,team_in_possession_id,team_in_possession_phase_type"]
    rows += [f"{match.match_id},{start},{start + 10},{match.home.team_id},build_up" for start in (10, 30)]
    return "\n".join(rows).encode() + b"\n"


def physical_of(season: Season, match: Match) -> list[JsonObject]:
    """Return `physical?match={id}`."""
    return [
        {"match_id": match.match_id, "player_id": player.player_id, "team_id": team.team_id, "total_distance": 10_000}
        for team in (match.home, match.away)
        for player, _ in starters_of(season, match.match_id, team)
    ]


def _team(team: Team) -> JsonObject:
    return {"id": team.team_id, "name": team.name, "short_name": team.name, "acronym": team.name[:3].upper()}


def _players(season: Season, match: Match, team: Team) -> list[dict[str, Any]]:
    starters = {player.player_id for player, _ in starters_of(season, match.match_id, team)}
    return [
        {
            "id": player.player_id,
            "trackable_object": player.player_id + 1,
            "team_id": team.team_id,
            "number": player.jersey_number,
            "first_name": player.name.partition(" ")[0],
            "last_name": player.name.partition(" ")[2],
            "start_time": "00:00:00" if player.player_id in starters else None,
            "end_time": None,
            "player_role": {"id": 0 if player.role == "goalkeeper" else 15, "name": player.role},
        }
        for player in team.squad
    ]
