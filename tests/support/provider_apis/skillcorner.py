"""SkillCorner's API on loopback: lists in pages, and data that is ready some time after the match."""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Any

from ingestify.testing.season import JsonObject, Match, Season
from tests.support.provider_apis import skillcorner_documents as documents
from tests.support.provider_apis.provider_api import ApiAnswer, ApiRequest, ProviderApi

__all__ = ["SkillCornerApi"]

_FILE = re.compile(r"match/(?P<match>\d+)(?:/(?P<feed>tracking|dynamic_events|dynamic_events/phases_of_play))?")
_MOST_ON_A_PAGE = 300


class SkillCornerApi(ProviderApi):
    """Serves `api/…`.

    Args:
        token: What is accepted beside the password, as `Authorization: Token …`.
        page_size: The most entries of a page, whatever is asked for.
    """

    root = "api"

    def __init__(self, *arguments: Any, token: str = "a-long-token", page_size: int = 8, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.token = token
        self.page_size = page_size
        self._matches: dict[int, tuple[Season, Match]] = {
            match.match_id: (season, match) for season in self.seasons for match in season.matches
        }
        self._waiting: dict[tuple[int, str], int] = {}
        self._versions = dict.fromkeys(self._matches, 0)

    def hold_back(self, match_id: int, feed: str, status: int = 202) -> None:
        """Respond to `match`, `tracking`, `dynamic_events`, … of a match with a status and no body."""
        with self._lock:
            self._waiting[match_id, feed] = status

    def release(self, match_id: int, feed: str) -> None:
        """Make the data of a match ready."""
        with self._lock:
            self._waiting.pop((match_id, feed), None)

    def correct(self, match_id: int) -> None:
        """Change the first frame of a match, without a sign of the change."""
        with self._lock:
            self._versions[match_id] += 1

    def authorize(self, request: ApiRequest) -> ApiAnswer | None:
        """Return a refusal unless the password or the token is right."""
        if request.headers.get("authorization") == f"Token {self.token}":
            return None
        refused = super().authorize(request)
        return None if refused is None else ApiAnswer(401, {"detail": "Invalid username/password."}, refused.headers)

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Return the response of an endpoint."""
        if request.path == "competition_editions":
            return self._page(request, [documents.edition_entry(season) for season in self.seasons])
        if request.path == "matches":
            edition = request.params.get("competition_edition")
            entries = [
                documents.list_entry(season, match, "closed")
                for season, match in self._matches.values()
                if edition is None or str(documents.edition_id(season)) == edition
            ]
            return self._page(request, entries)
        if request.path == "physical":
            return self._file(int(request.params.get("match", "0")), "physical", request)
        found = _FILE.fullmatch(request.path)
        if found is None:
            return ApiAnswer(404, {"detail": "Not found."})
        return self._file(int(found["match"]), found["feed"] or "match", request)

    def _page(self, request: ApiRequest, entries: list[JsonObject]) -> ApiAnswer:
        offset = int(request.params.get("offset", "0"))
        limit = min(int(request.params.get("limit", "10")), self.page_size, _MOST_ON_A_PAGE)
        next_url = None
        if offset + limit < len(entries):
            query = urllib.parse.urlencode({**request.params, "limit": limit, "offset": offset + limit})
            next_url = f"{self.base_url}/{request.path}?{query}"
        results = entries[offset : offset + limit]
        return ApiAnswer(200, {"count": len(entries), "next": next_url, "previous": None, "results": results})

    def _file(self, match_id: int, feed: str, request: ApiRequest) -> ApiAnswer:
        if match_id not in self._matches:
            return ApiAnswer(404, {"detail": "Not found."})
        if (match_id, feed) in self._waiting:
            return ApiAnswer(self._waiting[match_id, feed])
        season, match = self._matches[match_id]
        form = request.params.get("file_format", "json")
        if feed == "match":
            return ApiAnswer(200, documents.match_of(season, match))
        if feed == "physical":
            return ApiAnswer(200, documents.physical_of(season, match))
        if feed == "tracking" and form == "jsonl":
            body = documents.frames_of(season, match)
            first, _, rest = body.partition(b"\n")
            frame = {**json.loads(first), "version": self._versions[match_id]}
            return ApiAnswer(200, json.dumps(frame).encode() + b"\n" + rest, content_type="application/json-l")
        if feed.startswith("dynamic_events") and form == "csv":
            body = (
                documents.dynamic_events_of(season, match) if feed == "dynamic_events" else documents.phases_of(match)
            )
            return ApiAnswer(200, body, content_type="text/csv")
        return ApiAnswer(400, {"detail": f"file_format {form} is not supported here"})
