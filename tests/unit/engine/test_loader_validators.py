"""A file loader that asks by the provider's validators."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import DatasetResource, DraftFile, NotModifiedFile, Source, get_dev_engine
from ingestify.domain.file import NO_VALIDATORS, Validators
from tests.support.lake_in_memory import Lake, hours

OLD, NEW = Validators('"1"'), Validators('"2"', "Wed, 01 May 2024 10:00:00 GMT")


class Asking(Source):
    """One file, brought by a loader that notes what it was given and answers what it is told to."""

    provider = "mine"
    answer: Any = None

    def __init__(self) -> None:
        super().__init__("asking")
        self.url = "https://provider.example/1"
        self.given: list[tuple[bool, Validators]] = []

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        resource = DatasetResource({"match_id": 1}, dataset_type)
        yield resource.add_file(None, "events", file_loader=self.load, loader_kwargs={"url": self.url})

    def load(self, file_resource, current_file, validators, url):
        self.given.append((current_file is not None, validators))
        return self.answer


def draft(text: str, validators: Validators) -> DraftFile:
    return DraftFile.from_input(text, "events", validators=validators)


@pytest.fixture
def source() -> Asking:
    return Asking()


@pytest.fixture
def run(source):
    with get_dev_engine(source, "match") as engine:

        def run(answer: Any) -> Any:
            source.answer = answer
            report = engine.load()
            assert [task.error for task in report.failed_tasks] == []
            return engine.list_datasets()[0]

        run.engine = engine  # type: ignore[attr-defined]
        yield run


def test_it_gets_those_of_what_the_lake_has_and_they_stay_until_there_are_others(source, run):
    run(draft("a", OLD))
    run(NotModifiedFile())
    run(NotModifiedFile(None, "the same bytes", NEW))
    dataset = run(NotModifiedFile())
    assert source.given == [(False, NO_VALIDATORS), (True, OLD), (True, OLD), (True, NEW)]
    assert dataset.feeds["events__v1"].validators == NEW
    assert len(dataset.revisions) == 1


def test_they_say_nothing_of_another_url(source, run):
    run(draft("a", OLD))
    source.url = "https://mirror.example/1"
    run(NotModifiedFile())
    assert source.given[1] == (True, NO_VALIDATORS)


def test_after_a_revision_was_invalidated_it_is_asked_in_full(source, run):
    dataset = run(draft("a", OLD))
    run.engine.store.invalidate_revision(dataset)
    run(draft("a", OLD))
    run(NotModifiedFile())
    assert source.given[1:] == [(False, NO_VALIDATORS), (True, OLD)]


def test_those_of_a_bundle_in_quarantine_are_of_other_bytes_than_the_lakes(source, run):
    run(draft("a", OLD))
    source.answer = DraftFile.from_input("{", "events", data_serialization_format="json", validators=NEW)
    assert run.engine.load().totals.quarantined == 1
    source.answer = NotModifiedFile()
    run.engine.load()
    assert source.given[2] == (True, NO_VALIDATORS)


def test_a_loader_that_keeps_its_file_keeps_the_dataset_of_it(make_lake: Callable[..., Lake]) -> None:
    kept = []

    def load(file_resource: Any, current_file: Any) -> DraftFile:
        kept.append(file_resource)
        return DraftFile.from_input(b"{}", "events", data_serialization_format="json")

    def find(**_: Any) -> Any:
        yield DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", file_loader=load)

    assert make_lake(find).engine.load().totals.new == 1
    gc.collect()
    assert [file.dataset_resource.dataset_resource_id for file in kept] == [{"match_id": 1}]
