"""Adoption: a lake of the published package becomes one of ours.

The rule for damage is that readers never see half a bundle. A dataset is taken with all of its revisions if each of its
current files is whole. A damaged file that a later revision replaced is left out of its old revision, which says so. If
a current file is damaged, the dataset is taken up to its last revision whose set was whole, and that one is marked, so
that the next run fetches the dataset in full. If there is none, the dataset is left out.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import re
from collections.abc import Callable, Mapping, Sequence

from ingestify.domain.adopted import adopted_feeds
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import LOGGED_EVENTS, DatasetCreated, DatasetEvent, RevisionAdded, RevisionInvalidated
from ingestify.domain.file import File
from ingestify.domain.history import DatasetHistory, history_events
from ingestify.domain.revision import Revision, RevisionState

__all__ = [
    "Adopted",
    "NotTaken",
    "NotTakenKind",
    "ObjectFacts",
    "OldLog",
    "PublishedEvent",
    "PublishedIndex",
    "Unreadable",
    "adopt",
    "adopted_event",
    "find_damage",
]

_SHA1 = re.compile(r"[0-9a-f]{40}")
_GZIP_CONTENT = frozenset({"application/gzip", "application/x-gzip"})


class NotTakenKind(enum.StrEnum):
    """Why something was not taken."""

    REPLACED = "replaced"
    """An older row of the same identity: a later row's run wrote its files over those of this one."""
    LEFT_OUT = "left out"
    """A whole dataset."""
    CUT = "cut"
    """A dataset was taken without its last revisions."""
    OLD_FILE = "old file"
    """A file of an old revision that a later one replaced."""
    EVENT = "event"
    """An event of the log."""


@dataclasses.dataclass(frozen=True, slots=True)
class NotTaken:
    """Something that was not taken.

    Attributes:
        kind: What it is.
        what: The dataset or the event, for people.
        dataset_id: The id of the dataset.
        reason: Why.
    """

    kind: NotTakenKind
    what: str
    dataset_id: str
    reason: str

    @property
    def is_failure(self) -> bool:
        """Whether something is lost that the published package still had."""
        return self.kind is not NotTakenKind.REPLACED


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedIndex:
    """Which datasets a lake of the published package has.

    Attributes:
        dataset_ids: Those to take, in the order in which they came.
        replaced: The id of each older row of an identity, to that of its newest.
    """

    dataset_ids: Sequence[str]
    replaced: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Unreadable:
    """A dataset that cannot be one of ours.

    Attributes:
        dataset_id: Its id.
        what: The dataset, for people.
        reason: Why.
    """

    dataset_id: str
    what: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event of the published package's log.

    Attributes:
        position: Its position.
        event_type: Its type.
        dataset_id: The id of its dataset.
        occurred_at: When.
        dataset: The dataset as it was then, with the tags of the published package; None: it cannot be read.
        reason: The reason of an invalidation.
        problem: Why the dataset cannot be read.
    """

    position: int
    event_type: str
    dataset_id: str
    occurred_at: dt.datetime
    dataset: Dataset | None
    reason: str = ""
    problem: str = ""


class OldLog:
    """What the published package's event log has of each dataset, and when it began."""

    def __init__(self) -> None:
        self._begun_at: dt.datetime | None = None
        self._created: set[str] = set()
        self._invalidated: set[str] = set()
        self._revisions: collections.defaultdict[str, set[int]] = collections.defaultdict(set)

    def add(self, event: PublishedEvent) -> None:
        """Note an event of the log, in its order."""
        self._begun_at = self._begun_at or event.occurred_at
        kind = LOGGED_EVENTS.get(event.event_type)
        if kind is RevisionAdded and event.dataset is not None and event.dataset.revisions:
            self._revisions[event.dataset_id].add(event.dataset.revisions[-1].revision_id)
        elif kind is DatasetCreated:
            self._created.add(event.dataset_id)
        elif kind is RevisionInvalidated:
            self._invalidated.add(event.dataset_id)

    def missing(self, dataset: Dataset) -> tuple[list[DatasetEvent], list[DatasetEvent]]:
        """Return the events of a dataset that the log lacks: those from before it began, and the others.

        Each has the time of its revision.
        """
        before: list[DatasetEvent] = []
        behind: list[DatasetEvent] = []
        for event in history_events(DatasetHistory(dataset, None), dataset.updated_at):
            if not self._has(event):
                timed = dataclasses.replace(event, occurred_at=_time_of(event))
                is_older = self._begun_at is None or timed.occurred_at < self._begun_at
                (before if is_older else behind).append(timed)
        return before, behind

    def _has(self, event: DatasetEvent) -> bool:
        dataset = event.dataset
        if isinstance(event, RevisionAdded):
            return dataset.revisions[-1].revision_id in self._revisions.get(dataset.dataset_id, ())
        is_creation = isinstance(event, DatasetCreated)
        return dataset.dataset_id in (self._created if is_creation else self._invalidated)


def _time_of(event: DatasetEvent) -> dt.datetime:
    """Return when it happened: an invalidation is the last that changed its dataset."""
    if isinstance(event, RevisionAdded):
        return event.dataset.revisions[-1].created_at
    return event.dataset.created_at if isinstance(event, DatasetCreated) else event.dataset.updated_at


# ---- objects -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What reading an object to its end found.

    Attributes:
        path: Where it is in our lake.
        size: How many bytes a reader gets.
        sha256: Their hash.
        sha1: Their sha1.
        stored_size: The object's bytes.
        stored_sha1: Their sha1.
        stored_sha256: Their sha256.
        trailer_size: The size that the end of the gzip file says, which is modulo 2^32.
        holds_gzip: Whether a reader gets a gzip file: before 0.11, that of a provider was compressed once more.
    """

    path: str
    size: int
    sha256: str
    sha1: str
    stored_size: int
    stored_sha1: str
    stored_sha256: str
    trailer_size: int
    holds_gzip: bool = False

    def of_what_came(self, file: File) -> File:
        """Return a file with the size and the sha256 of the bytes that the provider sent.

        A provider's gzip file is the object itself, since 0.11. The sha1 shows that; with an ETag, its Content-Type.
        """
        is_as_it_came = (
            file.tag == self.stored_sha1
            if _SHA1.fullmatch(file.tag)
            else (file.content_type or "").partition(";")[0].strip().lower() in _GZIP_CONTENT
        )
        sent = dataclasses.replace(file, storage_size=self.stored_size, storage_path=self.path)
        if is_as_it_came and not self.holds_gzip:
            return dataclasses.replace(
                sent, size=self.stored_size, tag=self.stored_sha256, storage_compression_method="none"
            )
        return dataclasses.replace(sent, size=self.size, tag=self.sha256)


def find_damage(file: File, facts: ObjectFacts) -> str | None:
    """Return what is wrong with an object that can be decompressed; None: it is what was stored.

    A tag of 40 hexadecimal digits is a sha1: of the bytes, or of the object, if the provider sent a gzip file. Without
    one, sizes tell, where the row has them: that of the bytes is modulo 2^32; of a gzip file with several parts, it may
    be that of the last one.
    """
    if _SHA1.fullmatch(file.tag) and file.tag in (facts.sha1, facts.stored_sha1):
        return None
    if file.storage_size and file.storage_size != facts.stored_size:
        return f"its object has {facts.stored_size:,} bytes, and {file.storage_size:,} were stored"
    if _SHA1.fullmatch(file.tag):
        return f"its object holds other bytes: sha1 {facts.sha1[:12]}…, and {file.tag[:12]}… was stored"
    if file.size and file.size not in (facts.size, facts.size % 2**32, facts.trailer_size):
        return f"its object holds {facts.size:,} bytes, and {file.size:,} were stored"
    return None


# ---- datasets ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Adopted:
    """The result for one dataset.

    Attributes:
        dataset: The dataset that our lake gets; None: none.
        not_taken: What of it was not taken.
    """

    dataset: Dataset | None
    not_taken: Sequence[NotTaken]


def adopt(published: Dataset, outcomes: Mapping[str, ObjectFacts | str]) -> Adopted:
    """Return the dataset that our lake gets, by the module's rule for damage.

    Args:
        published: The dataset as the published package has it.
        outcomes: The path of each of its objects, to what is there, or to why it cannot be read.
    """
    damages = _find_damages(published, outcomes)
    count = _count_whole(published.revisions, damages)
    whole, lost = published.revisions[:count], published.revisions[count:]
    not_taken = []
    if lost:
        current = [f"{file_id} of revision {number}: {why}" for (number, file_id), why in damages.items()]
        first = f"{'; '.join(current)}"
        if not whole:
            return Adopted(None, [NotTaken(NotTakenKind.LEFT_OUT, str(published), published.dataset_id, first)])
        reason = f"only up to revision {count - 1}, which the next run fetches in full: {first}"
        not_taken.append(NotTaken(NotTakenKind.CUT, str(published), published.dataset_id, reason))
    revisions = [_adopted_revision(revision, outcomes, damages) for revision in whole]
    if lost:
        revisions[-1] = dataclasses.replace(revisions[-1], state=RevisionState.VALIDATION_FAILED)
    not_taken += [
        NotTaken(NotTakenKind.OLD_FILE, f"{published}: {file_id} of revision {number}", published.dataset_id, why)
        for (number, file_id), why in damages.items()
        if number < count
    ]
    files = dataclasses.replace(published, revisions=whole).files
    etags = {file_id: file.tag for file_id, file in files.items() if file.tag and not _SHA1.fullmatch(file.tag)}
    feeds = adopted_feeds(files.values(), etags, published.updated_at)
    return Adopted(dataclasses.replace(published, revisions=tuple(revisions), feeds=feeds), not_taken)


def _find_damages(published: Dataset, outcomes: Mapping[str, ObjectFacts | str]) -> dict[tuple[int, str], str]:
    damages: dict[tuple[int, str], str] = {}
    for revision in published.revisions:
        for file in revision.modified_files:
            found = outcomes[file.storage_path]
            why = found if isinstance(found, str) else find_damage(file, found)
            if why is not None:
                damages[revision.revision_id, file.file_id] = why
    return damages


def _count_whole(revisions: Sequence[Revision], damages: Mapping[tuple[int, str], str]) -> int:
    """Return how many revisions there are up to the last one whose set of files is whole; 0: there is none."""
    newest: dict[str, int] = {}
    count = 0
    for number, revision in enumerate(revisions):
        newest.update(dict.fromkeys(revision.files, number))
        if not any((brought, file_id) in damages for file_id, brought in newest.items()):
            count = number + 1
    # A first revision without files, before damaged ones, is not a dataset that anybody has seen.
    is_empty = not any(revision.modified_files for revision in revisions[:count])
    return 0 if is_empty and damages else count


def _adopted_revision(
    revision: Revision, outcomes: Mapping[str, ObjectFacts | str], damages: Mapping[tuple[int, str], str]
) -> Revision:
    files, left_out = [], []
    for file in revision.modified_files:
        facts = outcomes[file.storage_path]
        if isinstance(facts, str) or (revision.revision_id, file.file_id) in damages:
            left_out.append(file.file_id)
            continue
        files.append(facts.of_what_came(file))
    description = revision.description
    if left_out:
        description = f"{description} (adopted without {', '.join(left_out)}: damaged)".lstrip()
    return dataclasses.replace(revision, modified_files=tuple(files), description=description)


# ---- events --------------------------------------------------------------------------------------------


def adopted_event(event: PublishedEvent, dataset: Dataset | None, older: int) -> DatasetEvent | None:
    """Return an event of the published package's log as one of ours; None: it cannot be one.

    Args:
        event: The event.
        dataset: Its dataset in our lake, from which the revisions are taken; None: it was not taken. Then the event
            shows the files as the published package logged them, and they cannot be loaded.
        older: How many events stand before the old log now.
    """
    kind, shown = LOGGED_EVENTS.get(event.event_type), event.dataset
    if kind is None or shown is None:
        return None
    if dataset is not None:
        states = {revision.revision_id: revision.state for revision in shown.revisions}
        shown = dataclasses.replace(
            shown,
            identifier=dataset.identifier,
            created_at=dataset.created_at,
            revisions=tuple(
                dataclasses.replace(revision, state=states[revision.revision_id])
                for revision in dataset.revisions
                if revision.revision_id in states
            ),
        )
    make: Callable[..., DatasetEvent] = kind
    extra = {"reason": event.reason} if kind is RevisionInvalidated else {}
    return make(dataset=shown, occurred_at=event.occurred_at, position=event.position + older, **extra)
