"""The kinds of damage that a lake can have."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from ingestify.domain.file import File

__all__ = ["DAMAGED", "Damage", "DamageKind", "FileRecord"]

DAMAGED = "damaged: "
"""The beginning of the description of a revision that is invalid because one of its objects is damaged."""


class DamageKind(enum.StrEnum):
    """One kind of difference between a lake and its catalogue."""

    # ---- of an object
    MISSING = "missing"
    """A row names the object, and the object is not there."""
    TRUNCATED = "truncated"
    """The object is shorter than it was."""
    ALTERED = "altered"
    """The object has other bytes, and the same length or more: a flipped bit is enough."""
    SWAPPED = "swapped"
    """The object holds the bytes of another file of the lake."""
    UNDECODABLE = "undecodable"
    """The object has its length, and cannot be decompressed."""
    UNREADABLE = "unreadable"
    """The storage refuses to read the object."""
    ORPHAN = "orphan"
    """No row names the object. It takes space, and does no harm."""
    # ---- of rows
    OUTSIDE_BUCKET = "outside its bucket"
    """A row names an object that is not below its bucket's folder."""
    WRONG_SIZE = "wrong size"
    """The bytes are right, and the size in the row is wrong."""
    DUPLICATE_DATASET = "duplicate dataset"
    """Two datasets have one identity."""
    REVISION_GAP = "gap in revisions"
    """The revisions of a dataset are not numbered from 0 without gaps."""
    WRONG_HEAD = "wrong head"
    """The current revision in a dataset's row is not its newest one, or differs from the revision's row."""
    LOST_FILE_ROW = "lost file row"
    """The dataset's row says that a file arrived, and no revision has it."""
    DANGLING_ROW = "dangling row"
    """The row belongs to a dataset, a revision or a quarantine entry that does not exist."""
    BROKEN_ROW = "broken row"
    """The content of the row cannot be read."""

    @property
    def is_of_object(self) -> bool:
        """Whether writing the right bytes to the object's path would repair it."""
        return self in _OF_OBJECTS


_OF_OBJECTS = frozenset(
    {
        DamageKind.MISSING,
        DamageKind.TRUNCATED,
        DamageKind.ALTERED,
        DamageKind.SWAPPED,
        DamageKind.UNDECODABLE,
        DamageKind.UNREADABLE,
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class FileRecord:
    """A row that names an object.

    Attributes:
        title: The dataset, for people: `provider/dataset_type/identifier`.
        dataset_id: The dataset; for a file in quarantine, the dataset that it would change.
        file: The content of the row; a file in quarantine has revision 0.
        entry_id: The quarantine entry that it is part of; None: it is part of a revision.
    """

    bucket: str
    title: str
    dataset_id: str
    file: File
    entry_id: str | None = None

    @property
    def key(self) -> tuple[str, int, str, str | None]:
        """Differs for each row that names the same object."""
        return self.dataset_id, self.file.revision_id, self.file.file_id, self.entry_id

    @property
    def place(self) -> str:
        """The dataset, revision or entry, and file, for people."""
        where = f"revision {self.file.revision_id}" if self.entry_id is None else f"quarantine entry {self.entry_id}"
        return f"{self.title}, {where}, {self.file.file_id}"


@dataclasses.dataclass(frozen=True, slots=True)
class Damage:
    """One damage, and what can be done about it.

    Attributes:
        where: What is damaged, for people.
        what: What is wrong with it.
        remedy: The next thing to do.
        bucket: None: unknown.
        dataset_id: None: it belongs to no dataset, or that is unknown. The same holds for `revision_id`, `file_id`,
            `path` and `entry_id`.
        record: The row that names a damaged object, or has a wrong size.
        found: For a wrong size: the right sizes, of the file and in the storage.
    """

    kind: DamageKind
    where: str
    what: str
    remedy: str
    bucket: str | None = None
    dataset_id: str | None = None
    revision_id: int | None = None
    file_id: str | None = None
    path: str | None = None
    entry_id: str | None = None
    record: FileRecord | None = None
    found: tuple[int, int] | None = None

    @property
    def is_failure(self) -> bool:
        """Whether it is a failure of the lake. An orphaned object is not."""
        return self.kind is not DamageKind.ORPHAN

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same damage found twice."""
        return self.kind, self.dataset_id, self.revision_id, self.file_id, self.path, self.entry_id

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}. {self.remedy}."
