"""The JSON documents that commands write with --json. Their keys are part of the contract with users."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingestify.remedies import remedy

if TYPE_CHECKING:
    from ingestify.domain.damage import Damage
    from ingestify.domain.dataset import Dataset
    from ingestify.domain.events import DatasetEvent
    from ingestify.domain.quarantine import QuarantineEntry, WaitingBundle
    from ingestify.domain.run import JobSummary, TaskSummary

__all__ = [
    "Document",
    "attributes",
    "damage_document",
    "dataset_document",
    "dataset_with_quarantine",
    "entry_document",
    "event_document",
    "job_document",
    "revision_documents",
    "task_document",
]

Document = dict[str, Any]
"""What becomes one JSON object; `output.json_text` says how its values are written."""

_IDENTITY = "dataset_id bucket provider dataset_type identifier name"


def attributes(value: object, names: str) -> Document:
    """Return attributes of a value by their names, which are separated by blanks."""
    return {name: getattr(value, name) for name in names.split()}


def dataset_document(dataset: Dataset) -> Document:
    """Return a dataset with its current files."""
    revision = dataset.current_revision
    file_names = "file_id data_serialization_format size tag storage_path revision_id modified_at"
    return {
        **attributes(dataset, _IDENTITY),
        **attributes(dataset, "state missing_feeds left_out_files broken_files metadata"),
        **attributes(dataset, "created_at updated_at last_modified_at"),
        "revision_id": None if revision is None else revision.revision_id,
        "revision_state": None if revision is None else revision.state,
        "files": [attributes(file, file_names) for file in dataset.files.values()],
    }


def dataset_with_quarantine(dataset: Dataset, waiting: Sequence[WaitingBundle], **more: Any) -> Document:
    """Return a dataset with `more`, and with what waits in quarantine to replace it."""
    bundles = [
        attributes(one, "entry_id created_at reasons") | {"command": remedy("quarantine show", one.entry_id).strip("'")}
        for one in waiting
    ]
    return {**dataset_document(dataset), **more, "in_quarantine": bundles}


def revision_documents(dataset: Dataset) -> list[Document]:
    """Return the revisions of a dataset, oldest first."""
    return [
        {
            **attributes(revision, "revision_id created_at state description source"),
            "modified_files": [file.file_id for file in revision.modified_files],
            "removed_file_ids": revision.removed_file_ids,
        }
        for revision in dataset.revisions
    ]


def event_document(event: DatasetEvent) -> Document:
    """Return an event of the log with the dataset that it is about."""
    dataset = event.dataset
    return {
        "event_type": event.event_type,
        **{field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "dataset"},
        "dataset": {
            **attributes(dataset, f"{_IDENTITY} state"),
            "revision_id": dataset.revisions[-1].revision_id if dataset.revisions else None,
        },
    }


def entry_document(entry: QuarantineEntry) -> Document:
    """Return an entry of the quarantine with its files."""
    return {
        **attributes(entry, "entry_id bucket provider dataset_type identifier dataset_id name state dataset_state"),
        **attributes(entry, "reasons base_revision_id removed_file_ids missing_feeds source created_at checked_at"),
        **attributes(entry, "retry_requested_at decided_at decided_by note"),
        "files": [attributes(file, "file_id size tag storage_path") for file in entry.files],
    }


def task_document(task: TaskSummary) -> Document:
    """Return what became of one dataset in a run."""
    return {
        **attributes(task, "outcome identifier name dataset_id revision_id"),
        "seconds": round((task.ended_at - task.started_at) / dt.timedelta(seconds=1), 3),
        "error": task.error or None,
    }


def job_document(job: JobSummary) -> Document:
    """Return a job without its tasks."""
    return {
        **attributes(job, "job_id run_id source provider dataset_type selector selector_name state"),
        **attributes(job, "started_at ended_at"),
        **job.counters.as_dict(),
        "timings": job.timings,
        "error": job.error or None,
        **attributes(job, "runs first_started_at"),
    }


def damage_document(damage: Damage) -> Document:
    """Return a damage, and what can be done about it."""
    return attributes(damage, "kind where what remedy is_failure bucket dataset_id revision_id file_id path entry_id")
