"""Rows of the published package, and the datasets in its events, as our values.

Both have the same names of fields, so one function reads both. Tags stay as they are: the ETag that a provider sent,
else the sha1 of the bytes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import ItemsView, Mapping, Sequence
from typing import Any

from ingestify.catalogue.rows import json_value
from ingestify.clock import as_utc
from ingestify.domain.change import stored_metadata_text
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.feeds import file_id
from ingestify.domain.file import LONGEST_CONTENT_TYPE, File
from ingestify.domain.identifier import Identifier
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.text import LONGEST_KIND, is_storable, problem_of_name, storable
from ingestify.errors import SourceError

__all__ = ["dataset_of", "dataset_of_event", "file_of", "json_of", "moment_of", "revision_of"]

_FAILED = ("VALIDATION_FAILED", "REJECTED")

Fields = Mapping[str, Any]


def moment_of(value: object, zone: dt.tzinfo) -> dt.datetime | None:
    """Return a time of a column or of JSON text, in UTC.

    Args:
        value: Text in SQLite and in JSON, else a datetime.
        zone: The zone of a time that names none.
    """
    if value is None:
        return None
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return as_utc(moment.replace(tzinfo=zone) if moment.tzinfo is None else moment)


def _required_moment(fields: Fields, name: str, zone: dt.tzinfo) -> dt.datetime:
    moment = moment_of(fields.get(name), zone)
    if moment is None:
        raise ValueError(f"it has no {name}")
    return moment


def json_of(value: object) -> Any:
    """Return a JSON column's value. PostgreSQL's driver has parsed it already."""
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def file_of(fields: Fields, revision_id: int, zone: dt.tzinfo) -> File:
    """Return a file. Each object is compressed with gzip, whatever else the row says."""
    feed, version = fields.get("data_feed_key"), fields.get("data_spec_version")
    if feed is None or version is None:
        feed, _, version = str(fields["file_id"]).rpartition("__")
    if file_id(feed, version) != fields["file_id"]:
        raise ValueError(f"its file {fields['file_id']} is of the feed {feed} {version}")
    content_type = fields.get("content_type")
    return File(
        data_feed_key=feed,
        data_spec_version=version,
        data_serialization_format=fields.get("data_serialization_format") or "bin",
        size=fields.get("size") or 0,
        tag=fields.get("tag") or "",
        content_type=None if content_type is None else storable(content_type, LONGEST_CONTENT_TYPE),
        storage_size=fields.get("storage_size") or 0,
        storage_compression_method="gzip",
        storage_path=fields["storage_path"] or "",
        modified_at=moment_of(fields.get("modified_at"), zone),
        created_at=_required_moment(fields, "created_at", zone),
        revision_id=revision_id,
    )


def revision_of(fields: Fields, files: Sequence[File], zone: dt.tzinfo) -> Revision:
    """Return a revision. A state that is neither failed nor rejected means that it is valid."""
    source = json_of(fields.get("source"))
    return Revision(
        revision_id=fields["revision_id"],
        created_at=_required_moment(fields, "created_at", zone),
        modified_files=tuple(files),
        state=RevisionState.VALIDATION_FAILED if fields.get("state") in _FAILED else RevisionState.VALID,
        description=storable(fields.get("description") or ""),
        source={str(key): str(value) for key, value in _items_of(source) if value is not None},
    )


def _items_of(value: object) -> ItemsView[str, Any]:
    return (value if isinstance(value, dict) else {}).items()


def dataset_of(fields: Fields, revisions: Sequence[Revision], zone: dt.tzinfo, *, in_zone: bool = False) -> Dataset:
    """Return a dataset.

    Args:
        fields: Its row, or its description in an event.
        revisions: Its revisions by number.
        zone: The zone of times that name none.
        in_zone: Whether such times are in a zone that is not UTC. Then `created_at` was moved at each save, and that
            of the first revision says when the dataset came; and `last_modified_at` is computed from the files.

    Raises:
        ValueError: It cannot be a dataset of ours; the message says why.
    """
    for name in ("bucket", "provider", "dataset_type"):
        if problem := problem_of_name(fields.get(name), LONGEST_KIND):
            raise ValueError(f"its {name} {problem}")
    numbers = [revision.revision_id for revision in revisions]
    if numbers != list(range(len(numbers))):
        raise ValueError(f"its revisions have the numbers {', '.join(map(str, numbers))}, so some are lost")
    identifier = json_of(fields["identifier"])
    if not isinstance(identifier, dict):
        raise ValueError(f"its identifier is {identifier!r}")
    files = [file for revision in revisions for file in revision.modified_files]
    try:
        known_by = Identifier(_in_order_of_path(identifier, files))
        known_by.check_length()
    except SourceError as error:
        raise ValueError(str(error).rstrip(".")) from error
    updated_at = _required_moment(fields, "updated_at", zone)
    created_at = _required_moment(fields, "created_at", zone)
    if in_zone and revisions:
        created_at = revisions[0].created_at
    last_modified_at = moment_of(fields.get("last_modified_at"), zone)
    # Before 0.4 there is no such column; after that NULL means that it was invalidated, or never known.
    if "last_modified_at" not in fields or (in_zone and last_modified_at is not None):
        last_modified_at = max((file.modified_at for file in files if file.modified_at is not None), default=None)
    return Dataset(
        dataset_id=fields["dataset_id"],
        bucket=fields["bucket"],
        provider=fields["provider"],
        dataset_type=fields["dataset_type"],
        identifier=known_by,
        name=storable(fields.get("name") or ""),
        state=DatasetState.parse(fields.get("state")),
        metadata=_metadata_of(fields.get("metadata")),
        created_at=created_at,
        updated_at=max(updated_at, created_at),
        last_modified_at=last_modified_at,
        revisions=_with_state_of_current(tuple(revisions)),
    )


def _metadata_of(value: object) -> dict[str, Any]:
    """Return metadata that every database keeps: half a character, which JSON may hold, becomes `�`."""
    metadata = dict(_items_of(json_of(value)))
    text = stored_metadata_text(metadata)
    return metadata if is_storable(text) else json_value(storable(text))


def _with_state_of_current(revisions: tuple[Revision, ...]) -> tuple[Revision, ...]:
    """Mark the last revision as failed if a file of the current set came with a failed one: ours has only one state."""
    newest = {file.file_id: revision for revision in revisions for file in revision.modified_files}
    if not any(revision.state is RevisionState.VALIDATION_FAILED for revision in newest.values()):
        return revisions
    return (*revisions[:-1], dataclasses.replace(revisions[-1], state=RevisionState.VALIDATION_FAILED))


def _in_order_of_path(identifier: dict[str, Any], files: Sequence[File]) -> dict[str, Any]:
    """Return an identifier with its keys in the order of the path, which JSONB has forgotten."""
    if not files:
        return identifier
    path = files[0].storage_path
    places = {key: path.find(f"/{key}=") for key in identifier}
    return {key: identifier[key] for key in sorted(identifier, key=lambda key: (places[key] < 0, places[key]))}


def dataset_of_event(fields: Fields) -> Dataset:
    """Return the dataset of an event of the log, as it was then.

    Raises:
        ValueError: It cannot be a dataset of ours.
    """
    revisions = [
        revision_of(
            one, [file_of(file, one["revision_id"], dt.UTC) for file in one.get("modified_files") or ()], dt.UTC
        )
        for one in fields.get("revisions") or ()
    ]
    return dataset_of(fields, sorted(revisions, key=lambda one: one.revision_id), dt.UTC)
