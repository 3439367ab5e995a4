from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetResource, DatasetState, DraftFile, IngestionEngine, IngestionPlan, Source, get_engine
from ingestify.clock import now


class Following(Source):
    """Follows changes, and keeps since when it was told to look."""

    concurrent_discovery = True
    lists_everything = True
    provider = "mine"
    follows_changes = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.told: list[dt.datetime | None] = []
        self.listed = [1, 2]
        self.broken = False
        self.changed_at = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, **_: Any
    ) -> Iterator[DatasetResource]:
        self.told.append(dataset_collection_metadata.ingested_until)
        for number in self.listed:
            resource = DatasetResource({"match_id": number}, dataset_type, name=str(number))
            yield resource.add_file(self.changed_at, "events", file_loader=self._load)

    def _load(self, file_resource: Any, current_file: Any) -> DraftFile:
        if self.broken:
            raise OSError("broken")
        return DraftFile.from_input("{}", "events", data_serialization_format="json")


@pytest.fixture
def source() -> Following:
    return Following("mine")


@pytest.fixture
def engine(tmp_path: Path, source: Following) -> Iterator[IngestionEngine]:
    with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as made:
        made.add_ingestion_plan(IngestionPlan(source, "match"))
        yield made


def test_changes_are_followed_from_where_the_last_run_began(engine: IngestionEngine, source: Following):
    before = now()
    engine.load()
    between = now()
    engine.load()
    first, second = source.told
    assert first is None
    assert second is not None
    assert before <= second <= between


def test_what_failed_is_looked_for_again(engine: IngestionEngine, source: Following):
    engine.load()
    source.broken, source.changed_at = True, now()
    assert engine.load().totals.failed == 2
    source.broken = False
    assert engine.load().totals.failed == 0
    engine.load()
    first, second, third, fourth = source.told
    assert first is None
    assert second is not None
    assert third == second, "the run that failed has not looked"
    assert fourth is not None
    assert fourth > second


def test_a_run_of_one_match_has_not_looked_at_the_others(engine: IngestionEngine, source: Following):
    engine.load(match_id=1)
    engine.load()
    assert source.told == [None, None]


def test_looking_at_it_is_not_looking_at_what_the_lake_has(engine: IngestionEngine, source: Following):
    engine.load()
    source.listed = [1]
    engine.load()
    states = {dataset.identifier["match_id"]: dataset.state for dataset in engine.list_datasets()}
    assert states[2] is DatasetState.MISSING


def test_other_sources_are_told_nothing(engine: IngestionEngine, source: Following, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Following, "follows_changes", False)
    engine.load()
    engine.load()
    assert source.told == [None, None]
