"""The payload of a message about an event of the log, and the message itself.

The payload is for readers outside of ingestify: within a version, keys are only added.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias, TypedDict, cast

from ingestify.clock import utc_text
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import (
    DatasetEvent,
    RevisionAccepted,
    RevisionDiscarded,
    RevisionInvalidated,
    RevisionRejected,
    RevisionsThinned,
    RevisionWarned,
    RevisionWithdrawn,
)
from ingestify.domain.file import File
from ingestify.domain.identifier import Scalar
from ingestify.domain.json_value import JsonValue
from ingestify.domain.message import Message
from ingestify.domain.revision import Revision

__all__ = [
    "OWN_KEYS",
    "PAYLOAD_VERSION",
    "DatasetPayload",
    "EventPayload",
    "FilePayload",
    "MessageMaker",
    "RevisionPayload",
    "make_message",
    "make_payload",
]

PAYLOAD_VERSION = 1
"""The version in `type` and `dataschema`. A key that is removed, or means something else, makes a new version."""

Time: TypeAlias = Annotated[str, "date-time"]
"""A time in UTC as RFC 3339, with microseconds: `2026-01-31T12:00:00.000000Z`."""


class FilePayload(TypedDict):
    """A current file of the dataset.

    Attributes:
        file_id: `{data_feed_key}__{data_spec_version}`.
        data_feed_key: The kind of file, such as `events` or `lineups`.
        data_spec_version: The version of its format, such as `v1`.
        data_serialization_format: `json`, `csv`, `jsonl`, `zip`, `mp4`, …
        size: The provider's bytes.
        sha256: Of the provider's bytes, hexadecimal.
        content_type: Its media type; null: the provider does not say.
        storage_path: The object's path below the `file_url` of the lake.
        storage_compression_method: How the object is compressed: `zstd`, `gzip` or `none`.
        storage_size: The bytes of the object.
        modified_at: When the provider changed it; null: it does not say.
        revision_id: The revision that brought it.
    """

    file_id: str
    data_feed_key: str
    data_spec_version: str
    data_serialization_format: str
    size: int
    sha256: str
    content_type: str | None
    storage_path: str
    storage_compression_method: str
    storage_size: int
    modified_at: Time | None
    revision_id: int


class RevisionPayload(TypedDict):
    """The last revision of the dataset.

    Attributes:
        revision_id: Its number: 0, 1, 2, …
        state: `VALID`, `VALIDATION_FAILED` or `CONFIRMED`.
        created_at: When it was committed.
        changed_file_ids: The files that came with it.
        removed_file_ids: The files that the provider does not have any more.
    """

    revision_id: int
    state: str
    created_at: Time
    changed_file_ids: Sequence[str]
    removed_file_ids: Sequence[str]


class _DatasetHead(TypedDict):
    dataset_id: str
    bucket: str
    provider: str
    dataset_type: str
    identifier: Mapping[str, Scalar]
    name: str
    state: str
    created_at: Time
    updated_at: Time
    last_modified_at: Time | None
    missing_feeds: Sequence[str]
    revision: RevisionPayload | None


class DatasetPayload(_DatasetHead, total=False):
    """The dataset right after the event; for a deleted dataset, as it last was.

    Attributes:
        dataset_id: A UUID, which stays the same.
        bucket: The part of the lake that it is in, such as `main`.
        provider: The provider's name.
        dataset_type: What it is, such as `match`.
        identifier: The provider's keys, such as `match_id`, to their values.
        name: Its name, for people.
        state: How much of it the provider has: `SCHEDULED`, `PARTIAL`, `COMPLETE` or `MISSING`.
        created_at: When it came into the lake.
        updated_at: When it last changed.
        last_modified_at: The newest time at which a file changed, by the provider's word; null: it gives none.
        missing_feeds: The feeds that a complete dataset of its type has and that this one lacks.
        revision: The last one; null: it has none.
        files: The current files, if the publisher says `include_files`.
        metadata: What the provider says of the dataset, if the publisher says `include_metadata`.
    """

    files: Sequence[FilePayload]
    metadata: Mapping[str, JsonValue]


class _EventHead(TypedDict):
    event_type: str
    occurred_at: Time
    lake_id: str
    epoch: int
    position: int
    dataset: DatasetPayload


class EventPayload(_EventHead, total=False):
    """What happened in the lake.

    Attributes:
        event_type: What happened, such as `revision_added`.
        occurred_at: When.
        lake_id: The id of the lake.
        epoch: A lake that was restored from a backup begins a new epoch, which uses positions again.
        position: The event's number in the log; `(lake_id, epoch, position)` identifies it for ever.
        dataset: The dataset right after the event.
        reason: Why a revision was invalidated.
        warnings: What checks that do not reject found in the new revision, a sentence each.
        reasons: Why a bundle was rejected, a sentence each.
        entry_id: The entry of the quarantine.
        decided_by: Who accepted or discarded it.
        note: What that person said.
        state: What became of an entry that was withdrawn: `RESOLVED` (the new files are good) or `SUPERSEDED` (they
            failed too).
        revision_ids: The numbers of the revisions that lost their files.
    """

    warnings: Sequence[str]
    reason: str
    reasons: Sequence[str]
    entry_id: str
    decided_by: str
    note: str
    state: str
    revision_ids: Sequence[int]


OWN_KEYS: dict[str, tuple[str, ...]] = {
    RevisionWarned.event_type: ("warnings",),
    RevisionInvalidated.event_type: ("reason",),
    RevisionRejected.event_type: ("reasons", "entry_id"),
    RevisionAccepted.event_type: ("entry_id", "decided_by", "note"),
    RevisionDiscarded.event_type: ("entry_id", "decided_by", "note"),
    RevisionWithdrawn.event_type: ("entry_id", "state"),
    RevisionsThinned.event_type: ("revision_ids",),
}
"""The keys of each type of event beside those of every event."""


def make_payload(event: DatasetEvent, *, include_metadata: bool = True, include_files: bool = True) -> EventPayload:
    """Return the payload of a logged event: JSON values."""
    dataset = _dataset(event.dataset, include_metadata=include_metadata, include_files=include_files)
    return cast("EventPayload", _payload(event, dataset))


def _payload(event: DatasetEvent, dataset: object) -> dict[str, object]:
    assert event.position is not None, "a logged event has a position"
    return {
        "event_type": event.event_type,
        "occurred_at": _shared_text(event.occurred_at),
        "lake_id": event.lake_id,
        "epoch": event.epoch,
        "position": event.position,
        "dataset": dataset,
        **{name: getattr(event, name) for name in OWN_KEYS.get(event.event_type, ())},
    }


def _dataset(dataset: Dataset, *, include_metadata: bool, include_files: bool) -> DatasetPayload:
    last = dataset.revisions[-1] if dataset.revisions else None
    payload: DatasetPayload = {
        "dataset_id": dataset.dataset_id,
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "identifier": dict(dataset.identifier),
        "name": dataset.name,
        "state": dataset.state.value,
        "created_at": utc_text(dataset.created_at),
        "updated_at": utc_text(dataset.updated_at),
        "last_modified_at": None if dataset.last_modified_at is None else utc_text(dataset.last_modified_at),
        "missing_feeds": list(dataset.missing_feeds),
        "revision": None if last is None else _revision(last),
    }
    if include_files:
        # One revision has no file twice, and most datasets have one.
        files = dataset.files.values() if len(dataset.revisions) > 1 or last is None else last.modified_files
        payload["files"] = [_file(file) for file in files]
    if include_metadata:
        payload["metadata"] = dataset.metadata
    return payload


def _revision(revision: Revision) -> RevisionPayload:
    return {
        "revision_id": revision.revision_id,
        "state": revision.state.value,
        "created_at": utc_text(revision.created_at),
        "changed_file_ids": [file.file_id for file in revision.modified_files],
        "removed_file_ids": list(revision.removed_file_ids),
    }


def _file(file: File) -> FilePayload:
    return {
        "file_id": file.file_id,
        "data_feed_key": file.data_feed_key,
        "data_spec_version": file.data_spec_version,
        "data_serialization_format": file.data_serialization_format,
        "size": file.size,
        "sha256": file.tag,
        "content_type": file.content_type,
        "storage_path": file.storage_path,
        "storage_compression_method": file.storage_compression_method,
        "storage_size": file.storage_size,
        "modified_at": None if file.modified_at is None else _shared_text(file.modified_at),
        "revision_id": file.revision_id,
    }


def make_message(event: DatasetEvent, *, include_metadata: bool = True, include_files: bool = True) -> Message:
    """Return the message about a logged event."""
    return MessageMaker(include_metadata=include_metadata, include_files=include_files).make(event)


class MessageMaker:
    """Makes the messages about logged events. Any thread may use it.

    Args:
        include_metadata: With what the provider says of the dataset.
        include_files: With the current files of the dataset.
    """

    def __init__(self, *, include_metadata: bool = True, include_files: bool = True) -> None:
        import msgspec

        self._includes = {"include_metadata": include_metadata, "include_files": include_files}
        self._encode = msgspec.json.Encoder().encode
        self._encoded = msgspec.Raw
        self._shown: tuple[Dataset, Any, dict[str, str]] | None = None
        """The dataset of the last event, as JSON, and its fields. The two events of a new dataset share them."""

    def make(self, event: DatasetEvent) -> Message:
        """Return the message about an event."""
        dataset = event.dataset
        shown = self._shown
        if shown is None or shown[0] is not dataset:
            encoded = self._encoded(self._encode(_dataset(dataset, **self._includes)))
            shown = self._shown = dataset, encoded, _fields(dataset)
        _, encoded, fields = shown
        version = f"v{PAYLOAD_VERSION}"
        return Message(
            id=f"{event.lake_id}/{event.epoch}/{event.position}",
            source=f"urn:ingestify:lake:{event.lake_id}",
            type=f"ingestify.{event.event_type}.{version}",
            time=_shared_text(event.occurred_at),
            key=dataset.dataset_id,
            dataschema=f"urn:ingestify:event:{event.event_type}:{version}",
            extensions={
                "partitionkey": dataset.dataset_id,
                "sequence": f"{event.position:020d}",
                "lakeid": event.lake_id,
                "epoch": event.epoch,
                "provider": dataset.provider,
                "datasettype": dataset.dataset_type,
            },
            fields={**fields, "event_type": event.event_type},
            data=self._encode(_payload(event, encoded)),
        )


def _fields(dataset: Dataset) -> dict[str, str]:
    """Return what a template can name of a dataset. A key of the identifier is no other field's."""
    return {
        **{name: str(value) for name, value in dataset.identifier.items()},
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "dataset_id": dataset.dataset_id,
    }


_shared_text = functools.lru_cache(maxsize=1024)(utc_text)
"""The same, for moments that several events or files have."""
