"""Invented files of Hawk-Eye, a minute each, as kloppy reads them: who they are, and where they and the ball were."""

from __future__ import annotations

import json
from typing import Any

TEAMS = [{"id": {"heId": "t1"}, "name": "Home", "home": True}, {"id": {"heId": "t2"}, "name": "Away", "home": False}]
PLAYERS = [
    {
        "id": {"heId": f"p{number}"},
        "teamId": {"heId": f"t{number}"},
        "jerseyNumber": str(number),
        "role": {"name": "GK"},
    }
    for number in (1, 2)
]
FRAMES_PER_MINUTE = 32
"""All within one second: a power of two, so that their times are exact."""


def _document(match: str, minute: int, samples: dict[str, Any]) -> str:
    return json.dumps(
        {
            "details": {"match": {"id": {"heId": match}}, "teams": TEAMS, "players": PLAYERS},
            "samples": samples,
            "sequences": {"match-minute": minute, "segment": 1},
            "segments": [
                {
                    "segment": 1,
                    "startTimeUTC": "2026-01-01T15:00:00.000Z",
                    "endTimeUTC": "2026-01-01T15:45:00.000Z",
                }
            ],
        }
    )


def ball(minute: int, match: str = "m1") -> str:
    """Return the file of the ball of one minute."""
    seen = [
        {"time": number / FRAMES_PER_MINUTE, "pos": [minute, 0, 0], "speed": {"mps": 1.0}}
        for number in range(FRAMES_PER_MINUTE)
    ]
    return _document(match, minute, {"ball": seen})


def centroids(minute: int, match: str = "m1") -> str:
    """Return the file of the players of one minute."""
    seen = [
        {"time": number / FRAMES_PER_MINUTE, "pos": [minute, 1], "distance": {"metres": 0.1}, "speed": {"mps": 1.0}}
        for number in range(FRAMES_PER_MINUTE)
    ]
    people = [{"personId": one["id"], "role": {"name": "Goalkeeper"}, "centroid": seen} for one in PLAYERS]
    return _document(match, minute, {"people": people})
