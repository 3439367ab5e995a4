from __future__ import annotations

import io
import json
from typing import Any

import pytest

pytest.importorskip("kloppy", reason="the extra kloppy is not installed")

from ingestify.loaders.kloppy.impect import load_match
from ingestify.testing.season import Season
from tests.support.provider_apis import impect_documents as documents

SEASON = Season(matches=1, events_per_match=60)
(MATCH,) = SEASON.matches


class Files:
    """Files as the open data has them, or (`wrapped`) as the API answers."""

    def __init__(self, *, wrapped: bool) -> None:
        self._contents: dict[str, Any] = {
            "events": documents.events_of(SEASON, MATCH),
            "lineups": documents.lineups_of(SEASON, MATCH),
            "squads": documents.squads_of(SEASON),
        }
        if wrapped:
            self._contents = {feed: {"data": content} for feed, content in self._contents.items()}

    @property
    def feeds(self) -> list[str]:
        return list(self._contents)

    def require_file(self, feed: str, version: str | None = None) -> Any:
        return type("Opened", (), {"stream": io.BytesIO(json.dumps(self._contents[feed]).encode())})

    def find_file(self, feed: str) -> Any:
        return self.require_file(feed) if feed in self._contents else None


def test_a_match_of_the_api_is_that_of_the_open_data():
    of_open_data, of_api = (load_match(Files(wrapped=wrapped), {}) for wrapped in (False, True))
    assert len(of_api.records) == len(of_open_data.records) > 5
    assert [team.name for team in of_api.metadata.teams] == [MATCH.home.name, MATCH.away.name]
