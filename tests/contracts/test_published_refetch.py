"""The first run over an adopted lake, with the source and the provider that made it, fetches nothing that it has."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, RevisionState, adopt, get_engine

pytestmark = pytest.mark.sampled(2)  # a lake of one of the versions by turns

VERSIONS = ("0.3.4", "0.19.1")

PLANS = """
sources:
  matches: {type: feed_source.Matches}
  words: {type: feed_source.Keywords}
  regional: {type: feed_source.Regional}
  tasks: {type: feed_source.Tasks}
ingestion_plans:
  - {source: matches, dataset_type: match, data_spec_versions: {match: v1, lineups: v4, events: v8}}
  - {source: words, dataset_type: keyword}
  - {source: regional, dataset_type: keyword, selectors: [{region: eu}]}
"""
TASKS = "  - {source: tasks, dataset_type: keyword}\n"

ABSENT = "/plain/three-sixty/1002.json"
"""A file that may be absent: what the package knew of it is not in its lake."""


class Provider:
    """The provider of both lakes, at the moment of the last run over them."""

    def __init__(self, module: Any) -> None:
        self._state = module.State
        self._state.step = 2
        self.url, self.server = module.start()

    def take_asked(self) -> set[str]:
        """Return what was asked for since the last call, without the index."""
        seen = set(self._state.hits) - {"/state.json"}
        self._state.hits.clear()
        return seen


@pytest.fixture
def provider(published_lakes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    spec = importlib.util.spec_from_file_location("published_provider", published_lakes / "provider" / "provider.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    started = Provider(module)
    monkeypatch.setenv("FEED_BASE", started.url)
    yield started
    started.server.shutdown()
    started.server.server_close()
    sys.modules.pop("feed_source", None)


@pytest.fixture(params=VERSIONS)
def config(request: pytest.FixtureRequest, published_lakes: Path, tmp_path: Path, provider: Provider) -> Path:
    """The configuration of an adopted copy of a lake, with the source that made it."""
    lake = Path(shutil.copytree(published_lakes / request.param, tmp_path / "lake", copy_function=shutil.copyfile))
    shutil.copyfile(published_lakes / "provider" / "feed_source.py", lake / "feed_source.py")
    has_tasks = request.param != "0.3.4"
    text = (lake / "config.yaml").read_text() + PLANS + (TASKS if has_tasks else "")
    (lake / "config.yaml").write_text(text)
    adopt(lake / "config.yaml", dry_run=False)
    return lake / "config.yaml"


def contents_of(engine: IngestionEngine) -> dict[str, Any]:
    """Each dataset's number of revisions, and what the provider sent for each of its files."""
    found = {}
    for dataset in engine.list_datasets():
        files = engine.store.load_files(dataset)
        sent = {file.file_id: hashlib.sha256(file.raw_stream.read()).hexdigest() for file in files}
        found[dataset.dataset_id] = (len(dataset.revisions), sent)
    return found


def match_ids(paths: set[str]) -> set[int]:
    return {int(re.findall(r"\d{4}", path)[-1]) for path in paths}


def test_nothing_that_the_lake_has_is_fetched_and_no_revision_is_added(config: Path, provider: Provider):
    with get_engine(config) as engine:
        matches = {one.identifier["match_id"]: one for one in engine.list_datasets(provider="fixtura")}
        invalid = {
            number for number, one in matches.items() if one.revisions[-1].state is RevisionState.VALIDATION_FAILED
        }
        before, known = contents_of(engine), engine.store.catalogue.event_log.read(0, 1000)
        provider.take_asked()

        report = engine.run_report()
        asked = provider.take_asked()
        after = contents_of(engine)
        events = engine.store.catalogue.event_log.read(known[-1].position, 100)

        assert {one: after[one] for one in before} == before
        assert report.totals.revised == 0
        # One match was deleted there, and one has never come. Those that were invalidated are fetched in full.
        new = {1006, 1009} - matches.keys()
        assert match_ids(asked - {ABSENT}) == new | invalid
        # The package did not see another name without another time.
        told = [(event.event_type, event.dataset.name) for event in events if event.dataset.dataset_id in before]
        assert told == [("metadata_updated", "Northby Rovers - Eastlake FC / 3-1 (a.e.t.)")]
        assert engine.verify(progress=False).damages == []
        regional = [dict(one.identifier) for one in engine.list_datasets(provider="fixtura_regional")]
        assert [one["region"] for one in regional] == ["eu", "eu"]

        engine.run_report()
        assert match_ids(provider.take_asked() - {ABSENT}) == {1009}
        assert contents_of(engine) == after


def test_a_file_that_may_be_absent_is_the_only_one_that_a_trusted_match_is_asked_for(config: Path, provider: Provider):
    provider.take_asked()
    with get_engine(config) as engine:
        engine.run_report(match_id=1002)
        assert provider.take_asked() == {ABSENT}
        engine.run_report(match_id=1001)
        assert provider.take_asked() == set()
