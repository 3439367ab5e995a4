"""What is in the storage and nothing names: left by crashes, by lost races, and by deletions.

An ingest writes an object and then the row that names it, so for a moment each new object is without a row; and who
opened a dataset goes on reading its objects when it is deleted. So only what was written, and has lost its last row,
longer ago than a safety age is removed. An ingest that needs an object always writes it, also where it exists: its time
is new then, and the storage leaves alone what was written since.

Clocks only say what is worth keeping. That no row loses its object holds without them: a removal is noted before and
after, and a commit sees that (`catalogue.removals`, `store.presence`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence

from ingestify.clock import now
from ingestify.domain.ports import Catalogue, Leftovers, Storage, StoredObject
from ingestify.domain.retention import Forgotten, Retention
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.leases import REMOVING, lease
from ingestify.store.objects.layout import is_object_path
from ingestify.store.removal import remove_orphans

__all__ = ["SAFETY_AGE", "Garbage", "collect_garbage", "iter_orphans"]

logger = PrintableLogger(__name__)

SAFETY_AGE = dt.timedelta(hours=24)
"""Longer than any ingest takes from writing an object to naming it, and than most readers keep a dataset open."""

SAFE_BESIDE_A_RUN = dt.timedelta(hours=1)
"""What a run has just written is younger, so that it need not be written again."""

_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Garbage:
    """What was removed, or would be.

    Attributes:
        objects: How many objects that nothing names; `object_bytes`: what they take in the storage.
        leftovers: What was on its way into the lake and never arrived.
        forgotten: The history that was older than the lake's retention.
        is_removed: Whether it is gone; False: it was only looked at.
    """

    objects: int
    object_bytes: int
    leftovers: Leftovers
    forgotten: Forgotten
    is_removed: bool

    @property
    def total_count(self) -> int:
        """How many of both."""
        return self.objects + self.leftovers.count

    @property
    def total_bytes(self) -> int:
        """What all of it takes in the storage."""
        return self.object_bytes + self.leftovers.size


def iter_orphans(
    catalogue: Catalogue, storage: Storage, written_before: dt.datetime, prefix: str = ""
) -> Iterator[list[StoredObject]]:
    """Yield objects that nothing names, by up to a thousand; each was looked up just before.

    Args:
        written_before: Later ones are left out, and those that lost their last row later.
        prefix: Only below this folder.
    """
    lake = catalogue.lake.find()
    if lake is not None and lake.epoch > 1 and lake.epoch_started_at > min(written_before, now() - SAFETY_AGE):
        # Whoever restored a catalogue may find out that another one is the lake's, and names what this one does not.
        logger.warning("The epoch of the lake is younger than a day, or than the age given: nothing is garbage yet.")
        return
    listed = (
        stored
        for stored in storage.iter_objects(prefix)
        # Whatever else lies in the folder, such as the catalogue itself, is not ours to judge.
        if stored.modified_at <= written_before and is_object_path(stored.path)
    )
    while batch := list(itertools.islice(listed, _AT_ONCE)):
        # Listed first and looked up then: a row that is committed in between is seen.
        unnamed = catalogue.deletions.find_orphaned([stored.path for stored in batch], since=written_before)
        if garbage := [stored for stored in batch if stored.path in unnamed]:
            yield garbage


def collect_garbage(
    store: DatasetStore,
    *,
    older_than: dt.timedelta = SAFETY_AGE,
    dry_run: bool = False,
    on_object: Callable[[StoredObject], object] | None = None,
) -> Garbage:
    """Remove orphaned objects, of all buckets, and the history that is older than the lake's retention.

    Leftovers are removed too, unless somebody writes to the lake. Beside a running ingest no row loses its object,
    whatever `older_than` is; the run writes an object again if it was removed before its row came. An object of a
    quarantine entry stays, whatever state the entry is in: it is the evidence for the entry's reasons.

    Args:
        store: A store of any bucket of the lake.
        older_than: The safety age.
        dry_run: Remove nothing, only find out what would be removed.
        on_object: Called with each object that was removed, or would be.

    Raises:
        ValueError: A negative age.
        LakeIdentityError: The storage is another lake's: what is live there would be garbage here.
        StoreError: Somebody writes to the lake, and `older_than` is less than an hour; the message says who. Or the
            storage or the catalogue refused; what was removed before is gone.
    """
    if older_than < dt.timedelta(0):
        raise ValueError(f"older_than is {older_than}; it must not be negative.")
    catalogue, storage = store.catalogue, store.storage
    if dry_run:
        store.identity.check()
    written_before = now() - older_than
    # Whoever begins to write after this writes later than `written_before`, and a run that is suspended has its lease.
    writers = [held for held in catalogue.leases.find() if held.what != REMOVING]
    if writers and not dry_run and older_than < SAFE_BESIDE_A_RUN:
        raise StoreError(
            f"Somebody writes to the lake ({writers[0]}), and what was just written looks as if nothing needed it. "
            f"Wait for its end, or give an age of 1h or more."
        )
    if not dry_run:
        store.identity.claim()
    objects = size = 0
    with contextlib.nullcontext("") if dry_run else lease(catalogue.leases, REMOVING) as lease_id:
        if not dry_run:
            catalogue.removals.end_dead()
        for batch in iter_orphans(catalogue, storage, written_before):
            removed = batch if dry_run else _remove(catalogue, storage, lease_id, batch, written_before)
            objects += len(removed)
            size += sum(stored.size for stored in removed)
            if on_object is not None:
                for stored in removed:
                    on_object(stored)
    leftovers = Leftovers() if writers else storage.remove_leftovers(written_before, dry_run=dry_run)
    if not dry_run:
        # An object that lost its rows up to then is removed now, or it is named or written anew.
        catalogue.deletions.forget(written_before)
    forgotten = catalogue.retention.enforce(store.retention or Retention(), dry_run=dry_run)
    if not dry_run:
        catalogue.maintain()  # and have the room back
    return Garbage(objects, size, leftovers, forgotten, is_removed=not dry_run)


def _remove(
    catalogue: Catalogue, storage: Storage, lease_id: str, batch: Sequence[StoredObject], written_before: dt.datetime
) -> Sequence[StoredObject]:
    """Return those that are gone: one that is named, or written again, at this moment stays."""
    count = remove_orphans(
        catalogue,
        storage,
        lease_id,
        [stored.path for stored in batch],
        unless_written_since=written_before,
        unless_named_since=written_before,
    )
    if count == len(batch):
        return batch
    return [stored for stored in batch if storage.get_size(stored.path) is None]
