"""Some minutes of tracking in SkillCorner's format: who never existed, runs after a ball that never was."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator

from ingestify.domain.file import DraftFile
from ingestify.testing.invented.squads import Player, Team

__all__ = ["invent_tracking"]

_LENGTH, _WIDTH = 105.0, 68.0
_RATE = 10
_SHAPE = (
    (-46, 0),
    (-32, -22),
    (-35, -8),
    (-35, 8),
    (-32, 22),
    (-17, -12),
    (-19, 4),
    (-12, 18),
    (-5, -24),
    (-3, -4),
    (-4, 12),
)
"""Where the players of a team stand that attacks to the right, the goalkeeper first: metres from the centre."""

_ROLES = (0, 6, 4, 3, 5, 10, 8, 9, 13, 15, 12)
"""What they play, in the order of `_SHAPE`: SkillCorner's numbers."""


def invent_tracking(home: Team, away: Team, score: tuple[int, int], *, seed: int, seconds: int = 90) -> list[DraftFile]:
    """Return the feeds `metadata` and `frames` of the beginning of both halves.

    Args:
        home: Its first eleven play; those of `away` too.
        away: The other team.
        score: The goals of the home and of the away team in the whole match.
        seed: Equal seeds give equal files.
        seconds: How much of each half.
    """
    elevens = _eleven(home), _eleven(away)
    sheet = {
        "home_team": {"id": home.team_id, "name": home.name, "short_name": home.name},
        "away_team": {"id": away.team_id, "name": away.name, "short_name": away.name},
        "home_team_score": score[0],
        "away_team_score": score[1],
        "home_team_side": ["left_to_right", "right_to_left"],
        "pitch_length": _LENGTH,
        "pitch_width": _WIDTH,
        "ball": {"trackable_object": 1},
        "referees": [],
        "players": [
            {
                "id": player.player_id,
                "team_id": team.team_id,
                "number": player.jersey_number,
                "short_name": player.nickname or player.name,
                "first_name": player.name.partition(" ")[0],
                "last_name": player.name.partition(" ")[2],
                "trackable_object": 1000 + player.player_id,
                "player_role": {"id": role},
                "start_time": "00:00:00",
            }
            for team, eleven in zip((home, away), elevens, strict=True)
            for player, role in zip(eleven, _ROLES, strict=True)
        ],
    }
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    lines = "".join(json.dumps(frame) + "\n" for frame in _iter_frames(elevens, rng, seconds))
    return [
        DraftFile.from_input(json.dumps(sheet), "metadata", data_serialization_format="json"),
        DraftFile.from_input(lines, "frames", data_serialization_format="jsonl"),
    ]


def _eleven(team: Team) -> list[Player]:
    keepers = [player for player in team.squad if player.role == "goalkeeper"]
    others = [player for player in team.squad if player.role != "goalkeeper"]
    return [keepers[0], *others[:4], *others[7:10], *others[-3:]]


class _Swing:
    """A number that goes up and down without jumps: it is the same for the same moment."""

    def __init__(self, rng: random.Random, size: float) -> None:
        self._waves = [(size / 3 * rng.uniform(0.6, 1.4), rng.uniform(7, 31), rng.uniform(0, 7)) for _ in range(3)]

    def at(self, second: float) -> float:
        return sum(size * math.sin(second * 2 * math.pi / period + phase) for size, period, phase in self._waves)


def _iter_frames(
    elevens: tuple[list[Player], list[Player]], rng: random.Random, seconds: int
) -> Iterator[dict[str, object]]:
    ball = _Swing(rng, 48), _Swing(rng, 30)
    own = {player.player_id: (_Swing(rng, 5), _Swing(rng, 5)) for eleven in elevens for player in eleven}
    for number in range(2 * seconds * _RATE):
        period, of_period = divmod(number, seconds * _RATE)
        second = number / _RATE
        ball_x, ball_y = ball[0].at(second), ball[1].at(second)
        places = []
        for side, eleven in enumerate(elevens):
            direction = 1 if side == period else -1  # the home team attacks to the right in the first half
            for player, (x, y) in zip(eleven, _SHAPE, strict=True):
                follows = 0.12 if x == _SHAPE[0][0] else 0.45
                swing = own[player.player_id]
                places.append(
                    {
                        "player_id": player.player_id,
                        "x": round(direction * x + follows * ball_x + swing[0].at(second), 2),
                        "y": round(direction * y + follows / 2 * ball_y + swing[1].at(second), 2),
                        "is_detected": True,
                    }
                )
        clock = 45 * 60 * period + of_period / _RATE
        yield {
            "frame": number,
            "timestamp": f"{int(clock // 3600):02}:{int(clock // 60 % 60):02}:{clock % 60:05.2f}",
            "period": period + 1,
            "ball_data": {"x": round(ball_x, 2), "y": round(ball_y, 2), "z": 0.0, "is_detected": True},
            "possession": {"player_id": None, "group": ("home team", "away team")[ball_x < 0]},
            "player_data": places,
        }
