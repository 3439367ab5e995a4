"""Changes, jobs and filters to give to a catalogue."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import DatasetEvent
from ingestify.domain.file import FeedState, NewFile, Validators
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.domain.run import Counters, JobSummary, ProcessIdentity, RunState, TaskOutcome, TaskSummary

T0 = dt.datetime(2024, 5, 1, 18, 30, 0, 123456, tzinfo=dt.UTC)
PROCESS = ProcessIdentity("host", 42, "then")


def minutes(number: float) -> dt.datetime:
    """A provider's time, that many minutes after T0."""
    return T0 + dt.timedelta(minutes=number)


def new_file(feed: str = "events", content: str = "a", **attributes: Any) -> NewFile:
    """A file whose tag and path follow from its content."""
    tag = hashlib.sha256(content.encode()).hexdigest()
    values: dict[str, Any] = {
        "data_feed_key": feed,
        "data_spec_version": "v1",
        "data_serialization_format": "json",
        "size": 100,
        "tag": tag,
        "content_type": "application/json",
        "storage_size": 10,
        "storage_compression_method": "zstd",
        "storage_path": f"main/{feed}-{tag[:16]}.json.zst",
        "modified_at": T0,
    }
    return NewFile(**{**values, **attributes})


def feed_state(feed: str = "events", **attributes: Any) -> FeedState:
    values: dict[str, Any] = {
        "file_id": f"{feed}__v1",
        "present": True,
        "modified_at": T0,
        "validators": Validators('W/"x"', "Wed, 01 May 2024 18:30:00 GMT"),
        "checked_at": minutes(1),
    }
    return FeedState(**{**values, **attributes})


def change(match_id: object = 1, existing: Dataset | None = None, **attributes: Any) -> DatasetChange:
    """A change to the match with that id; new, or to an existing dataset."""
    values: dict[str, Any] = {
        "bucket": "main",
        "provider": "fake",
        "dataset_type": "match",
        "identifier": Identifier({"competition_id": 11, "match_id": match_id}) if existing is None else None,
        "name": f"match {match_id}",
        "state": DatasetState.COMPLETE,
        "metadata": {"home": "Ajax", "score": [1, 2.5, None], "é": {"deep": True}},
        "existing": existing,
        "source": {"source": "mine", "job": "j"},
    }
    if existing is not None:
        for name in ("bucket", "provider", "dataset_type", "identifier", "name", "state", "metadata"):
            values[name] = getattr(existing, name)
    return DatasetChange(**{**values, **attributes})


def with_file(match_id: object = 1, **attributes: Any) -> DatasetChange:
    """A new match with one file of its own."""
    return change(match_id, files=[new_file(content=f"{match_id}")], feeds=[feed_state()], **attributes)


def apply_one(catalogue: Catalogue, one: DatasetChange) -> AppliedChange:
    (applied,) = catalogue.changes.apply([one])
    return applied


def everything(**attributes: Any) -> DatasetFilter:
    return DatasetFilter(**{"bucket": "main", **attributes})


def read_all(catalogue: Catalogue, dataset_filter: DatasetFilter | None = None, batch_size: int = 100) -> list[Dataset]:
    return [d for batch in catalogue.datasets.iter_batches(dataset_filter or everything(), batch_size) for d in batch]


def found_ids(catalogue: Catalogue, **selector: object) -> list[object]:
    """The match ids that a filter finds."""
    return [d.identifier["match_id"] for d in read_all(catalogue, everything(selector=selector))]


def without_feeds(dataset: Dataset) -> Dataset:
    return dataclasses.replace(dataset, feeds={})


def check_each_is_found(catalogue: Catalogue, identifiers: Sequence[Identifier]) -> None:
    """Put these identifiers into a catalogue that is empty, and look for each in every way there is."""
    catalogue.changes.apply([change(identifier=identifier) for identifier in identifiers])
    assert set(catalogue.datasets.find_known("main", "fake", "match", identifiers)) == set(identifiers)
    for identifier in identifiers:
        found = catalogue.datasets.find("main", "fake", "match", identifier)
        assert found is not None
        assert found.identifier.to_json() == identifier.to_json()
        as_model = [
            other
            for other in identifiers
            if all(k in other and Identifier({k: other[k]}) == Identifier({k: v}) for k, v in identifier.items())
        ]
        assert [d.identifier for d in read_all(catalogue, everything(selector=dict(identifier)))] == as_model


def job(job_id: str = "j1", **attributes: Any) -> JobSummary:
    values: dict[str, Any] = {
        "job_id": job_id,
        "run_id": "r1",
        "source": "mine",
        "provider": "fake",
        "dataset_type": "match",
        "data_spec_versions": {"events": ["v8", "v9"]},
        "selector": {"competition_id": 11},
        "selector_name": "Eredivisie",
        "state": RunState.RUNNING,
        "process": PROCESS,
        "started_at": T0,
        "updated_at": minutes(1),
        "counters": Counters(discovered=3, received_bytes=2**40),
        "timings": {"discovery": 0.25},
    }
    return JobSummary(**{**values, **attributes})


def task(number: int, **attributes: Any) -> TaskSummary:
    values: dict[str, Any] = {
        "identifier": f"match_id={number}",
        "outcome": TaskOutcome.NEW,
        "state": RunState.FINISHED,
        "started_at": T0,
        "ended_at": minutes(number),
    }
    return TaskSummary(**{**values, **attributes})


def without_feeds_in(event: DatasetEvent) -> DatasetEvent:
    """As the log shows it: of the files, the current ones."""
    current = {
        (file.data_feed_key, revision.revision_id)
        for revision in event.dataset.revisions[-1:]
        for file in revision.modified_files
    }
    revisions = tuple(
        dataclasses.replace(
            revision,
            modified_files=tuple(
                file for file in revision.modified_files if (file.data_feed_key, revision.revision_id) in current
            ),
        )
        for revision in event.dataset.revisions
    )
    return dataclasses.replace(event, dataset=dataclasses.replace(event.dataset, feeds={}, revisions=revisions))
