"""What became of what was copied from one lake to another, as data."""

from __future__ import annotations

import dataclasses
import enum
import threading

__all__ = ["Copied", "CopyOutcome", "CopyProgress"]


class CopyOutcome(enum.StrEnum):
    """What became of a dataset, or of a bundle in quarantine."""

    NEW = "new"
    UPDATED = "updated"
    CONFLICT = "conflict"
    """The target has another history; it stays as it is."""
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class Copied:
    """What became of one of them; those that were the same already are only counted.

    Attributes:
        what: Which one, for people.
        dataset_id: In the source.
        reason: Why it failed, or is a conflict; empty otherwise.
        is_quarantined: Whether it is a bundle in quarantine.
    """

    outcome: CopyOutcome
    what: str
    dataset_id: str
    reason: str = ""
    is_quarantined: bool = False


@dataclasses.dataclass(slots=True)
class CopyProgress:
    """How far a copy is. Any thread may read it, and add objects to it; the rest is counted by one."""

    unchanged: int = 0
    new: int = 0
    updated: int = 0
    conflicts: int = 0
    failed: int = 0
    quarantined: int = 0
    objects: int = 0
    size: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def datasets(self) -> int:
        """How many datasets of the source were decided about."""
        return self.unchanged + self.new + self.updated + self.conflicts + self.failed

    def add_object(self, size: int) -> None:
        """An object is copied; it takes `size` bytes."""
        with self._lock:
            self.objects += 1
            self.size += size

    def add_dataset(self, copied: Copied) -> None:
        """A dataset that differed is done with."""
        self.new += copied.outcome is CopyOutcome.NEW
        self.updated += copied.outcome is CopyOutcome.UPDATED
        self.conflicts += copied.outcome is CopyOutcome.CONFLICT
        self.failed += copied.outcome is CopyOutcome.FAILED
