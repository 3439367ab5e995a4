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
    """Remove those of the objects that no row names, under the caller's lease. Returns how many were removed.

    The catalogue notes the removal before and after it. A commit that names one of these objects meanwhile first makes
    sure that the object is there. An object stays if it was written at `unless_written_since` or later, or if a row
    named it at `unless_named_since` or later.
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
    """Remove the objects that lost their last row in a commit after `committed_since`. Returns how many were removed.

    An object stays if another process has written it again since, because it fetches the same dataset anew.
    """
    if not paths:
        return 0
    with lease(catalogue.leases, REMOVING) as lease_id:
        return remove_orphans(catalogue, storage, lease_id, paths, unless_written_since=committed_since)
