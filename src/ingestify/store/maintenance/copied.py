"""The outcome of a copy, for each dataset and in total."""

from __future__ import annotations

import dataclasses
import enum
import threading

__all__ = ["Copied", "CopyOutcome", "CopyProgress"]


class CopyOutcome(enum.StrEnum):
    """The outcome for a dataset, or for a bundle in quarantine."""

    NEW = "new"
    UPDATED = "updated"
    CONFLICT = "conflict"
    """The target has another history; it stays as it is."""
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class Copied:
    """The outcome for one dataset or bundle that differed. Those that were the same are only counted.

    Attributes:
        outcome: The outcome.
        what: The dataset or bundle, for people.
        dataset_id: Its id in the source.
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
    """The progress of a copy. Any thread may read it and add objects; one thread counts the rest."""

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
        """How many datasets of the source have an outcome."""
        return self.unchanged + self.new + self.updated + self.conflicts + self.failed

    def add_object(self, size: int) -> None:
        """Count an object of `size` bytes that was copied."""
        with self._lock:
            self.objects += 1
            self.size += size

    def add_dataset(self, copied: Copied) -> None:
        """Count the outcome for a dataset."""
        self.new += copied.outcome is CopyOutcome.NEW
        self.updated += copied.outcome is CopyOutcome.UPDATED
        self.conflicts += copied.outcome is CopyOutcome.CONFLICT
        self.failed += copied.outcome is CopyOutcome.FAILED
