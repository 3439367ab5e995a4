"""What can become of a record, and what stands for a field that is not there."""

from __future__ import annotations

import enum

__all__ = ["ABSENT", "Absent", "DifferenceKind"]


class Absent(enum.Enum):
    """In place of the value of a field that a record does not have, which null is not."""

    ABSENT = ""


ABSENT = Absent.ABSENT


class DifferenceKind(enum.StrEnum):
    """What became of a record."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    REKEYED = "rekeyed"
