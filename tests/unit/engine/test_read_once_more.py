"""What the index says when it is read once more, before a match is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestify import (
    ConfigurationError,
    DatasetResource,
    IngestionPlan,
    Source,
    UnreadableEntry,
    get_dev_engine,
    get_engine,
)
from tests.support.lake_in_memory import hours
from tests.support.scripted_provider import Provider, answer


class Index(Source):
    """Lists what the provider's index has, with two files for each match.

    Attributes:
        refused: A feed with which an entry cannot be read.
        told: What it was told of the lake, each time that it listed.
        looks: Whether it looks at that.
        knows_frames: Whether it lists frames; if not, it may refuse to be asked for them.
    """

    concurrent_discovery = True
    lists_everything = True
    provider = "fake"
    refused = ""
    knows_frames = True
    refuses_frames = False
    looks = False

    def __init__(self, web: Provider) -> None:
        super().__init__("fake")
        self._web = web
        self.told: list[Any] = []

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        return [{"competition_id": 1}]

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, **_: Any
    ) -> list[Any]:
        if self.refuses_frames and data_spec_versions.versions_of("frames"):
            raise ConfigurationError("there is no feed 'frames'")
        if self.looks:
            self.told.append((dataset_collection_metadata.count, dataset_collection_metadata.last_modified))
        return [self._read(entry, data_spec_versions) for entry in self.http.get_json(f"{self._web.url}/index.json")]

    def _read(self, entry: dict[str, Any], versions: Any) -> Any:
        if "id" not in entry or (self.refused and versions.versions_of(self.refused)):
            return UnreadableEntry(entry["name"], "it cannot be read")
        resource = DatasetResource({"match_id": entry["id"]}, "match", name=entry["name"])
        for feed in ("events", "frames"):
            if versions.versions_of(feed) and (feed == "events" or self.knows_frames):
                resource.add_file(hours(entry["at"]), feed, url=f"{self._web.url}/{feed}.json")
        return resource


def serve(web: Provider, version: int, *, names: tuple[int, ...] = (1, 2), at: float = 0) -> None:
    entries = [{"id": number, "name": f"match {number} of {version}", "at": at} for number in names]
    web.on("/index.json", answer(json.dumps([*entries, {"name": "a broken one"}]).encode()))
    for feed in ("events", "frames"):
        web.on(f"/{feed}.json", answer(json.dumps({"version": version}).encode(), etag=f'"{feed}{version}"'))


@pytest.fixture
def source(web: Provider) -> Index:
    serve(web, 1)
    return Index(web)


def leave_after_the_index_was_read(web: Provider) -> None:
    """Let match 1 leave the index, and change its files, before the first of them is answered."""

    def change(asked: Any) -> Any:
        serve(web, 2, names=(2,), at=1)
        return answer(b'{"version": 2}', etag='"events2"')

    web.on("/events.json", by=change)


def names(engine: Any) -> list[str]:
    return sorted(dataset.name for dataset in engine.list_datasets())


@pytest.mark.parametrize("filters", [{}, {"match_id": 1}], ids=["all of it", "one of it"])
@pytest.mark.parametrize("looks", [False, True], ids=["", "and looks at the lake"])
def test_what_is_listed_no_more_is_not_published_by_its_old_entry(
    web: Provider, source: Index, looks: bool, filters: dict[str, Any]
) -> None:
    source.looks = looks
    leave_after_the_index_was_read(web)
    with get_dev_engine(source, "match", data_spec_versions={"events": "v1", "frames": "v1"}) as engine:
        report = engine.run_report(**filters)
        errors = [task.error for task in report.failed_tasks if "match 1" in task.name]
        assert "no longer lists it" in errors[0]
        assert "match 1 of 1" not in names(engine)


def test_what_a_source_that_lists_only_news_does_not_list_twice_comes_in(web: Provider, source: Index) -> None:
    source.lists_everything = False
    leave_after_the_index_was_read(web)
    with get_dev_engine(source, "match", data_spec_versions={"events": "v1", "frames": "v1"}) as engine:
        engine.run_report(match_id=1)
        assert names(engine) == ["match 1 of 1"]


def test_a_source_is_told_the_same_of_the_lake_each_time_in_a_run(web: Provider, source: Index) -> None:
    source.looks = True
    with get_dev_engine(source, "match") as engine:
        engine.run_report()
        engine.run_report()
        assert source.told[0] == source.told[1] == (0, None)
        assert source.told[2][0] == 2


def test_an_entry_that_cannot_be_read_with_more_feeds_is_read_without_them(
    web: Provider, source: Index, tmp_path: Path
) -> None:
    for versions in ({"events": "v1", "frames": "v1"}, {"events": "v1"}):
        with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as engine:
            engine.add_ingestion_plan(IngestionPlan(source, "match", data_spec_versions=versions))
            engine.run_report()
            found = {dataset.name: sorted(dataset.files) for dataset in engine.list_datasets()}
        if source.refused:
            assert found == {"match 1 of 2": ["events__v1"], "match 2 of 2": ["events__v1"]}
        serve(web, 2, at=1)
        source.refused = "frames"


@pytest.mark.parametrize("refuses", [False, True])
def test_a_source_that_refuses_a_feed_does_not_say_that_it_is_gone(
    web: Provider, source: Index, tmp_path: Path, refuses: bool
) -> None:
    wide, narrow = {"events": "v1", "frames": "v1"}, {"events": "v1"}
    for number, versions in enumerate((wide, wide, narrow, narrow)):
        source.knows_frames, source.refuses_frames = number == 0, refuses and versions is narrow
        with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as engine:
            engine.add_ingestion_plan(IngestionPlan(source, "match", data_spec_versions=versions))
            engine.run_report()
            has_frames = {"frames__v1" in dataset.files for dataset in engine.list_datasets()}
    assert has_frames == {refuses}
