"""What can be wrong with a lake, by name."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from ingestify.domain.file import File

__all__ = ["DAMAGED", "Damage", "DamageKind", "FileRecord"]

DAMAGED = "damaged: "
"""What the description of a revision begins with that is not trusted because an object of it is damaged."""


class DamageKind(enum.StrEnum):
    """One way in which a lake is not what its catalogue says."""

    # ---- of an object
    MISSING = "missing"
    """A row names it, and it is not there."""
    TRUNCATED = "truncated"
    """It is shorter than it was."""
    ALTERED = "altered"
    """Of the same length, or longer, with other bytes: a flipped bit is enough."""
    SWAPPED = "swapped"
    """It holds the bytes of another file of the lake."""
    UNDECODABLE = "undecodable"
    """As long as it was, and its compression cannot be undone."""
    UNREADABLE = "unreadable"
    """The storage does not give it out."""
    ORPHAN = "orphan"
    """No row names it. It takes room, and does no harm."""
    # ---- of rows
    OUTSIDE_BUCKET = "outside its bucket"
    """A row names an object that is not below its bucket's folder."""
    WRONG_SIZE = "wrong size"
    """The bytes are right, and the size in the row is not."""
    DUPLICATE_DATASET = "duplicate dataset"
    """Two datasets have one identity."""
    REVISION_GAP = "gap in revisions"
    """Their numbers do not follow each other from 0."""
    WRONG_HEAD = "wrong head"
    """The revision that a dataset calls current is not its newest one, or not as its row says."""
    LOST_FILE_ROW = "lost file row"
    """A dataset says that a file came, and no revision has it."""
    DANGLING_ROW = "dangling row"
    """It belongs to a dataset, a revision or a quarantine entry that is not there."""
    BROKEN_ROW = "broken row"
    """What stands in it cannot be read."""

    @property
    def is_of_object(self) -> bool:
        """Whether other bytes at its path would mend it."""
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
        dataset_id: Of a file in quarantine, that of the dataset it would change.
        file: What the row says of it; a file in quarantine counts as one of revision 0.
        entry_id: The quarantine entry that it is part of; None: it is part of a revision.
    """

    bucket: str
    title: str
    dataset_id: str
    file: File
    entry_id: str | None = None

    @property
    def key(self) -> tuple[str, int, str, str | None]:
        """What tells it from other rows that name the same object."""
        return self.dataset_id, self.file.revision_id, self.file.file_id, self.entry_id

    @property
    def place(self) -> str:
        """Where it belongs, for people."""
        where = f"revision {self.file.revision_id}" if self.entry_id is None else f"quarantine entry {self.entry_id}"
        return f"{self.title}, {where}, {self.file.file_id}"


@dataclasses.dataclass(frozen=True, slots=True)
class Damage:
    """One damage, and what can be done about it.

    Attributes:
        where: What is damaged, for people.
        what: What is wrong with it.
        remedy: The next thing to do.
        bucket: None: that is not known.
        dataset_id: None: it is no dataset's, or not known; `revision_id`, `file_id`, `path`, `entry_id` likewise.
        record: The row, of a damaged object or a wrong size.
        found: Of a wrong size: the right ones, of the file and in the storage.
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
        """Whether the lake is less than it should be: it is not, for what is too much."""
        return self.kind is not DamageKind.ORPHAN

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same damage found twice."""
        return self.kind, self.dataset_id, self.revision_id, self.file_id, self.path, self.entry_id

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}. {self.remedy}."
