"""A lake as it is right after the adoption of one that the published package made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ingestify import IngestionEngine
from ingestify.domain.adopted import adopted_feeds
from ingestify.domain.dataset import Dataset
from ingestify.domain.history import DatasetHistory
from tests.support.lake_in_memory import Lake


def adopt(lake: Lake, change: Callable[[Dataset], Dataset] = lambda dataset: dataset) -> None:
    """Make adopted datasets of those of a lake, as `adopt_datasets` does, and forget the events so far."""
    adopt_datasets(lake.engine, change)
    lake.recorder.events.clear()


def adopt_datasets(engine: IngestionEngine, change: Callable[[Dataset], Dataset] = lambda dataset: dataset) -> None:
    """Make adopted datasets of those of a lake, with the ETags that it has.

    Args:
        engine: The engine of the lake.
        change: What else the published package had otherwise.
    """
    for dataset in list(engine.list_datasets()):
        etags = {one: feed.validators.etag for one, feed in dataset.feeds.items() if feed.validators.etag}
        other = change(dataset)
        feeds = adopted_feeds(list(other.files.values()), etags, dataset.updated_at)
        revisions = [dataclasses.replace(one, source={"source_type": "TASK"}) for one in other.revisions]
        there = dataclasses.replace(other, feeds=feeds, revisions=tuple(revisions))
        (events,) = engine.store.catalogue.history_import.write([DatasetHistory(there, dataset)])
        assert events is not None


def with_files(dataset: Dataset, **attributes: Callable[[Any], Any]) -> Dataset:
    """Return a dataset with changed attributes of its files."""
    revisions = []
    for revision in dataset.revisions:
        files = [
            dataclasses.replace(file, **{name: of(file) for name, of in attributes.items()})
            for file in revision.modified_files
        ]
        revisions.append(dataclasses.replace(revision, modified_files=tuple(files)))
    return dataclasses.replace(dataset, revisions=tuple(revisions))
