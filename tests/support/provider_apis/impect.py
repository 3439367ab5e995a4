"""Impect's API on loopback: tokens that expire, rate-limit headers, iterations and matches."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from typing import Any

from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis import impect_documents as documents
from tests.support.provider_apis.provider_api import ApiAnswer, ApiRequest, ProviderApi

__all__ = ["ImpectApi"]

_TOKEN_PATH = "auth/realms/production/protocol/openid-connect/token"


class ImpectApi(ProviderApi):
    """Serves `v5/customerapi/…` and, on the same port, the login.

    Args:
        token_seconds: How long a token is good for.
        limit: So many requests in each window; None: no limit.
        window_seconds: How long a window is.
    """

    root = "v5/customerapi"

    def __init__(
        self,
        *arguments: Any,
        token_seconds: float = 300.0,
        limit: int | None = None,
        window_seconds: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.token_seconds = token_seconds
        self.limit = limit
        self.window_seconds = window_seconds
        self._tokens: dict[str, float] = {}
        self._window = (self.clock(), 0)
        self._matches: dict[int, tuple[Season, Match]] = {
            match.match_id: (season, match) for season in self.seasons for match in season.matches
        }
        self._calculated: dict[int, dt.datetime | None] = {
            match_id: match.last_updated for match_id, (_, match) in self._matches.items()
        }
        self._newest = max((match.last_updated for _, match in self._matches.values()), default=dt.datetime(2025, 1, 1))
        self._versions = dict.fromkeys(self._matches, 0)

    @property
    def token_url(self) -> str:
        """The URL of the login."""
        return f"{self.url}/{_TOKEN_PATH}"

    def expire_tokens(self) -> None:
        """Expire all tokens now."""
        with self._lock:
            self._tokens.clear()

    def calculate(self, match_id: int) -> None:
        """Calculate a match, again or for the first time: its events and its date change."""
        with self._lock:
            self._newest += dt.timedelta(hours=1)
            self._calculated[match_id] = self._newest
            self._versions[match_id] += 1

    def withdraw(self, match_id: int) -> None:
        """Make a match one that is not calculated yet."""
        with self._lock:
            self._calculated[match_id] = None

    # ---- answering -------------------------------------------------------------------------------------

    def authorize(self, request: ApiRequest) -> ApiAnswer | None:
        """Return a refusal unless the token is valid. The login needs none."""
        if request.path == _TOKEN_PATH:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and self._tokens.get(token, 0.0) > self.clock():
            return self._count()
        return ApiAnswer(401, {"message": "Unauthorized"})

    def _count(self) -> ApiAnswer | None:
        began, count = self._window
        if self.clock() - began >= self.window_seconds:
            began, count = self.clock(), 0
        self._window = (began, count + 1)
        return self.too_many() if self.limit is not None and count >= self.limit else None

    def extra_headers(self) -> dict[str, str]:
        """Return the rate-limit headers."""
        if self.limit is None:
            return {}
        began, count = self._window
        left = max(1, -(-int(1000 * (began + self.window_seconds - self.clock())) // 1000))
        return {
            "RateLimit-Policy": f"{self.limit};w={self.window_seconds:g}",
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - count)),
            "RateLimit-Reset": str(left),
        }

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Return the response of the login, or of an endpoint."""
        if request.path == _TOKEN_PATH:
            return self._log_in(request)
        if request.path == "iterations":
            return _data([documents.iteration_entry(season, self._changed(season)) for season in self.seasons])
        parts = request.path.split("/")
        if re.fullmatch(r"iterations/\d+/(matches|squads|players)", request.path):
            return self._of_iteration(int(parts[1]), parts[2])
        if re.fullmatch(r"matches/\d+(/events)?", request.path):
            return self._of_match(int(parts[1]), parts[2:])
        return ApiAnswer(404, {"message": "Not Found"})

    def _log_in(self, request: ApiRequest) -> ApiAnswer:
        expected = {
            "client_id": "api",
            "grant_type": "password",
            "username": self.username,
            "password": self.password,
        }
        if request.method != "POST" or dict(request.form) != expected:
            return ApiAnswer(401, {"error": "invalid_grant", "error_description": "Invalid user credentials"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self.clock() + self.token_seconds
        return ApiAnswer(200, {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"})

    def _changed(self, season: Season) -> dt.datetime:
        return max(match.last_updated for match in season.matches)

    def _of_iteration(self, iteration_id: int, what: str) -> ApiAnswer:
        season = next((one for one in self.seasons if one.season_id == iteration_id), None)
        if season is None:
            return ApiAnswer(404, {"message": "Not Found"})
        content: list[JsonObject]
        if what == "matches":
            content = [
                documents.match_entry(season, match, self._calculated[match.match_id]) for match in season.matches
            ]
        else:
            content = documents.squads_of(season) if what == "squads" else documents.players_of(season)
        return _data(content)

    def _of_match(self, match_id: int, rest: list[str]) -> ApiAnswer:
        if match_id not in self._matches or self._calculated[match_id] is None:
            return ApiAnswer(404, {"message": "Not Found"})
        season, match = self._matches[match_id]
        if not rest:
            return _data(documents.lineups_of(season, match))
        events = documents.events_of(season, match)
        events[0]["pressure"] = float(self._versions[match_id])
        return _data(events)


def _data(content: Any) -> ApiAnswer:
    return ApiAnswer(200, {"data": content})
