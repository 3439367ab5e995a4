"""StatsBomb's API on loopback: the seasons of `testing.season` behind versions and Basic authentication."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from typing import Any

from ingestify.testing.provider_state import ProviderState
from tests.support.provider_apis.provider_api import ApiAnswer, ApiRequest, ProviderApi

__all__ = ["StatsBombApi"]

VERSIONS: dict[str, Collection[str]] = {
    "competitions": ("v4",),
    "matches": ("v6",),
    "lineups": ("v4", "v5"),
    "events": ("v8", "v9", "v10", "v11"),
    "360-frames": ("v2",),
}
"""The versions; any other version is a 404."""

_PATH = re.compile(
    r"(?P<version>v\d+)/(?:(?P<competitions>competitions)(?:/(?P<competition>\d+)/seasons/(?P<season>\d+)/matches)?"
    r"|(?P<feed>lineups|events|360-frames)/(?P<match>\d+))"
)
_FOLDERS = {"lineups": "lineups", "events": "events", "360-frames": "three-sixty"}


class StatsBombApi(ProviderApi):
    """Serves `api/{version}/…`.

    Attributes:
        forbidden: Competitions and seasons that the account has no right to: they are listed, and answer 403.
    """

    root = "api"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.forbidden: set[tuple[int, int]] = set()
        self._state = ProviderState(self.seasons)
        times = [match.last_updated for season in self.seasons for match in season.matches]
        times += [
            match.last_updated_360 for season in self.seasons for match in season.matches if match.last_updated_360
        ]
        self._newest = max(times, default=dt.datetime(2025, 1, 1))

    def correct(self, match_id: int, *feeds: str, updated_at: dt.datetime | None = None) -> None:
        """Change files of a match, by default its events, and move its time; see `ProviderState.correct`."""
        self._state.correct(match_id, feeds, updated_at or self._tick())

    def set_status(self, match_id: int, status: str) -> None:
        """Give a match a status: `scheduled`, `collecting`, `available`, …; only an available match has files."""
        self._state.set_status(match_id, status, self._tick())

    def _tick(self) -> dt.datetime:
        """Return a time after all others: a change is newer than all changes before it."""
        self._newest += dt.timedelta(hours=1)
        return self._newest

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Return the response, with the documents of the open data, which are the same."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return ApiAnswer(404, {"message": "Not Found"})
        if found["competitions"]:
            kind = "matches" if found["season"] else "competitions"
        else:
            kind = found["feed"]
        if found["version"] not in VERSIONS[kind]:
            return ApiAnswer(404, {"message": f"{kind} has no version {found['version']}"})
        if kind == "matches" and (int(found["competition"]), int(found["season"])) in self.forbidden:
            return ApiAnswer(403, {"message": "Forbidden"})
        if kind == "competitions":
            path = "competitions.json"
        elif kind == "matches":
            path = f"matches/{found['competition']}/{found['season']}.json"
        else:
            path = f"{_FOLDERS[kind]}/{found['match']}.json"
        document = self._state.find(path)
        return ApiAnswer(404, {"message": "Not Found"}) if document is None else ApiAnswer(200, document.body)
