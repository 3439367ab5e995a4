"""Writer leases, and removals of objects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from ingestify.domain.ports.catalogue.jobs import JobLock
from ingestify.domain.run import JobHolder, Lease

__all__ = ["LeasesPort", "ObjectsInDoubt", "RemovalsPort"]


class ObjectsInDoubt(Exception):
    """Objects of a transaction may have been removed since they were written; nothing was committed.

    Not an IngestifyError: nobody outside the store sees it.

    Attributes:
        last_removal: The last removal that had ended. Objects that exist after it can only be taken by a later removal.
        paths: The objects.
        being_removed: Those of them that are being removed now.
    """

    def __init__(self, last_removal: int, paths: Collection[str], being_removed: Collection[str]) -> None:
        super().__init__(f"{len(paths)} objects, after removal {last_removal}")
        self.last_removal = last_removal
        self.paths = tuple(paths)
        self.being_removed = tuple(being_removed)


class LeasesPort(Protocol):
    """The writer leases of a lake. A process that writes objects before their rows holds one meanwhile."""

    def take(self, lease_id: str, what: str, holder: JobHolder) -> JobLock:
        """Begin a lease. It ends when it is released, and with its process, however that ends.

        Args:
            lease_id: A UUID, as text; for a run, its id.
            what: What the holder does, in a word, for people.
            holder: The process, for people.
        """

    def find(self) -> list[Lease]:
        """Return the leases that are held now."""

    def is_held(self, lease_id: str) -> bool | None:
        """Whether a lease is held; None: unknown, because there are no locks."""


class RemovalsPort(Protocol):
    """The removals of a lake's objects.

    A process that removes objects saves their paths before, and that it is done afterwards. Both exclude commits, so
    each commit sees whether its objects may be gone. That does not depend on any clock.
    """

    def get_last(self) -> int:
        """Return the number of the last removal that has ended; 0 if there was none."""

    def begin(self, lease_id: str, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Save which objects will be removed.

        Args:
            lease_id: The lease of the process that removes them, held until `end`.
            paths: The objects. Those that a row names must stay.
            since: Objects that a row named then or later must stay too; None: only those that a row names now.

        Returns:
            The paths that may be removed.
        """

    def end(self, lease_id: str) -> None:
        """Save that the removals of a lease are done."""

    def end_dead(self) -> bool:
        """End the removals of dead processes. Returns whether there were any."""
