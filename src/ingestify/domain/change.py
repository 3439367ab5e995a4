"""A change to one dataset, worked out before it is committed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import (
    DatasetCreated,
    DatasetEvent,
    MetadataUpdated,
    RevisionAccepted,
    RevisionAdded,
    RevisionDiscarded,
    RevisionRejected,
    RevisionWarned,
    RevisionWithdrawn,
)
from ingestify.domain.file import FeedState, NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.profile import FileProfile
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.text import LONGEST_NAME, depth_of_json, is_storable, storable
from ingestify.errors import SourceError

__all__ = [
    "AppliedChange",
    "DatasetChange",
    "Settlement",
    "apply_change",
    "metadata_text",
    "settled_event",
    "stored_metadata_text",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Settlement:
    """What a change does to an open quarantine entry.

    Attributes:
        seen: The state of the entry when the change was computed. If the entry has another state at the commit, the
            change is refused.
        state: RESOLVED by a bundle that passed, SUPERSEDED by one that did not, or ACCEPTED by a person.
        decided_by: Who accepted it; empty: nobody.
        note: What that person said.
    """

    entry_id: str
    seen: QuarantineState = QuarantineState.OPEN
    state: QuarantineState = QuarantineState.RESOLVED
    decided_by: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "decided_by", storable(self.decided_by, LONGEST_NAME))
        object.__setattr__(self, "note", storable(self.note))


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetChange:
    """A change to one dataset, which one transaction commits.

    Attributes:
        identifier: Its identity. That of an adopted dataset may lack keys of `existing`'s selector, which it gets so.
        existing: The dataset when the change was computed; None if it is new. If it has got a revision, another
            description or a mark since then, the change is refused and computed again.
        files: The files with new bytes, for one new revision; none: no revision.
        feeds: The result of the last check of each file.
        source: Where it came from, kept with the revision.
        missing_feeds: The required feeds that the dataset will lack.
        removed_file_ids: Files that this revision removes from the current set: the provider has them no more.
        forgotten_file_ids: Removed files that the source announces no more. If it announces one again, that is new.
        dataset_id: The id of a new dataset; None: any.
        rejected: Why the bundle failed its checks. Then it goes into quarantine, and the dataset stays as it is.
        warnings: What checks found that do not reject; kept with the new revision.
        profiles: The profiles of the new files that a check has made; kept with the new revision.
        peers: Which datasets these are compared with; see `domain.profile`.
        settlement: The quarantine entry that the change settles.
        removals_seen: The number of the last removal of objects that ended before these files were written.
        revalidates: Whether the current revision was VALIDATION_FAILED, and the provider served the same bytes.
    """

    bucket: str
    provider: str
    dataset_type: str
    identifier: Identifier
    name: str
    state: DatasetState
    metadata: Mapping[str, Any]
    existing: Dataset | None
    files: Sequence[NewFile] = ()
    feeds: Sequence[FeedState] = ()
    description: str = ""
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing_feeds: tuple[str, ...] = ()
    removed_file_ids: tuple[str, ...] = ()
    forgotten_file_ids: tuple[str, ...] = ()
    dataset_id: str | None = None
    rejected: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    profiles: tuple[FileProfile, ...] = ()
    peers: str = ""
    settlement: Settlement | None = None
    removals_seen: int = 0
    revalidates: bool = False
    stored_metadata: str = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_storable(self.description):
            object.__setattr__(self, "description", storable(self.description))
        is_kept = self.existing is not None and self.metadata is self.existing.metadata
        text = stored_metadata_text(self.metadata) if is_kept else metadata_text(self.metadata)
        object.__setattr__(self, "stored_metadata", text)

    @property
    def expected_revision_count(self) -> int:
        """How many revisions the dataset must still have for the change to hold."""
        return 0 if self.existing is None else len(self.existing.revisions)

    @property
    def is_news(self) -> bool:
        """Whether the change changes anything."""
        existing = self.existing
        if existing is None or self.files or self.removed_file_ids or self.rejected or self.settlement is not None:
            return True
        if self.revalidates or self.identifier != existing.identifier:
            return True
        if _description_differs(existing, self):
            return True
        # The result of the check is stored, so that the next run does not download the same bytes again.
        return any(feed.is_news_after(existing.feeds.get(feed.file_id)) for feed in self.feeds)


@dataclasses.dataclass(frozen=True, slots=True)
class AppliedChange:
    """A change and what it made true.

    Attributes:
        dataset: The dataset after the change. After a rejection: the unchanged dataset; if the lake has none, the
            dataset that it would be, without revisions.
        revision: The revision it added, or None.
        events: The domain events, in order.
        entry: The quarantine entry it made, or None.
    """

    dataset: Dataset
    revision: Revision | None
    events: tuple[DatasetEvent, ...]
    entry: QuarantineEntry | None = None


_PLACE_IN_MEMORY = re.compile(r" at 0x[0-9a-fA-F]+")


def _as_text(value: object) -> str:
    """Return a value that JSON cannot hold, such as a date, as text. A text that differs in each process is refused."""
    text = str(value)
    if isinstance(value, (set, frozenset)) or _PLACE_IN_MEMORY.search(text):
        raise TypeError(f"a {type(value).__name__} has another text in each run")
    return text


# Made once: json.dumps makes an encoder for each call that has options, which takes longer than the encoding.
_FORM: dict[str, Any] = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":"), "default": _as_text}
_encode_metadata = json.JSONEncoder(**_FORM, allow_nan=False).encode
_encode_stored_metadata = json.JSONEncoder(**_FORM).encode

DEEPEST_METADATA = 100
"""The deepest nesting of metadata, so that readers in any language can parse it."""


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return the JSON text by which metadata is stored and compared; key order does not matter.

    Raises:
        SourceError: It is not JSON, or a database could not store it, or a reader could not parse it.
    """
    try:
        text = _encode_metadata(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise SourceError(f"the metadata is not JSON: {error}; its keys must be texts, its numbers finite") from error
    if not is_storable(text):
        raise SourceError("the metadata holds half of a character, which no database keeps")
    if (
        text.count("[") + text.count("{") > DEEPEST_METADATA  # cheap, and false for nearly all
        and depth_of_json(text) > DEEPEST_METADATA
    ):
        raise SourceError(f"the metadata is nested more than {DEEPEST_METADATA} levels deep")
    return text


def stored_metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return the JSON text of metadata that a lake has already; older versions checked it less strictly."""
    return _encode_stored_metadata(metadata)


def apply_change(change: DatasetChange, moment: dt.datetime) -> AppliedChange:
    """Return the result of a change that is committed at `moment`. Nothing is written."""
    if change.rejected:
        return _apply_rejection(change, moment)
    existing = change.existing
    revisions = () if existing is None else existing.revisions
    revision = None
    if change.files or change.removed_file_ids:
        revision = _revision(change, len(revisions), moment)
        revisions = (*revisions, revision)
    elif change.revalidates:
        revisions = (*revisions[:-1], dataclasses.replace(revisions[-1], state=RevisionState.CONFIRMED))
    feeds = {**({} if existing is None else existing.feeds), **{feed.file_id: feed for feed in change.feeds}}
    feeds = {file_id: feed for file_id, feed in feeds.items() if file_id not in change.forgotten_file_ids}
    is_described = existing is None or revision is not None or _description_differs(existing, change)
    differs = existing is None or is_described or change.identifier != existing.identifier
    times = [feed.modified_at for feed in feeds.values() if feed.present and feed.modified_at is not None]
    dataset = _described(
        change,
        moment,
        updated_at=moment if existing is None or differs else existing.updated_at,
        last_modified_at=max(times, default=None if existing is None else existing.last_modified_at),
        revisions=revisions,
        feeds=feeds,
    )
    events = _settled(change, dataset, moment)
    if existing is None:
        events.append(DatasetCreated(dataset=dataset, occurred_at=moment))
    if revision is not None:
        events.append(RevisionAdded(dataset=dataset, occurred_at=moment))
        if change.warnings:
            events.append(RevisionWarned(dataset=dataset, occurred_at=moment, warnings=change.warnings))
    elif existing is not None and is_described:
        events.append(MetadataUpdated(dataset=dataset, occurred_at=moment))
    return AppliedChange(dataset, revision, tuple(events))


def _described(change: DatasetChange, moment: dt.datetime, **known: Any) -> Dataset:
    """Return the dataset as the change describes it. `known`: its times, revisions and feeds."""
    existing = change.existing
    dataset_id = change.dataset_id or str(uuid.uuid4())
    return Dataset(
        dataset_id=dataset_id if existing is None else existing.dataset_id,
        bucket=change.bucket,
        provider=change.provider,
        dataset_type=change.dataset_type,
        # As it is spelled, unless the change completes it.
        identifier=existing.identifier if existing and existing.identifier == change.identifier else change.identifier,
        name=change.name,
        state=DatasetState.SCHEDULED if change.rejected else change.state,
        metadata=json.loads(change.stored_metadata),
        created_at=moment if existing is None else existing.created_at,
        missing_feeds=change.missing_feeds,
        **known,
    )


def _revision(change: DatasetChange, number: int, moment: dt.datetime) -> Revision:
    # If files only leave, nothing was checked anew.
    before = () if change.files or change.existing is None else change.existing.warnings
    return Revision(
        revision_id=number,
        created_at=moment,
        modified_files=tuple(new.in_revision(number, moment) for new in change.files),
        description=change.description,
        source=dict(change.source),
        removed_file_ids=change.removed_file_ids,
        warnings=change.warnings or before,
    )


def _apply_rejection(change: DatasetChange, moment: dt.datetime) -> AppliedChange:
    """The dataset stays as it is; the bundle goes into quarantine."""
    dataset = change.existing
    if dataset is None:
        dataset = _described(change, moment, updated_at=moment, last_modified_at=None)
    entry = QuarantineEntry(
        entry_id=str(uuid.uuid4()),
        bucket=change.bucket,
        provider=change.provider,
        dataset_type=change.dataset_type,
        identifier=dataset.identifier,
        dataset_id=dataset.dataset_id,
        name=change.name,
        state=QuarantineState.OPEN,
        dataset_state=change.state,
        reasons=change.rejected,
        files=tuple(change.files),
        removed_file_ids=change.removed_file_ids,
        missing_feeds=change.missing_feeds,
        feeds={feed.file_id: feed for feed in change.feeds},
        metadata=json.loads(change.stored_metadata),
        base_revision_id=change.expected_revision_count - 1 if change.expected_revision_count else None,
        source=dict(change.source),
        created_at=moment,
        checked_at=moment,
    )
    event = RevisionRejected(dataset=dataset, occurred_at=moment, reasons=change.rejected, entry_id=entry.entry_id)
    return AppliedChange(dataset, None, (*_settled(change, dataset, moment), event), entry)


def _settled(change: DatasetChange, dataset: Dataset, moment: dt.datetime) -> list[DatasetEvent]:
    """Return the event of the entry that the change settles. A discarded entry had its event before."""
    one = change.settlement
    if one is None or one.seen is not QuarantineState.OPEN:
        return []
    return [settled_event(dataset, one.entry_id, one.state, one.decided_by, one.note, moment)]


def settled_event(
    dataset: Dataset, entry_id: str, state: QuarantineState, decided_by: str, note: str, moment: dt.datetime
) -> DatasetEvent:
    """Return the event of a quarantine entry that is not OPEN any more."""
    decision: dict[str, Any] = {"entry_id": entry_id, "decided_by": decided_by, "note": note, "occurred_at": moment}
    if state is QuarantineState.ACCEPTED:
        return RevisionAccepted(dataset=dataset, **decision)
    if state is QuarantineState.DISCARDED:
        return RevisionDiscarded(dataset=dataset, **decision)
    return RevisionWithdrawn(dataset=dataset, entry_id=entry_id, state=state.value, occurred_at=moment)


def _description_differs(before: Dataset, change: DatasetChange) -> bool:
    return (before.name, before.state, before.missing_feeds, stored_metadata_text(before.metadata)) != (
        change.name,
        change.state,
        change.missing_feeds,
        change.stored_metadata,
    )
