from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import BundleType, DatasetResource, DatasetState, IngestionEngine, IngestionPlan, Source, get_engine
from tests.support.scripted_provider import Provider, answer, provider


class Slow(Source):
    """One match whose events may not be ready."""

    provider = "mine"
    bundle_types = (BundleType("match", requires=("events",)),)

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self.url = url
        self.changed_at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):  # type: ignore[no-untyped-def]
        resource = DatasetResource({"match_id": 1}, dataset_type, name="one")
        options = {"ignore_not_ready": True}
        yield resource.add_file(self.changed_at, "events", url=self.url, http_options=options)


@pytest.fixture
def server() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def source(server: Provider) -> Slow:
    return Slow("mine", server.url + "/events.json")


@pytest.fixture
def engine(tmp_path: Path, source: Slow) -> Iterator[IngestionEngine]:
    with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as made:
        made.add_ingestion_plan(IngestionPlan(source, "match"))
        yield made


@pytest.mark.parametrize("status", [200, 202, 204])
def test_before_it_is_ready_there_is_nothing_and_then_it_comes(engine: IngestionEngine, server: Provider, status: int):
    server.on("/events.json", answer(status=status))
    assert engine.load().totals.failed == 0
    (dataset,) = engine.list_datasets()
    assert (dataset.state, dataset.files) == (DatasetState.SCHEDULED, {})
    server.on("/events.json", answer(b"[1]"))
    engine.load()
    (dataset,) = engine.list_datasets()
    assert dataset.state is DatasetState.COMPLETE


def test_what_is_made_anew_is_kept_and_asked_for_by_each_run_until_it_is_ready(
    engine: IngestionEngine, server: Provider, source: Slow
):
    server.on("/events.json", answer(b"[1]"))
    engine.load()
    source.changed_at += dt.timedelta(days=1)
    server.on("/events.json", answer(status=202))
    for _ in range(2):
        assert engine.load().totals.failed == 0
        (dataset,) = engine.list_datasets()
        assert (dataset.state, len(dataset.revisions), len(dataset.files)) == (DatasetState.COMPLETE, 1, 1)
    server.on("/events.json", answer(b"[2]"))
    assert engine.load().totals.revised == 1
    asked = len(server.asked)
    engine.load()
    assert len(server.asked) == asked
