"""What people look for in a table of matches: date, teams and score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["match_facts"]


def match_facts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a match in a table; None for what its metadata does not have."""
    return {
        "date": metadata.get("match_date"),
        "kick_off": metadata.get("kick_off"),
        "home_team": _team(metadata.get("home_team")),
        "away_team": _team(metadata.get("away_team")),
        "home_score": metadata.get("home_score"),
        "away_score": metadata.get("away_score"),
    }


def _team(team: object) -> object:
    """Return a team's name; the metadata may have the team as an object."""
    if not isinstance(team, Mapping):
        return team
    return next((team[key] for key in ("name", "short_name", "id") if team.get(key) is not None), None)
