"""Removal of orphaned objects: objects that no row of the catalogue names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ingestify.domain.ports import Catalogue, Storage
from ingestify.failpoints import failpoint
from ingestify.store.leases import REMOVING, lease

__all__ = ["remove_orphans", "remove_orphans_of_commit"]


def remove_orphans(
    catalogue: Catalogue,
    storage: Storage,
    lease_id: str,
    paths: Sequence[str],
    *,
    unless_written_since: dt.datetime,
    unless_named_since: dt.datetime | None = None,
) -> int:
    """Remove objects that no row names. A commit that names one of them meanwhile first looks whether it is there.

    Args:
        catalogue: Notes the removal before and after it.
        storage: Where the objects are.
        lease_id: The lease of the caller.
        paths: The objects. Those that a row names stay.
        unless_written_since: Objects that were written then or later stay.
        unless_named_since: Objects that a row named then or later stay; None: only those that a row names now.

    Returns:
        How many objects were removed.
    """
    orphans = catalogue.removals.begin(lease_id, paths, unless_named_since)
    if not orphans:
        return 0
    failpoint("removal.noted")
    try:
        return storage.delete(sorted(orphans), unless_written_since=unless_written_since)
    finally:
        catalogue.removals.end(lease_id)


def remove_orphans_of_commit(
    catalogue: Catalogue, storage: Storage, paths: Sequence[str], committed_since: dt.datetime
) -> int:
    """Remove the objects that lost their last row in a commit.

    An object stays if another process has written it again since, because it fetches the same dataset anew.

    Args:
        catalogue: Gives the lease, and notes the removal.
        storage: Where the objects are.
        paths: The objects.
        committed_since: A time before the commit.

    Returns:
        How many objects were removed.
    """
    if not paths:
        return 0
    with lease(catalogue.leases, REMOVING) as lease_id:
        return remove_orphans(catalogue, storage, lease_id, paths, unless_written_since=committed_since)
