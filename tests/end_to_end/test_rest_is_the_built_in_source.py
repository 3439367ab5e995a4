"""StatsBomb's open data by docs/rest.md, and by the built-in source: the same lake, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestify import IngestionPlan, get_engine
from ingestify.checks.statsbomb import StatsBombMatchCheck
from ingestify.sources.rest.source import RestSource
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

from .running import objects
from .static_server import StaticServer

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "rest.md"
SEASONS = [{"competition_id": 43, "season_id": 106}, {"competition_id": 55, "season_id": 43}]


def described() -> dict[str, Any]:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(r"<!-- config: statsbomb -->\n```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])["sources"]["open_data"]["configuration"]  # type: ignore[no-any-return]


def by_description(base_url: str) -> RestSource:
    source = RestSource("statsbomb", **{**described(), "base_url": base_url})
    source.bundle_checks = (StatsBombMatchCheck(),)
    return source


def built_in(base_url: str) -> StatsBombGithub:
    return StatsBombGithub("statsbomb", base_url=base_url)


def _of_this_run(source: dict[str, str]) -> set[tuple[str, str]]:
    return {(key, value) for key, value in source.items() if key in ("run_id", "job_id")}


class Lake:
    """Ingests with one of the two sources, run after run."""

    def __init__(self, folder: Path, source: Any, **plan: Any) -> None:
        folder.mkdir()
        self.folder = folder
        self.engine = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
        self.engine.add_ingestion_plan(IngestionPlan(source, "match", **plan))

    def load(self, **filters: Any) -> Any:
        return self.engine.load(**filters)

    def objects(self) -> dict[str, bytes]:
        root = self.folder / "files"
        return {str(path.relative_to(root)): path.read_bytes() for path in objects(root)}

    def rows(self) -> list[str]:
        return sorted(
            json.dumps(
                {
                    "identifier": dict(dataset.identifier),
                    "types": [type(value).__name__ for value in dataset.identifier.values()],
                    "name": dataset.name,
                    "state": dataset.state,
                    "metadata": dataset.metadata,
                    "modified": str(dataset.last_modified_at),
                    "lacks": dataset.missing_feeds,
                    "files": sorted(
                        (one.file_id, one.tag, one.size, one.data_serialization_format, one.content_type,
                         one.storage_path, str(one.modified_at))
                        for one in dataset.files.values()
                    ),
                    "feeds": sorted(
                        (one.file_id, one.present, str(one.modified_at)) for one in dataset.feeds.values()
                    ),
                    "revisions": [
                        (one.revision_id, one.description, sorted(one.source.items() - _of_this_run(one.source)))
                        for one in dataset.revisions
                    ],
                }
            )
            for dataset in self.engine.list_datasets()
        )  # fmt: skip


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=8, seed=5, events_per_match=60)) as simulator:
        yield simulator


@pytest.fixture
def both(tmp_path: Path, provider: Simulator) -> Iterator[tuple[Lake, Lake]]:
    versions = {"data_spec_versions": {"match": "v6", "events": ["v8"], "360-frames": "v2"}}
    one = Lake(tmp_path / "built-in", built_in(provider.base_url), **versions)
    other = Lake(tmp_path / "described", by_description(provider.base_url), **versions)
    with one.engine, other.engine:
        yield one, other


def assert_same(both: tuple[Lake, Lake]) -> None:
    one, other = both
    assert one.rows()
    assert one.rows() == other.rows()
    assert one.objects() == other.objects()


def paths(provider: Simulator, load: Callable[[], Any]) -> tuple[list[str], Any]:
    provider.clear_requests()
    totals = load().totals
    return sorted(provider.paths()), (totals.new, totals.revised, totals.unchanged, totals.failed)


def test_the_lakes_are_the_same_and_the_requests_too(both: tuple[Lake, Lake], provider: Simulator) -> None:
    assert paths(provider, both[0].load) == paths(provider, both[1].load)
    assert_same(both)


def test_they_stay_the_same_through_corrections_and_missing_files(both: tuple[Lake, Lake], provider: Simulator) -> None:
    first, second, third, *_ = provider.match_ids
    provider.withhold(third, "lineups")
    for lake in both:
        lake.load()
    provider.correct(first, "events")
    provider.correct(second, "events")
    # How often a file is looked at again depends on how long the answers took; and which other files of the match that
    # fails were asked for by then, on which of them came first.
    (one, one_did), (other, other_did) = (paths(provider, lake.load) for lake in both)
    assert {path for path in one if str(third) not in path} == {path for path in other if str(third) not in path}
    assert one_did == other_did
    assert_same(both)


def test_one_match_costs_one_matchs_requests(both: tuple[Lake, Lake], provider: Simulator) -> None:
    match_id = provider.match_ids[0]
    asked = [paths(provider, lambda lake=lake: lake.load(match_id=match_id)) for lake in both]
    assert asked[0] == asked[1]
    assert all(str(match_id) in path for path in asked[0][0] if "competitions" not in path and "matches/" not in path)


def test_real_files_make_the_same_lake(tmp_path: Path, provider_data: Path) -> None:
    with StaticServer(provider_data / "statsbomb") as server:
        url = f"{server.url}/data"
        one = Lake(tmp_path / "built-in", built_in(url), selectors=SEASONS)
        other = Lake(tmp_path / "described", by_description(url), selectors=SEASONS)
        with one.engine, other.engine:
            for lake in (one, other):
                assert lake.load(match_id=[3869685, 3788741]).totals.new == 2
            assert_same((one, other))
