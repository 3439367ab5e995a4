"""Two free APIs on loopback, with the quotas, errors and headers that their documentation names.

https://www.football-data.org/documentation/quickstart, https://www.api-football.com/documentation-v3
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

from ingestify.testing.loopback import Asked, Given, LoopbackServer

TOKEN = "a-token-of-somebody"


class TightApi:
    """What both have in common: who asks, and how often.

    Attributes:
        paths: What was asked for, and answered with data.
        refused: How often there was an error in place of data.
    """

    token_header = ""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.refused = 0
        self._lock = threading.Lock()
        self._server = LoopbackServer(self._answer)

    def __enter__(self) -> Any:
        self._server.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.__exit__(*exception)

    @property
    def url(self) -> str:
        return self._server.url

    def _answer(self, asked: Asked) -> Given:
        path, _, query = asked.target.partition("?")
        with self._lock:
            error = self._find_error(asked.headers.get(self.token_header.lower()) == TOKEN)
            if error is not None:
                self.refused += 1
                return error
            found = self._find(path, dict(urllib.parse.parse_qsl(query)))
            self.paths.append(asked.target)
            return found

    def _find_error(self, is_known: bool) -> Given | None:
        raise NotImplementedError

    def _find(self, path: str, query: Mapping[str, str]) -> Given:
        raise NotImplementedError


def _as_json(value: Any, status: int = 200, **headers: str) -> Given:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Given(status, json.dumps(value).encode(), {"Content-Type": "application/json;charset=UTF-8", **named})


class FootballData(TightApi):
    """football-data.org: 10 requests a minute, then 429.

    Args:
        minute_seconds: How long its minutes are.

    Attributes:
        updated: Match to when it changed last.
    """

    token_header = "X-Auth-Token"
    a_minute = 10
    matches_in_a_season = 3

    def __init__(self, minute_seconds: float) -> None:
        super().__init__()
        self.updated: dict[int, str] = {}
        self._minute_seconds = minute_seconds
        self._minute_ends = time.monotonic()
        self.left = 0
        self._is_used_up = False

    def use_up_minute(self) -> None:
        """Somebody else asks with the same token, just before the next request comes."""
        self._is_used_up = True

    def _find_error(self, is_known: bool) -> Given | None:
        if not is_known:
            return _as_json({"message": "Your API token is invalid.", "errorCode": 400}, 400)
        if self._is_used_up:
            self._minute_ends, self.left, self._is_used_up = time.monotonic() + self._minute_seconds, 0, False
        elif time.monotonic() >= self._minute_ends:
            self._minute_ends, self.left = time.monotonic() + self._minute_seconds, self.a_minute
        if not self.left:
            message = {"message": "You reached your request limit. Wait 60 seconds.", "errorCode": 429}
            return _as_json(message, 429, X_Requests_Available_Minute="0", X_RequestCounter_Reset="60")
        self.left -= 1
        return None

    def _find(self, path: str, query: Mapping[str, str]) -> Given:
        found = re.fullmatch(r"/v4/competitions/(\w+)/matches", path)
        if found is None:
            return _as_json({"message": "The resource you are looking for does not exist.", "error": 404}, 404)
        season = int(query["season"])
        matches = [self._match(season * 100 + number, number) for number in range(self.matches_in_a_season)]
        return _as_json(
            {
                "filters": {"season": query["season"]},
                "resultSet": {"count": len(matches), "first": "2024-08-16", "last": "2025-05-25", "played": 2},
                "competition": {"id": 2021, "name": "Premier League", "code": found[1], "type": "LEAGUE"},
                "matches": matches,
            },
            X_Requests_Available_Minute=str(self.left),
            X_RequestCounter_Reset="60",
        )

    def _match(self, match_id: int, number: int) -> dict[str, Any]:
        is_over = number != self.matches_in_a_season - 1
        return {
            "id": match_id,
            "utcDate": "2024-08-16T19:00:00Z",
            "status": "FINISHED" if is_over else "TIMED",
            "matchday": number + 1,
            "stage": "REGULAR_SEASON",
            "group": None,
            "lastUpdated": self.updated.get(match_id, "2024-08-17T00:20:56Z"),
            "homeTeam": {"id": 66, "name": "Manchester United FC", "tla": "MUN"},
            "awayTeam": {"id": 63, "name": "Fulham FC", "tla": "FUL"},
            "score": {
                "winner": "HOME_TEAM" if is_over else None,
                "duration": "REGULAR",
                "fullTime": {"home": 1 if is_over else None, "away": 0 if is_over else None},
                "halfTime": {"home": 0 if is_over else None, "away": 0 if is_over else None},
            },
            "odds": {"msg": "Activate Odds-Package in User-Panel to retrieve odds."},
            "referees": [],
        }


class ApiFootball(TightApi):
    """API-Football: so many requests a day, then errors with the status 200.

    Attributes:
        left: How many more it lets through today.
    """

    token_header = "x-apisports-key"
    over = 12
    to_come = 2

    def __init__(self, a_day: int) -> None:
        super().__init__()
        self.left = a_day

    def _find_error(self, is_known: bool) -> Given | None:
        if not is_known:
            return self._envelope(
                {
                    "token": "Error/Missing application key. Go to https://www.api-football.com/documentation-v3 to "
                    "learn how to get your API application key."
                }
            )
        if not self.left:
            return self._envelope(
                {
                    "requests": "You have reached the request limit for the day, Go to "
                    "https://dashboard.api-football.com to upgrade your plan."
                }
            )
        self.left -= 1
        return None

    def _find(self, path: str, query: Mapping[str, str]) -> Given:
        if path != "/fixtures":
            return self._envelope({"endpoint": "This endpoint do not exist."})
        if "id" in query:
            fixture = self._fixture(int(query["id"]))
            fixture |= {"events": [{"time": {"elapsed": 12}, "type": "Goal"}], "lineups": [], "statistics": []}
            return self._envelope([], [fixture])
        if query.get("season") != "2023":
            return self._envelope({"plan": "Free plans do not have access to this season, try from 2021 to 2023."})
        return self._envelope([], [self._fixture(number) for number in range(self.over + self.to_come)])

    def _fixture(self, number: int) -> dict[str, Any]:
        is_over = number < self.over
        short = "FT" if is_over else "NS"
        return {
            "fixture": {
                "id": number,
                "timezone": "UTC",
                "date": "2023-08-11T19:00:00+00:00",
                "timestamp": 1691780400,
                "status": {"long": "Match Finished" if is_over else "Not Started", "short": short, "elapsed": 90},
            },
            "league": {"id": 39, "name": "Premier League", "season": 2023, "round": "Regular Season - 1"},
            "teams": {"home": {"id": 44, "name": "Burnley"}, "away": {"id": 50, "name": "Manchester City"}},
            "goals": {"home": 0 if is_over else None, "away": 3 if is_over else None},
        }

    def _envelope(self, errors: Any, response: Any = ()) -> Given:
        found = list(response)
        return _as_json(
            {
                "get": "fixtures",
                "parameters": {},
                "errors": errors,
                "results": len(found),
                "paging": {"current": 1, "total": 1},
                "response": found,
            },
            x_ratelimit_requests_limit="100",
            x_ratelimit_requests_remaining=str(self.left),
        )
