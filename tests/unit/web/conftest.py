from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingestify import DatasetResource, IngestionEngine
from ingestify.testing.season import Season
from ingestify.web.app import make_app
from ingestify.web.guard import Rules
from ingestify.web.lake import WebLake
from tests.support.lake_in_memory import FunctionSource, Lake, hours

HOST = "127.0.0.1:8642"


def client_of(engine: IngestionEngine, *, is_read_only: bool = False, **more: Any) -> TestClient:
    """A program that knows the token; `more` are attributes of the lake."""
    lake = WebLake(engine.store, "a lake", '"lake"', is_read_only, **more)
    app = make_app(lake, Rules(frozenset([HOST]), "token", is_read_only=is_read_only))
    headers = {"Authorization": "Bearer token"}
    return TestClient(app, f"http://{HOST}", headers=headers, raise_server_exceptions=False)


@functools.cache
def _match() -> tuple[bytes | str, bytes, bytes]:
    """Return the index entry, the events and the line-ups of a match."""
    season = Season(matches=4, seed=1)
    entry = season.index_entries()[0]
    return json.dumps(entry), season.events(entry["match_id"]), season.lineups(entry["match_id"])


class MatchSource(FunctionSource):
    """One match of a simulated season in StatsBomb's shape, whose events a test may correct."""

    provider = "statsbomb"

    def __init__(self) -> None:
        super().__init__(lambda **_: [self.resource()])
        self.entry, self.events, self.lineups = map(json.loads, _match())
        self.revised = 0

    def resource(self) -> DatasetResource:
        entry = self.entry
        metadata = {
            "home_team": {"name": entry["home_team"]["home_team_name"]},
            "away_team": {"name": entry["away_team"]["away_team_name"]},
            **{key: entry[key] for key in ("home_score", "away_score", "match_date")},
        }
        found = DatasetResource({"match_id": entry["match_id"]}, "match", name="the match", metadata=metadata)
        found.add_file(hours(self.revised), "events", json_content=self.events)
        found.add_file(hours(0), "lineups", json_content=self.lineups)
        return found

    @property
    def shots(self) -> list[dict]:
        return [one for one in self.events if one["type"]["name"] == "Shot"]


@pytest.fixture
def source() -> MatchSource:
    return MatchSource()


@pytest.fixture
def engine(source: MatchSource) -> Iterator[IngestionEngine]:
    with Lake(source).engine as engine:
        engine.load()
        yield engine


@pytest.fixture
def client(engine: IngestionEngine) -> TestClient:
    return client_of(engine)


@pytest.fixture
def address(engine: IngestionEngine) -> str:
    """The page of the match."""
    return f"/datasets/{engine.list_datasets()[0].dataset_id}"
