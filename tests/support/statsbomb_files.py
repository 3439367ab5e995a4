"""Events and line-ups as StatsBomb writes them, with what a picture of a match needs."""

from __future__ import annotations

TEAMS = ({"id": 1, "name": "Reds"}, {"id": 2, "name": "Blues"})


def event(kind, team=0, period=1, at="00:10:00.000", minute=10, **more):
    return {
        "id": f"{kind}-{team}-{at}-{period}",
        "period": period,
        "timestamp": at,
        "minute": minute,
        "second": 0,
        "type": {"id": 1, "name": kind},
        "team": TEAMS[team],
        **more,
    }


def a_shot(team=0, outcome="Goal", xg=0.2, location=(108.0, 40.0), player=7, **more):
    return event(
        "Shot",
        team,
        player={"id": player, "name": "Jorge Luiz Frello Filho"},
        location=location,
        shot={
            "statsbomb_xg": xg,
            "outcome": {"id": 97, "name": outcome},
            "type": {"id": 87, "name": "Open Play"},
            **more.pop("shot", {}),
        },
        **more,
    )


def xi(team=0, **more):
    lineup = [
        {
            "player": {"id": 7, "name": "Jorge Luiz Frello Filho"},
            "position": {"id": 10, "name": "Midfield"},
            "jersey_number": 8,
        }
    ]
    return event("Starting XI", team, at="00:00:00.000", minute=0, tactics={"formation": 433, "lineup": lineup}, **more)


LINEUPS = [
    {"team_id": 1, "team_name": "Reds", "lineup": [
        {"player_id": 7, "player_name": "Jorge Luiz Frello Filho", "player_nickname": "Jorginho", "jersey_number": 8},
        {"player_id": 8, "player_name": "Bench", "player_nickname": None, "jersey_number": 18},
    ]},
    {"team_id": 2, "team_name": "Blues", "lineup": []},
]  # fmt: skip
