"""A file as users write it. No test runs it: `make types` checks it, so that what users' checkers see stays right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, assert_type

import polars as pl

import ingestify
from ingestify.documents.datasets import DatasetDocument, dataset_document
from ingestify.documents.document import as_json
from ingestify.documents.runs import RunEndLine, run_end_line


def fill(engine: ingestify.IngestionEngine) -> RunEndLine:
    report = engine.load(provider="statsbomb", competition_id=43, season_id=[3, 106])
    assert_type(report, ingestify.RunReport)
    assert_type(engine.load(async_yield_events=True, provider="statsbomb"), Iterator[ingestify.DomainEvent])
    document = run_end_line(report, 0)
    assert_type(document["exit_code"], int)
    return document


def read(engine: ingestify.IngestionEngine) -> None:
    options: ingestify.AutoIngestOptions = {"use_open_data": True, "if_offline": "error"}
    for dataset in engine.iter_datasets(options, "statsbomb", "match", competition_id=43):
        assert_type(dataset, ingestify.Dataset)
        assert_type(dataset.to_polars("events"), pl.DataFrame)
        document = dataset_document(dataset)
        assert_type(document, DatasetDocument)
        assert_type(document["revision_id"], int | None)
        assert as_json(document)
    for some in engine.iter_datasets({"streaming": True}, yield_dataset_collection=True, batch_size=10, match_id=1):
        assert_type(some, ingestify.DatasetCollection)
        assert_type(some[0], ingestify.Dataset)
        assert_type(some[:2], Sequence[ingestify.Dataset])
    engine.iter_datasets({"use_opendata": True})  # type: ignore[call-overload]
    passes = engine.load_dataset_with_kloppy(engine.list_datasets()[0], event_types=["pass"])
    assert passes.filter("pass").to_df() is not None


class Reading(ingestify.Subscriber):
    def on_revision_added(self, event: ingestify.RevisionAdded) -> None:
        with self.store.load_files(event.dataset) as files:
            assert files["events"].json()[0]["type"]["name"]
            assert_type(files["events"].stream.read(10), bytes)


class Mine(ingestify.Source):
    provider = "mine"

    def find_datasets(self, dataset_type: str, *_: Any, **selector: Any) -> list[ingestify.DatasetResource]:
        resource = ingestify.DatasetResource({"match_id": 1}, dataset_type, self.provider, "Match 1")
        url = "https://api.example.com/matches/1"
        resource.add_file(None, "match", url=url, http_options={"auth": ("me", "secret"), "ignore_not_found": True})
        resource.add_file(None, "events", url=url, http_options={"ignore_notfound": True})  # type: ignore[arg-type]
        return [resource]
