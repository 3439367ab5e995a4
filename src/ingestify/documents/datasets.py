"""The documents of datasets: `list`, `show`, `diff`, `log`; of what waits in quarantine, and of events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from ingestify.comparison.kind import ABSENT, DifferenceKind
from ingestify.documents.document import filled
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.event_reader import EventReaderState
from ingestify.domain.events import DatasetEvent
from ingestify.domain.json_value import JsonValue
from ingestify.domain.lock import LockStatus
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState, WaitingBundle
from ingestify.domain.revision import RevisionState
from ingestify.remedies import remedy

if TYPE_CHECKING:  # one command has locks, and two compare
    from ingestify.comparison.difference import Difference
    from ingestify.store.reading.dataset_diff import DatasetDiff, RevisionLog
    from ingestify.store.reading.locked import CheckedDataset

__all__ = [
    "CheckedLock",
    "ComparedRevisions",
    "CurrentFile",
    "DatasetDocument",
    "DifferenceDocument",
    "EntryDocument",
    "EventDataset",
    "EventDocument",
    "FailedEventDocument",
    "ListedDataset",
    "LoggedRevisionDocument",
    "QuarantinedFile",
    "ReaderDocument",
    "RevisionDocument",
    "RevisionSentences",
    "ShownDataset",
    "WaitingEntry",
    "checked_lock",
    "compared_revisions",
    "dataset_document",
    "entry_document",
    "event_document",
    "listed_dataset",
    "reader_document",
    "revision_sentences",
    "shown_dataset",
]


class _Identity(TypedDict):
    dataset_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Mapping[str, JsonValue]
    name: str


class CheckedLock(TypedDict):
    """What a lake has of a dataset of a lock.

    Attributes:
        dataset_id: In this lake; null: it does not have the dataset.
        status: `same`, `other revision`, `differs` or `missing`.
        lacking: The file ids whose locked bytes no revision has.
        why: What is not as in the lock; empty if all is.
    """

    provider: str
    dataset_type: str
    identifier: Mapping[str, JsonValue]
    dataset_id: str | None
    status: LockStatus
    lacking: Sequence[str]
    why: str


def checked_lock(checked: CheckedDataset) -> CheckedLock:
    """Return the document of a dataset of a lock."""
    locked, dataset = checked.locked, checked.dataset
    return filled(
        CheckedLock,
        checked,
        provider=locked.provider,
        dataset_type=locked.dataset_type,
        identifier=locked.identifier,
        dataset_id=None if dataset is None else dataset.dataset_id,
    )


class CurrentFile(TypedDict):
    """A current file of a dataset.

    Attributes:
        size: The provider's bytes.
        tag: The sha256 of the provider's bytes, hexadecimal.
        storage_path: The object's path below the lake's `file_url`.
        revision_id: The revision that brought it.
        modified_at: When the provider changed it, by the provider's word.
    """

    file_id: str
    data_serialization_format: str
    size: int
    tag: str
    storage_path: str
    revision_id: int
    modified_at: dt.datetime | None


class DatasetDocument(_Identity):
    """A dataset with its current files.

    Attributes:
        missing_feeds: The feeds that a complete dataset of its type has, and this one lacks.
        left_out_files: File id to the reason why the provider's file is not in the lake.
        broken_files: File id to what is wrong with a file that a person accepted.
        warnings: What checks that do not reject found in the current files, a sentence each.
        created_at: When it came into the lake.
        last_modified_at: When a file last changed, by the provider's word.
        revision_id: The current revision.
    """

    state: DatasetState
    missing_feeds: Sequence[str]
    left_out_files: Mapping[str, str]
    broken_files: Mapping[str, str]
    warnings: Sequence[str]
    metadata: Mapping[str, JsonValue]
    created_at: dt.datetime
    updated_at: dt.datetime
    last_modified_at: dt.datetime | None
    revision_id: int | None
    revision_state: RevisionState | None
    files: Sequence[CurrentFile]


class WaitingEntry(TypedDict):
    """A bundle in quarantine that would replace the dataset.

    Attributes:
        reasons: Why it was rejected, a sentence each.
        command: The command that shows more.
    """

    entry_id: str
    created_at: dt.datetime
    reasons: Sequence[str]
    command: str


class ListedDataset(DatasetDocument):
    """A dataset, and what waits in quarantine to replace it."""

    in_quarantine: Sequence[WaitingEntry]


class RevisionDocument(TypedDict):
    """A revision of a dataset.

    Attributes:
        description: Why it was made or invalidated.
        source: Its origin: the names of the source, the run and the job, the terms of the data, and the `snapshot`: the
            commit that it is of, if the provider has such.
        modified_files: The ids of the files that it brought.
        removed_file_ids: The files that the provider did not have any more.
        warnings: What checks that do not reject found in the files of then, a sentence each.
    """

    revision_id: int
    created_at: dt.datetime
    state: RevisionState
    description: str
    source: Mapping[str, str]
    modified_files: Sequence[str]
    removed_file_ids: Sequence[str]
    warnings: Sequence[str]


class ShownDataset(DatasetDocument):
    """A dataset with its revisions, oldest first, and what waits in quarantine to replace it."""

    revisions: Sequence[RevisionDocument]
    in_quarantine: Sequence[WaitingEntry]


class _WholeDifference(TypedDict):
    feed: str
    kind: DifferenceKind
    key: Sequence[JsonValue]
    position: int | None
    noun: str
    who: str
    minute: str
    field: str


class DifferenceDocument(_WholeDifference, total=False):
    """A difference between two revisions: a field of a record, or a whole record.

    Attributes:
        kind: What became of the record: changed, added, removed, moved, or rekeyed, which is under another key.
        key: The key of the record, in front of it those of the records that it is in; empty: it has none.
        position: The place of the record in its list: in the new list, or in the old one if it was removed. Null: it is
            the content of the file.
        noun: What the record is called; empty: nothing is known.
        who: The person or the team that it is about; empty: none.
        minute: Its minute, such as `45+2`; empty: none.
        field: The dotted way to the field; empty: the whole record.
        old: The old value, or the old place; not there: there was no such field.
        new: The new one, likewise.
    """

    old: JsonValue
    new: JsonValue


class ComparedRevisions(_Identity):
    """What changed between two revisions of a dataset.

    Attributes:
        sentence: What changed, for people: at most three clauses.
        clauses: All of them.
    """

    from_revision: int
    to_revision: int
    sentence: str
    clauses: Sequence[str]
    differences: Sequence[DifferenceDocument]


class LoggedRevisionDocument(TypedDict):
    """A revision, and what changed in it.

    Attributes:
        description: Why it was made or invalidated.
        sentence: What changed since the revision before, for people.
    """

    revision_id: int
    created_at: dt.datetime
    state: RevisionState
    description: str
    sentence: str


class RevisionSentences(_Identity):
    """The revisions of a dataset, oldest first."""

    revisions: Sequence[LoggedRevisionDocument]


class EventDataset(_Identity):
    """The dataset of an event."""

    state: DatasetState
    revision_id: int | None


class _EventHead(TypedDict):
    event_type: str
    occurred_at: dt.datetime
    position: int | None
    lake_id: str
    epoch: int
    schema_version: int


class _EventDetails(TypedDict, total=False):
    warnings: Sequence[str]
    reason: str
    reasons: Sequence[str]
    entry_id: str
    decided_by: str
    note: str
    state: str


class EventDocument(_EventHead, _EventDetails):
    """An event of the log, with the dataset that it is about.

    Attributes:
        position: The number of the event in the log.
        warnings: What checks that do not reject found in the new revision.
        reason: Why a revision was invalidated.
        reasons: Why a bundle was rejected.
        entry_id: The entry of the quarantine.
        decided_by: Who accepted or discarded it; `note` is what that person said.
        state: What became of an entry that was withdrawn.
    """

    dataset: EventDataset


class FailedEventDocument(TypedDict):
    """An event on which a reader failed.

    Attributes:
        failures: How often.
        is_parked: Whether the reader goes on after it.
    """

    position: int
    failures: int
    is_parked: bool
    error: str
    failed_at: dt.datetime


class ReaderDocument(TypedDict):
    """A reader of the event log.

    Attributes:
        position: The last event that it has processed; 0: none.
        behind: How many events it has not read.
    """

    name: str
    position: int
    behind: int
    failed: Sequence[FailedEventDocument]


class QuarantinedFile(TypedDict):
    """A file of an entry of the quarantine; its `storage_path` is empty after the entry was discarded."""

    file_id: str
    size: int
    tag: str
    storage_path: str


class EntryDocument(TypedDict):
    """An entry of the quarantine.

    Attributes:
        dataset_state: The state that the dataset would have.
        reasons: Why it was rejected, a sentence each.
        base_revision_id: The revision that was current then.
        removed_file_ids: The files of the lake that the provider does not have any more.
        source: Its origin: the names of the source, the run and the job.
        checked_at: When the provider last served the same bundle.
        retry_requested_at: When a person asked to fetch it again.
        decided_by: Who accepted or discarded it; empty: nobody.
    """

    entry_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Mapping[str, JsonValue]
    dataset_id: str
    name: str
    state: QuarantineState
    dataset_state: DatasetState
    reasons: Sequence[str]
    base_revision_id: int | None
    removed_file_ids: Sequence[str]
    missing_feeds: Sequence[str]
    source: Mapping[str, str]
    created_at: dt.datetime
    checked_at: dt.datetime
    retry_requested_at: dt.datetime | None
    decided_at: dt.datetime | None
    decided_by: str
    note: str
    files: Sequence[QuarantinedFile]


def dataset_document(dataset: Dataset) -> DatasetDocument:
    """Return a dataset with its current files."""
    return filled(DatasetDocument, dataset, **_current(dataset))


def listed_dataset(dataset: Dataset, waiting: Sequence[WaitingBundle]) -> ListedDataset:
    """Return a dataset with the open entries of the quarantine that would replace it."""
    return filled(ListedDataset, dataset, **_current(dataset), in_quarantine=_waiting_entries(waiting))


def shown_dataset(dataset: Dataset, waiting: Sequence[WaitingBundle]) -> ShownDataset:
    """Return a dataset with its revisions, and the open entries of the quarantine that would replace it."""
    revisions = [
        filled(RevisionDocument, revision, modified_files=[file.file_id for file in revision.modified_files])
        for revision in dataset.revisions
    ]
    more = {"revisions": revisions, "in_quarantine": _waiting_entries(waiting)}
    return filled(ShownDataset, dataset, **_current(dataset), **more)


def compared_revisions(dataset: Dataset, diff: DatasetDiff) -> ComparedRevisions:
    """Return what changed between two revisions of a dataset."""
    more = {name: getattr(diff, name) for name in ("from_revision", "to_revision", "sentence", "clauses")}
    return filled(ComparedRevisions, dataset, **more, differences=[_difference(one) for one in diff])


def _difference(one: Difference) -> DifferenceDocument:
    document = filled(DifferenceDocument, one)
    if one.old is ABSENT:
        del document["old"]
    if one.new is ABSENT:
        del document["new"]
    return document


def revision_sentences(dataset: Dataset, log: RevisionLog) -> RevisionSentences:
    """Return the revisions of a dataset, each with what changed in it."""
    return filled(RevisionSentences, dataset, revisions=[filled(LoggedRevisionDocument, one) for one in log])


def _current(dataset: Dataset) -> dict[str, object]:
    revision = dataset.current_revision
    return {
        "revision_id": None if revision is None else revision.revision_id,
        "revision_state": None if revision is None else revision.state,
        "files": [filled(CurrentFile, file) for file in dataset.files.values()],
    }


def _waiting_entries(waiting: Sequence[WaitingBundle]) -> list[WaitingEntry]:
    return [filled(WaitingEntry, one, command=remedy("quarantine show", one.entry_id).strip("'")) for one in waiting]


def event_document(event: DatasetEvent) -> EventDocument:
    """Return an event of the log with the dataset that it is about."""
    revisions = event.dataset.revisions
    last = revisions[-1].revision_id if revisions else None
    return filled(EventDocument, event, dataset=filled(EventDataset, event.dataset, revision_id=last))


def reader_document(reader: EventReaderState) -> ReaderDocument:
    """Return a reader of the event log, with the events on which it failed."""
    return filled(ReaderDocument, reader, failed=[filled(FailedEventDocument, one) for one in reader.failed])


def entry_document(entry: QuarantineEntry) -> EntryDocument:
    """Return an entry of the quarantine with its files."""
    return filled(EntryDocument, entry, files=[filled(QuarantinedFile, file) for file in entry.files])
