"""Wyscout's API v3 on loopback: seasons, matches, files, and the feed of changes in Roman time."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from ingestify.clock import now
from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis.provider_api import ApiAnswer, ApiRequest, ProviderApi
from tests.support.provider_apis.wyscout_documents import events_of, formations_of, list_entry

__all__ = ["WyscoutApi"]

ROME = zoneinfo.ZoneInfo("Europe/Rome")
LONGEST = dt.timedelta(hours=168)
MOST_ON_A_PAGE = 100

AREAS = {"VAL": "Valmeria"}


class WyscoutApi(ProviderApi):
    """Serves `v3/…`, 12 requests a second by default.

    Args:
        feed: How the feed of changes is served: `split` (`updatedobjects/updated` and `/deleted`) or `single`
            (`updatedobjects`).
        utc_now: Its clock.
    """

    root = "v3"

    def __init__(
        self,
        *arguments: Any,
        requests_per_second: float | None = 12,
        feed: str = "split",
        utc_now: Callable[[], dt.datetime] = now,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, requests_per_second=requests_per_second, **options)
        self.feed = feed
        self.utc_now = utc_now
        self._matches: dict[int, tuple[Season, Match]] = {
            match.match_id: (season, match) for season in self.seasons for match in season.matches
        }
        self._statuses = dict.fromkeys(self._matches, "Played")
        self._versions = dict.fromkeys(self._matches, 0)
        self._without_events: set[int] = set()
        self._updated: list[tuple[dt.datetime, str, int]] = []
        self._deleted: list[tuple[dt.datetime, str, int]] = []

    # ---- what the provider does ------------------------------------------------------------------------

    def correct(self, match_id: int, at: dt.datetime | None = None) -> None:
        """Change the events of a match."""
        with self._lock:
            self._versions[match_id] += 1
            self._updated.append((at or self.utc_now(), "matchevents", match_id))

    def touch(self, kind: str, object_id: int, at: dt.datetime | None = None) -> None:
        """Put an object into the feed of changes."""
        with self._lock:
            self._updated.append((at or self.utc_now(), kind, object_id))

    def set_status(self, match_id: int, status: str) -> None:
        """Give a match a status in the list: `Fixture`, `Played`, `Postponed`, …"""
        with self._lock:
            self._statuses[match_id] = status
            self._updated.append((self.utc_now(), "matches", match_id))

    def delete(self, match_id: int, kind: str = "matches") -> None:
        """Delete a match, or (`matchevents`) only its events."""
        with self._lock:
            if kind == "matches":
                del self._matches[match_id]
            else:
                self._without_events.add(match_id)
            self._deleted.append((self.utc_now(), kind, match_id))

    # ---- answering -------------------------------------------------------------------------------------

    def too_many(self) -> ApiAnswer:
        """Return the documented body."""
        return _error(429, "Too many requests")

    def authorize(self, request: ApiRequest) -> ApiAnswer | None:
        """Return a refusal in Wyscout's format."""
        refused = super().authorize(request)
        return None if refused is None else _error(401, "Unauthorized")

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Return the response of an endpoint."""
        parts = request.path.split("/")
        if parts == ["competitions"]:
            return self._competitions(request.params.get("areaId"))
        if re.fullmatch(r"competitions/\d+/seasons", request.path):
            return self._seasons(int(parts[1]))
        if re.fullmatch(r"seasons/\d+/matches", request.path):
            return self._season(int(parts[1]))
        if re.fullmatch(r"matches/\d+/(events|formations)", request.path):
            return self._file(int(parts[1]), parts[2], request)
        if (
            parts[0] == "updatedobjects"
            and parts[1:] in {"split": (["updated"], ["deleted"]), "single": ([],)}[self.feed]
        ):
            return self._changes(self._deleted if parts[1:] == ["deleted"] else self._updated, request)
        return _error(404, "Not found")

    def _competitions(self, area: str | None) -> ApiAnswer:
        if area not in AREAS:
            return _error(400, "areaId is required")
        found = {season.competition_id: season.competition_name for season in self.seasons}
        return ApiAnswer(200, {"competitions": [{"wyId": number, "name": name} for number, name in found.items()]})

    def _seasons(self, competition_id: int) -> ApiAnswer:
        seasons: list[JsonObject] = [
            {"seasonId": season.season_id, "season": {"wyId": season.season_id, "name": season.season_name}}
            for season in self.seasons
            if season.competition_id == competition_id
        ]
        return ApiAnswer(200, {"competitionId": competition_id, "seasons": seasons})

    def _season(self, season_id: int) -> ApiAnswer:
        if season_id not in {season.season_id for season in self.seasons}:
            return _error(404, "Season not found")
        entries = [
            list_entry(season, match, self._statuses[match.match_id])
            for season, match in self._matches.values()
            if season.season_id == season_id
        ]
        return ApiAnswer(200, {"matches": entries})

    def _file(self, match_id: int, feed: str, request: ApiRequest) -> ApiAnswer:
        is_there = match_id in self._matches and self._statuses[match_id] == "Played"
        if not is_there or (feed == "events" and match_id in self._without_events):
            return _error(404, "Match not found")
        season, match = self._matches[match_id]
        if feed == "formations":
            return ApiAnswer(200, formations_of(season, match))
        content: dict[str, Any] = events_of(season, match, "Played")
        fetched = request.params.get("fetch", "").split(",")
        content = {key: value for key, value in content.items() if key == "events" or key in fetched}
        content["events"][0]["videoTimestamp"] = f"{self._versions[match_id]}.5"
        return ApiAnswer(200, content)

    def _changes(self, changes: list[tuple[dt.datetime, str, int]], request: ApiRequest) -> ApiAnswer:
        kind = request.params.get("type")
        try:
            # In the hour that comes twice a time without an offset is the first of two.
            since = dt.datetime.strptime(request.params["updated_since"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=ROME)
            page = int(request.params.get("page", "1"))
            size = min(int(request.params.get("limit", MOST_ON_A_PAGE)), MOST_ON_A_PAGE)
        except (KeyError, ValueError):
            return _error(400, "updated_since is required in the format YYYY-MM-DD HH:MM:SS")
        if kind not in ("matches", "matchevents", "players", "teams"):
            return _error(400, "type is not valid")
        if self.utc_now() - since > LONGEST:
            return _error(400, "updated_since is more than 168 hours ago")
        found = list(dict.fromkeys(one for at, what, one in sorted(changes) if what == kind and at >= since))
        if self.feed == "single":
            return ApiAnswer(200, {kind: found})
        shown = found[(page - 1) * size : page * size]
        is_empty = request.params.get("emptyPayload") == "true" or changes is self._deleted
        meta = {
            "page_current": page,
            "page_size": size,
            "page_count": max(1, -(-len(found) // size)),
            "total_items": len(found),
        }
        return ApiAnswer(200, {kind: shown if is_empty else {str(one): {"wyId": one} for one in shown}, "meta": meta})


def _error(status: int, message: str) -> ApiAnswer:
    return ApiAnswer(status, {"error": {"code": status, "message": message}})
