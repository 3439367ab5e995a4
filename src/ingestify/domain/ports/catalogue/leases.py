"""Who writes to a lake at this moment, and which objects are being removed from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from ingestify.domain.ports.catalogue.jobs import JobLock
from ingestify.domain.run import JobHolder, Lease

__all__ = ["LeasesPort", "ObjectsInDoubt", "RemovalsPort"]


class ObjectsInDoubt(Exception):
    """Objects that a transaction would name may have been removed since they were written; nothing was written.

    Not an IngestifyError: nobody outside the store sees it.

    Attributes:
        as_of: The last removal that had ended then. Of objects that are looked up after this, only a later removal can
            take any.
        paths: The objects.
        being_removed: Those of them that somebody is removing now.
    """

    def __init__(self, as_of: int, paths: Collection[str], being_removed: Collection[str]) -> None:
        super().__init__(f"{len(paths)} objects, as of removal {as_of}")
        self.as_of = as_of
        self.paths = tuple(paths)
        self.being_removed = tuple(being_removed)


class LeasesPort(Protocol):
    """The leases of a lake. Whoever writes objects before the rows that name them has a lease meanwhile."""

    def take(self, lease_id: str, what: str, holder: JobHolder) -> JobLock:
        """Begin a lease. It ends when it is released, and with its process, however that ends.

        Args:
            lease_id: A UUID, as text; of a run its id.
            what: What its holder does, in a word, for people.
        """

    def find(self) -> list[Lease]:
        """Return the leases that are held now."""

    def is_held(self, lease_id: str) -> bool | None:
        """Whether it is held; None: that is not known, as there are no locks here."""


class RemovalsPort(Protocol):
    """The removals of a lake's objects.

    A process that removes objects notes which ones before, and that it is done afterwards. Both exclude commits, so
    that each commit sees whether the objects that it names may be gone. No clock decides about that.
    """

    def get_last(self) -> int:
        """Return the number of the last removal that has ended; 0 if there was none."""

    def begin(self, lease_id: str, paths: Sequence[str], since: dt.datetime | None) -> set[str]:
        """Note that objects are about to be removed, but for those that a row names.

        Args:
            lease_id: Of whoever removes them, who holds it up to `end`.
            since: Those that a row named then or later are left out too; None: only those that a row names now.

        Returns:
            The paths that may be removed.
        """

    def end(self, lease_id: str) -> None:
        """Note that what was begun under a lease is done."""

    def end_dead(self) -> bool:
        """End the removals of those who died. Returns whether there were any."""
