"""The passes and shots of an invented match, in no provider's format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingestify.testing.invented.squads import Player, Team
from ingestify.testing.season import Season

__all__ = ["Play", "plays_of", "starters_of"]

_LENGTH, _WIDTH = 120.0, 80.0


@dataclass(frozen=True, slots=True)
class Play:
    """One pass or shot.

    Attributes:
        number: From 1.
        period: 1 or 2.
        seconds: Since the period began.
        kind: `pass` or `shot`.
        start: As a share of the pitch's length and width, from the acting team's own left corner.
        end: Likewise.
        succeeded: A pass that arrived; a shot that is a goal.
        recipient_id: Of a pass that arrived.
        xg: Of a shot.
    """

    number: int
    period: int
    seconds: float
    kind: str
    team_id: int
    player_id: int
    start: tuple[float, float]
    end: tuple[float, float]
    succeeded: bool
    recipient_id: int | None = None
    xg: float = 0.0


def plays_of(season: Season, match_id: int) -> list[Play]:
    """Return the passes and shots of a match, in order."""
    plays: list[Play] = []
    for event in json.loads(season.events(match_id)):
        kind = {"Pass": "pass", "Shot": "shot"}.get(event["type"]["name"])
        if kind is None:
            continue
        about = event[kind]
        recipient = (about.get("recipient") or {}).get("id")
        outcome = (about.get("outcome") or {}).get("name")
        hours, minutes, seconds = event["timestamp"].split(":")
        plays.append(
            Play(
                number=len(plays) + 1,
                period=event["period"],
                seconds=int(hours) * 3600 + int(minutes) * 60 + float(seconds),
                kind=kind,
                team_id=event["team"]["id"],
                player_id=event["player"]["id"],
                start=_share(event["location"]),
                end=_share(about["end_location"]),
                succeeded=outcome == "Goal" if kind == "shot" else outcome is None and recipient is not None,
                recipient_id=recipient if kind == "pass" and outcome is None else None,
                xg=float(about.get("statsbomb_xg") or 0.0),
            )
        )
    return plays


def starters_of(season: Season, match_id: int, team: Team) -> list[tuple[Player, str]]:
    """Return the eleven who begin, each with the name of his position."""
    positions: dict[int, str] = {}
    for sheet in json.loads(season.lineups(match_id)):
        for entry in sheet["lineup"] if sheet["team_id"] == team.team_id else ():
            for position in entry["positions"]:
                if position["start_reason"] == "Starting XI":
                    positions[entry["player_id"]] = position["position"]
    return [(player, positions[player.player_id]) for player in team.squad if player.player_id in positions]


def _share(location: Sequence[Any]) -> tuple[float, float]:
    return round(float(location[0]) / _LENGTH, 4), round(float(location[1]) / _WIDTH, 4)
