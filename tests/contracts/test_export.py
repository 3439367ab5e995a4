"""What is exported of open data is a mirror of it: its source reads it, and so does a reader of local files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestify import Source, get_dev_engine
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.document_provider import DocumentProvider
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.contracts import test_sources as suites

OPEN_DATA = (
    suites.TestStatsBombGithub,
    suites.TestWyscoutGithub,
    suites.TestImpectGithub,
    suites.TestMetricaGithub,
    suites.TestSportecHuggingFace,
    suites.TestSkillCornerGithub,
    suites.TestSkillCornerTracking,
)


def export(source: Source, dataset_type: str, folder: Path, **plan: Any) -> dict[str, dict[str, str]]:
    """Ingest and export everything. Returns dataset to feed to hash."""
    with get_dev_engine(source, dataset_type, **plan) as engine:
        engine.load()
        report = engine.export(folder)
        assert report.progress.written == report.progress.files
        return {
            str(dataset): {file.data_feed_key: file.tag for file in dataset.files.values()}
            for dataset in engine.iter_datasets()
        }


def documents_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("suite", OPEN_DATA)
def test_an_export_of_open_data_is_a_mirror_that_its_source_reads(suite: Any, tmp_path: Path):
    made = suite()
    with made.make_provider() as provider:
        datasets = export(made.make_source(provider), made.dataset_type, tmp_path / "out")
        originals = getattr(provider, "documents", {})
    assert datasets
    exported = documents_of(tmp_path / "out")
    lists = {
        path for path in originals if path.endswith(("matches.json", "iterations.json", ".zip")) or "/matches_" in path
    }
    for path in (originals.keys() - lists) & exported.keys():
        original = originals[path]
        assert original == (exported[path] if isinstance(original, bytes) else json.loads(exported[path]))
    # The index of Wyscout's is an archive, which an export does not write.
    kept = {path: content for path, content in originals.items() if path.endswith(".zip")}
    with DocumentProvider({**exported, **kept}) as mirror:
        assert export(made.make_source(mirror), made.dataset_type, tmp_path / "again") == datasets
    assert documents_of(tmp_path / "again") == exported


class LocalReader:
    """Reads StatsBomb's open data from a folder, with the paths and the fields of socceraction 1.5.3.

    See `StatsBombLoader(getter="local", root=…)` in `socceraction/data/statsbomb/loader.py`.
    """

    competition_fields = (
        "season_id",
        "competition_id",
        "competition_name",
        "country_name",
        "competition_gender",
        "season_name",
    )

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, *path: object) -> Any:
        return json.loads(self.root.joinpath(*(str(one) for one in path)).read_text("utf-8"))

    def competitions(self) -> list[dict[str, Any]]:
        return [{field: one[field] for field in self.competition_fields} for one in self.read("competitions.json")]

    def games(self, competition_id: int, season_id: int) -> list[Any]:
        games = self.read("matches", competition_id, f"{season_id}.json")
        return [(one["match_id"], one["match_date"], one["home_team"]["home_team_id"]) for one in games]

    def teams(self, game_id: int) -> list[Any]:
        teams = self.read("lineups", f"{game_id}.json")
        assert len(teams) == 2
        return [(team["team_id"], team["team_name"]) for team in teams]

    def events(self, game_id: int) -> list[Any]:
        frames = self.root / "three-sixty" / f"{game_id}.json"
        of_event = {one["event_uuid"]: one for one in json.loads(frames.read_text())} if frames.exists() else {}
        return [
            (one["id"], one["type"]["name"], one["id"] in of_event) for one in self.read("events", f"{game_id}.json")
        ]


def read_all(folder: Path) -> list[Any]:
    """Return each game of each season, with its events."""
    reader = LocalReader(folder)
    competitions = reader.competitions()
    assert [one["season_id"] for one in competitions] == [27, 28]
    assert all(one["competition_name"] and one["season_name"] for one in competitions)
    games = [game for one in competitions for game, *_ in reader.games(one["competition_id"], one["season_id"])]
    assert len(games) == len(set(games)) == 6
    assert all(len(reader.teams(game)) == 2 for game in games)
    return [(game, reader.events(game)) for game in games]


def test_a_reader_of_statsbombs_open_data_reads_an_export(tmp_path: Path):
    seasons = [Season(matches=3, seed=4, events_per_match=30, season_id=one, matches_with_360=1) for one in (27, 28)]
    with Simulator(seasons) as provider:
        export(StatsBombGithub("open", base_url=provider.base_url), "match", tmp_path)
    found = read_all(tmp_path)
    assert all(len(events) >= 30 for _, events in found)
    assert sum(any(has_360 for *_, has_360 in events) for _, events in found) == 2


def test_what_statsbombs_api_sent_is_read_like_the_open_data(tmp_path: Path):
    made = suites.TestStatsBomb()
    with made.make_provider() as provider:
        versions = dict(made.data_spec_versions)
        datasets = export(made.make_source(provider), "match", tmp_path, data_spec_versions=versions)
    found = {game for game, events in read_all(tmp_path) if events}
    assert found == {int(dataset.rpartition("=")[2]) for dataset in datasets}
