"""Serves one season of StatsBomb's open data with many matches, in a process of its own: `index_provider.py NUMBER`.

The index has the shape of a real one, with 1.75 kB an entry. Lineups and events are as small as their checks permit.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading

from ingestify.testing.loopback import Asked, Given, LoopbackServer

TEAMS = 20
_FIRST_DAY = dt.datetime(2020, 8, 1, 12, 23, 53, 901920)
_HEADERS = {"Content-Type": "application/json"}


def index_of(number: int) -> bytes:
    """Return the index of a season with so many matches, as StatsBomb writes it."""
    encode = json.JSONEncoder(indent=2, separators=(",", " : "), ensure_ascii=False).encode
    return f"[ {', '.join(encode(_entry(match)) for match in range(number))} ]".encode()


def _entry(number: int) -> dict[str, object]:
    moment = _FIRST_DAY + dt.timedelta(minutes=97 * number)
    return {
        "match_id": 3_000_000 + number,
        "match_date": f"{moment:%Y-%m-%d}",
        "kick_off": f"{moment:%H:%M}:00.000",
        "competition": {"competition_id": 11, "country_name": "Spain", "competition_name": "La Liga"},
        "season": {"season_id": 1, "season_name": "2020/2021"},
        "home_team": _side("home", number % TEAMS),
        "away_team": _side("away", (number + 7) % TEAMS),
        "home_score": number % 5,
        "away_score": number % 3,
        "match_status": "available",
        "match_status_360": "scheduled",
        "last_updated": (moment + dt.timedelta(days=3)).isoformat(),
        "last_updated_360": (moment + dt.timedelta(days=4)).isoformat(timespec="milliseconds"),
        "metadata": {"data_version": "1.1.0", "shot_fidelity_version": "2", "xy_fidelity_version": "2"},
        "match_week": number % 38 + 1,
        "competition_stage": {"id": 1, "name": "Regular Season"},
        "stadium": {"id": 300 + number % TEAMS, "name": f"Estadio Nº {number % TEAMS}", "country": _SPAIN},
    }


_SPAIN = {"id": 214, "name": "Spain"}


def _side(side: str, team: int) -> dict[str, object]:
    manager = {"id": 500 + team, "name": f"Ernesto Número {team}", "nickname": f"Ernesto {team}", "dob": "1964-02-09"}
    return {
        f"{side}_team_id": 200 + team,
        f"{side}_team_name": f"Deportivo {team}",
        f"{side}_team_gender": "male",
        f"{side}_team_group": None,
        "country": _SPAIN,
        "managers": [{**manager, "country": _SPAIN}],
    }


def main() -> None:
    """Print the base URL, and serve until the process is ended."""
    number = int(sys.argv[1])
    index = index_of(number)

    def answer(asked: Asked) -> Given:
        _, _, folder, *names = asked.target.split("/")
        match = int(names[-1].removesuffix(".json")) - 3_000_000
        if folder == "matches":
            return Given(200, index, _HEADERS)
        teams = [{"team_id": 200 + match % TEAMS}, {"team_id": 200 + (match + 7) % TEAMS}]
        body = [{"team_id": one["team_id"], "lineup": []} for one in teams]
        if folder == "events":
            body = [{"id": f"event {match}", "team": {"id": teams[0]["team_id"]}}]
        return Given(200, json.dumps(body).encode(), _HEADERS)

    with LoopbackServer(answer) as server:
        sys.stdout.write(f"{server.url}/data\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
