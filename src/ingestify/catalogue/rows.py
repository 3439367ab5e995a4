"""The domain's values as rows and as JSON, and back."""

from __future__ import annotations

import datetime as dt
import functools
import json
import operator
from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from typing import Any

from ingestify.clock import utc_text
from ingestify.domain.announcement import text_of_time
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import (
    ANY_URL,
    LONGEST_CONTENT_TYPE,
    NO_VALIDATORS,
    FeedState,
    FeedStates,
    File,
    NewFile,
    Validators,
)
from ingestify.domain.identifier import Identifier
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.text import is_storable, storable
from ingestify.errors import StoreError

__all__ = [
    "DATASET_STATES",
    "REVISION_STATES",
    "Feeds",
    "dataset_from_snapshot",
    "entry_from_row",
    "feeds_to_text",
    "file_from_row",
    "file_to_row",
    "json_text",
    "json_value",
    "moment_from_text",
    "moment_of",
    "moment_to_text",
    "names_from_text",
    "names_to_text",
    "new_file_from_row",
    "object_columns",
    "revisions_from_text",
    "snapshot_of",
    "to_moment",
]

DATASET_STATES = {state.value: state for state in DatasetState}
REVISION_STATES = {state.value: state for state in RevisionState}
"""Text to state: four times as fast as a call of the enumeration."""

_first = operator.itemgetter(0)
_from_iso = dt.datetime.fromisoformat
_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_escape = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode


def json_text(value: object) -> str:
    """Return compact JSON text that every database keeps; a value that JSON lacks, such as a date, becomes a text."""
    text = _encode(value)
    # JSON may hold half of a surrogate pair, which databases keep only as an escape.
    return text if is_storable(text) else _escape(value)


@functools.lru_cache(maxsize=1024)  # one commit writes the same few moments thousands of times
def moment_to_text(moment: dt.datetime | None) -> str | None:
    """Return `2024-05-01T18:30:00.000000Z`; None stays None."""
    return None if moment is None else utc_text(moment)


def json_value(text: str) -> Any:
    """Return the value that `json_text` wrote."""
    decode, not_decoded = _quick_decoder()
    try:
        return decode(text)
    except not_decoded:  # it has what only Python's JSON has: NaN, Infinity, or half of a surrogate pair
        return _decode(text)


@functools.cache
def _quick_decoder() -> tuple[Callable[[str], Any], type[Exception]]:
    import msgspec  # it takes 4 ms, and a run in which nothing changed needs it not

    return msgspec.json.Decoder().decode, msgspec.DecodeError


def moment_from_text(text: str | None) -> dt.datetime | None:
    """Return the aware moment in UTC that `moment_to_text` wrote."""
    return None if text is None else to_moment(text)


moment_of = _from_iso
"""Returns the moment of a text that few rows share."""


@functools.lru_cache(maxsize=1024)  # rows of one commit have the same moment
def to_moment(text: str) -> dt.datetime:
    """Return the moment of a column that is never NULL."""
    return _from_iso(text)


def feeds_to_text(feeds: Mapping[str, FeedState]) -> str:
    """Return the JSON text of feed states.

    The object maps a file id to [present, modified, ETag, Last-Modified, checked, asked for, announced, settled]. A
    file with a problem has a ninth item: [problem, tag of the content that is left out, who decided]. A file with a
    content id has it as the tenth item; its ninth may be empty.
    """
    if isinstance(feeds, Feeds):
        return feeds.text
    return json_text(
        {
            file_id: [
                int(feed.present),
                moment_to_text(feed.modified_at),
                feed.validators.etag,
                feed.validators.last_modified,
                moment_to_text(feed.checked_at),
                feed.asked_for,
                feed.announced,
                int(feed.settled),
                *_further(feed),
            ]
            for file_id, feed in feeds.items()
        }
    )


def _further(feed: FeedState) -> tuple[object, ...]:
    """Return the last items of a feed state, which many feed states do not have."""
    problem = [feed.problem, feed.left_out_tag, feed.decided_by] if feed.problem else []
    if feed.content_id:
        return problem, feed.content_id
    return (problem,) if problem else ()


def _parse(text: str) -> Any:
    """Return the same as `json_value`, in a third of the time."""
    decode, refused = _decoder()
    try:
        return decode(text)
    except refused:  # half of a surrogate pair, in an ETag
        return json_value(text)


@functools.cache
def _decoder() -> tuple[Callable[[str], Any], type[Exception]]:
    import msgspec  # it takes a while, and not every command needs it

    return msgspec.json.Decoder().decode, msgspec.MsgspecError


_ADOPTED = f',"{ANY_URL}",'


class Feeds(FeedStates):
    """Feed states that are parsed at their first use: a run uses those of few datasets.

    Args:
        text: The result of `feeds_to_text`.
    """

    __slots__ = ("_parsed", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parsed: dict[str, list[Any]] | None = None

    def _rows(self) -> dict[str, list[Any]]:
        parsed = self._parsed
        if parsed is None:
            # Two threads may both parse it, with the same result.
            parsed = self._parsed = _parse(self.text)
        return parsed

    def __getitem__(self, file_id: str) -> FeedState:
        present, modified_at, etag, last_modified, checked_at, asked_for, *said = self._rows()[file_id]
        # Older rows have six parts, without the announced value: there the time is the value.
        announced, settled, *further = said or (
            None if modified_at is None else text_of_time(_from_iso(modified_at)),
            1,
        )
        return FeedState(
            file_id,
            bool(present),
            None if modified_at is None else _from_iso(modified_at),
            NO_VALIDATORS if etag is None and last_modified is None else Validators(etag, last_modified),
            _from_iso(checked_at),
            asked_for,
            announced,
            bool(settled),
            *((further[0] if further else ()) or ("", "", "")),
            *further[1:],
        )

    def settled_as(self, file_id: str) -> tuple[str, str] | None:
        """See `FeedStates`."""
        row = self._rows().get(file_id)
        # See `feeds_to_text`. Older rows have six items.
        if row is None or len(row) < 8 or not (row[0] and row[7]) or row[6] is None:
            return None
        return row[6], (row[9] if len(row) > 9 else "")

    def keys(self) -> KeysView[str]:
        """Return the file ids."""
        return self._rows().keys()  # the mixin's view would call `__iter__` and `__contains__` for each of them

    @property
    def may_have_problems(self) -> bool:
        """Whether a file may have a problem, from the text without parsing it. False is certain."""
        return ',["' in self.text

    @property
    def are_adopted(self) -> bool:
        """Whether a file's state is that of an adopted dataset. Mostly the text shows that none is."""
        return _ADOPTED in self.text and any(feed.is_adopted for feed in self.values())

    def get(self, file_id: str, default: Any = None) -> Any:
        """Return a file's feed state, or `default`."""
        # The mixin's version catches a KeyError, which is slow if many files are new.
        return self[file_id] if file_id in self._rows() else default

    def __contains__(self, file_id: object) -> bool:
        return file_id in self._rows()

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._rows())

    def __repr__(self) -> str:
        return repr(dict(self))


def names_to_text(names: Sequence[str]) -> str | None:
    """Return the JSON text of a list of names; None for an empty list."""
    return json_text(list(names)) if names else None


def names_from_text(text: str | None) -> tuple[str, ...]:
    """Return the names that `names_to_text` wrote."""
    return () if text is None else tuple(json_value(text))


def file_to_row(dataset_id: str, number: int, file: File) -> dict[str, Any]:
    """Return the row of the file that is `number` within its revision."""
    return {
        "dataset_id": dataset_id,
        "revision_id": file.revision_id,
        "file_id": file.file_id,
        "file_number": number,
        **object_columns(file),
        "created_at": moment_to_text(file.created_at),
    }


def object_columns(file: File | NewFile) -> dict[str, Any]:
    """Return the columns that describe a stored object."""
    return {
        "data_feed_key": file.data_feed_key,
        "data_spec_version": file.data_spec_version,
        "data_serialization_format": file.data_serialization_format,
        "size": file.size,
        "tag": file.tag,
        # An older lake in SQLite may have a longer one, which a copy writes to a database with a limit.
        "content_type": None if file.content_type is None else storable(file.content_type, LONGEST_CONTENT_TYPE),
        "storage_size": file.storage_size,
        "storage_compression_method": file.storage_compression_method,
        "storage_path": file.storage_path,
        "modified_at": moment_to_text(file.modified_at),
    }


def file_from_row(row: Sequence[Any]) -> File:
    """Return the file of a row that has the columns of `File`, in its order."""
    feed, version, data_format, size, tag, content_type, stored, compression, path, modified, created, number = row
    return File(
        feed,
        version,
        data_format,
        size,
        tag,
        content_type,
        stored,
        compression,
        path,
        None if modified is None else to_moment(modified),
        to_moment(created),
        number,
    )


def revisions_from_text(revisions: str | None, files: str | None, warnings: str | None = None) -> tuple[Revision, ...]:
    """Return the revisions of one dataset, oldest first.

    Args:
        revisions: A JSON array of [revision, created, state, description, source, removed files]; None: there is none.
        files: A JSON array of [number in the revision, …] and the columns of `File`, in its order; None: there is none.
        warnings: A JSON array of [revision, JSON text of its warnings]; None: there is none.

    Raises:
        StoreError: MariaDB has cut a text.
    """
    try:
        revision_rows, file_rows = json_value(revisions or "[]"), json_value(files or "[]")
        warned = dict(json_value(warnings or "[]"))
    except ValueError as error:
        raise StoreError(
            "The database cut what it knows of a dataset, whose revisions and files take more text than the server's "
            "max_allowed_packet. Set it to more, such as 256M, and try again."
        ) from error
    brought: dict[int, list[File]] = {}
    for _, *row in sorted(file_rows, key=_first):
        brought.setdefault(row[-1], []).append(file_from_row(row))
    return tuple(
        Revision(
            number,
            to_moment(created_at),
            tuple(brought.get(number, ())),
            REVISION_STATES[state],
            description,
            json_value(source),
            names_from_text(removed),
            names_from_text(warned.get(number)),
        )
        for number, created_at, state, description, source, removed in sorted(revision_rows, key=_first)
    )


def new_file_from_row(row: Sequence[Any]) -> NewFile:
    """Return the file of a row that has the columns of `NewFile`, in its order."""
    feed, version, data_format, size, tag, content_type, stored, compression, path, modified = row
    return NewFile(
        feed, version, data_format, size, tag, content_type, stored, compression, path, moment_from_text(modified)
    )


def entry_from_row(row: Any, files: Sequence[NewFile]) -> QuarantineEntry:
    """Return the quarantine entry of a row."""
    return QuarantineEntry(
        entry_id=row["entry_id"],
        bucket=row["bucket"],
        provider=row["provider"],
        dataset_type=row["dataset_type"],
        identifier=Identifier(json_value(row["identifier"])),
        dataset_id=row["dataset_id"],
        name=row["name"],
        state=QuarantineState(row["state"]),
        dataset_state=DATASET_STATES[row["dataset_state"]],
        reasons=tuple(json_value(row["reasons"])),
        files=tuple(files),
        removed_file_ids=names_from_text(row["removed_file_ids"]),
        missing_feeds=names_from_text(row["missing_feeds"]),
        feeds=Feeds(row["feeds"]),
        metadata=json_value(row["metadata"]),
        base_revision_id=row["base_revision_id"],
        source=json_value(row["source"]),
        created_at=to_moment(row["created_at"]),
        checked_at=to_moment(row["checked_at"]),
        retry_requested_at=moment_from_text(row["retry_requested_at"]),
        decided_at=moment_from_text(row["decided_at"]),
        decided_by=row["decided_by"],
        note=row["note"],
    )


# ---- the event log's snapshot of a dataset -------------------------------------------------------------


def snapshot_of(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as JSON values, without its feeds, and with its last revision and those with a current file.

    Other revisions are left out, and so are files that a later revision replaced: with them, the log of a dataset that
    is refreshed during a match would grow with the square of its revisions. `EventLog.read` reads them from the
    dataset's rows as long as the lake has the dataset: earlier revisions do not change, unless they are thinned.
    """
    current = set(dataset.files.values())
    kept = {file.revision_id for file in current} | {revision.revision_id for revision in dataset.revisions[-1:]}
    return {
        "dataset_id": dataset.dataset_id,
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "identifier": dict(dataset.identifier),
        "name": dataset.name,
        "state": dataset.state.value,
        "metadata": dataset.metadata,
        "created_at": moment_to_text(dataset.created_at),
        "updated_at": moment_to_text(dataset.updated_at),
        "last_modified_at": moment_to_text(dataset.last_modified_at),
        **({"missing_feeds": list(dataset.missing_feeds)} if dataset.missing_feeds else {}),
        "revisions": [
            {
                "revision_id": revision.revision_id,
                "created_at": moment_to_text(revision.created_at),
                "state": revision.state.value,
                "description": revision.description,
                "source": revision.source,
                **({"removed": list(revision.removed_file_ids)} if revision.removed_file_ids else {}),
                **({"warnings": list(revision.warnings)} if revision.warnings else {}),
                "files": [_file_snapshot(file) for file in revision.modified_files if file in current],
            }
            for revision in dataset.revisions
            if revision.revision_id in kept
        ],
    }


def _file_snapshot(file: File) -> list[Any]:
    """Return the values of `File` in its order; without names, which would be half of the log's bytes."""
    return [
        file.data_feed_key,
        file.data_spec_version,
        file.data_serialization_format,
        file.size,
        file.tag,
        file.content_type,
        file.storage_size,
        file.storage_compression_method,
        file.storage_path,
        moment_to_text(file.modified_at),
        moment_to_text(file.created_at),
        file.revision_id,
    ]


def dataset_from_snapshot(snapshot: Mapping[str, Any]) -> Dataset:
    """Return the dataset that `snapshot_of` described."""
    return Dataset(
        dataset_id=snapshot["dataset_id"],
        bucket=snapshot["bucket"],
        provider=snapshot["provider"],
        dataset_type=snapshot["dataset_type"],
        identifier=Identifier(snapshot["identifier"]),
        name=snapshot["name"],
        state=DATASET_STATES[snapshot["state"]],
        metadata=snapshot["metadata"],
        created_at=_from_iso(snapshot["created_at"]),
        updated_at=_from_iso(snapshot["updated_at"]),
        last_modified_at=moment_from_text(snapshot["last_modified_at"]),
        revisions=tuple(
            Revision(
                revision_id=revision["revision_id"],
                created_at=_from_iso(revision["created_at"]),
                modified_files=tuple(file_from_row(file) for file in revision["files"]),
                state=REVISION_STATES[revision["state"]],
                description=revision["description"],
                source=revision["source"],
                removed_file_ids=tuple(revision.get("removed", ())),
                warnings=tuple(revision.get("warnings", ())),
            )
            for revision in snapshot["revisions"]
        ),
        missing_feeds=tuple(snapshot.get("missing_feeds", ())),
    )
