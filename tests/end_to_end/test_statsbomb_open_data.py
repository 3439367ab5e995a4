"""The real command line against real StatsBomb files: five matches have files, the others answer 404."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import Dataset, get_engine
from ingestify.sources import statsbomb_github
from tests.end_to_end.running import ingestify
from tests.support.sizes import sizes

from .static_server import StaticServer

RECORDS = {15946: 3848, 18236: 4392, 3869685: 4549, 3847567: 3878, 3788741: 3911}
SEASONS = {15946: (11, 4), 18236: (16, 22), 3869685: (43, 106), 3847567: (53, 106), 3788741: (55, 43)}
FOLDERS = {"events": "events", "lineups": "lineups", "360-frames": "three-sixty"}

CONFIG = """
main:
  metadata_url: sqlite:///database/catalog.db
  file_url: file://database/files/
  default_bucket: main
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}/data"}}}}
ingestion_plans:
  - source: statsbomb
    dataset_type: match
    data_spec_versions: {{match: v6, events: [v8, v9], 360-frames: v2}}
    selectors:
{selectors}
"""


@pytest.fixture
def provider(provider_data: Path) -> Iterator[StaticServer]:
    with StaticServer(provider_data / "statsbomb") as server:
        yield server


def write_config(folder: Path, url: str, selectors: list[Any]) -> None:
    lines = "\n".join(f"      - {json.dumps(selector)}" for selector in selectors)
    (folder / "config.yaml").write_text(CONFIG.format(url=url, selectors=lines))


def is_index(path: str) -> bool:
    return path.endswith("/competitions.json") or "/matches/" in path


@pytest.mark.parametrize("loaded", sizes([15946], list(RECORDS)))
def test_the_five_matches_that_have_files_come_whole_and_the_others_fail_alone(
    tmp_path: Path, provider: StaticServer, provider_data: Path, loaded: list[int]
):
    write_config(
        tmp_path,
        provider.url,
        [
            {"competition_id": 11, "season_id": [4]},
            {"competition_id": 55, "season_id": 43},
            "competition_id == 43 and season_id > 42",
            {"competition_id": 53},
            {"competition_id": 16, "season_id": 22},
        ],
    )
    ran = ingestify(tmp_path, "run")
    assert ran.code == 3, ran.err
    assert "181 matches: 5 new, 0 revised, 0 unchanged, 176 failed" in ran.out
    assert "status 404" in ran.err
    assert "Traceback" not in ran.err

    with get_engine(tmp_path / "config.yaml") as engine:
        datasets = engine.list_datasets()
        assert {dataset.identifier["match_id"] for dataset in datasets} == set(RECORDS)
        for dataset in datasets:
            match_id = dataset.identifier["match_id"]
            for file in engine.store.load_files(dataset):
                folder = FOLDERS.get(file.data_feed_key)
                if folder is not None:
                    original = provider_data / "statsbomb" / "data" / folder / f"{match_id}.json"
                    assert file.stream.read() == original.read_bytes()
            files = {file.data_feed_key for file in dataset.files.values()}
            assert ("360-frames" in files) == (match_id == 3788741)
            if match_id not in loaded:
                continue
            match = engine.load_dataset_with_kloppy(dataset)
            assert len(match) == RECORDS[match_id]
            assert match.metadata.game_id == str(match_id)
            assert match.metadata.attributes["name"] == dataset.name
            assert f"{match.metadata.date:%Y-%m-%d}" == dataset.metadata["match_date"]


def test_a_run_of_the_five_matches_exits_0_and_the_second_only_asks_for_the_indexes(
    tmp_path: Path, provider: StaticServer
):
    write_config(
        tmp_path,
        provider.url,
        [
            {"competition_id": competition, "season_id": season, "match_id": match_id}
            for match_id, (competition, season) in SEASONS.items()
        ],
    )
    first = ingestify(tmp_path, "run")
    assert first.code == 0, first.err
    assert first.out.startswith("5 matches: 5 new, 0 revised, 0 unchanged, 0 failed · ")

    provider.requests.clear()
    second = ingestify(tmp_path, "run")
    assert second.code == 0, second.err
    assert "0 new, 0 revised, 5 unchanged, 0 failed · 5 requests" in second.out
    assert provider.requests
    assert all(is_index(path) for path, _ in provider.requests)
    with get_engine(tmp_path / "config.yaml") as engine:
        assert all(len(dataset.revisions) == 1 for dataset in engine.list_datasets())


@pytest.mark.parametrize("three_sixty", sizes(False, True))
def test_open_data_streams_without_any_configuration(
    tmp_path: Path, provider: StaticServer, provider_data: Path, monkeypatch: pytest.MonkeyPatch, three_sixty: bool
):
    monkeypatch.setattr(statsbomb_github, "BASE_URL", f"{provider.url}/data")
    monkeypatch.chdir(tmp_path)
    loaded: list[Dataset] = []
    for requests in (5, 2):
        provider.requests.clear()
        with get_engine() as engine:
            streamed = list(
                engine.iter_datasets(
                    auto_ingest={"use_open_data": True, "streaming": True},
                    provider="statsbomb",
                    dataset_type="match",
                    competition_id=55,
                    season_id=43,
                    match_id=3788741,
                )
            )
            assert [dataset.identifier["match_id"] for dataset in streamed] == [3788741]
            if loaded:  # kloppy takes its time, and it is the same files
                assert streamed[0].files == loaded[0].files
            else:
                assert len(engine.load_dataset_with_kloppy(streamed[0], three_sixty=three_sixty)) == RECORDS[3788741]
                frames = engine.store.load_files(streamed[0]).get_file("360-frames")
                assert frames.read() == (provider_data / "statsbomb/data/three-sixty/3788741.json").read_bytes()
                loaded = streamed
        assert len(provider.requests) == requests, "one match costs one match's requests"
