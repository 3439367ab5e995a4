"""Removal of garbage: orphaned objects, which crashes, lost races and deletions leave in the storage.

An ingest writes an object before the row that names it, so each new object is without a row for a moment. And a reader
that opened a dataset goes on reading its objects after the dataset is deleted. So an object is only removed if it was
written, and has lost its last row, longer ago than a safety age. An ingest that needs an object always writes it, even
if it exists: then its time is new, and the storage does not remove it.

The safety age depends on clocks. The promise that no row loses its object does not: a removal is noted before and
after it, and a commit sees the notes (`catalogue.integrity.removals`, `store.presence`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Collection, Generator, Iterator, Sequence

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.ports import Catalogue, Leftovers, Storage, StoredObject
from ingestify.domain.retention import Forgotten, Retention
from ingestify.domain.thinning import Thinned, choose_thinned, without_revisions
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.leases import REMOVING, lease
from ingestify.store.objects.layout import is_object_path
from ingestify.store.removal import remove_orphans

__all__ = ["SAFETY_AGE", "Garbage", "collect_garbage", "iter_orphans"]

logger = PrintableLogger(__name__)

SAFETY_AGE = dt.timedelta(hours=24)
"""An ingest never takes so long from writing an object to its row, and few readers keep a dataset open so long."""

SAFE_BESIDE_A_RUN = dt.timedelta(hours=1)
"""The objects that a run has just written are younger, so the run does not have to write them again."""

_AT_ONCE = 1000

_THINNED_AT_ONCE = 100

_LEAST_TO_THIN = 3
"""Of fewer revisions, the first and the last one stay."""


@dataclasses.dataclass(frozen=True, slots=True)
class Garbage:
    """What was removed, or would be.

    Attributes:
        objects: The number of orphaned objects.
        object_bytes: Their size in the storage.
        leftovers: The temporary objects of broken runs.
        forgotten: The history that was older than the lake's retention.
        thinned: The matches of which provisional revisions went, and which these are. Their files stay for the safety
            age.
        is_removed: Whether all this is removed; False: it was a dry run.
    """

    objects: int
    object_bytes: int
    leftovers: Leftovers
    forgotten: Forgotten
    thinned: Sequence[Thinned]
    is_removed: bool

    @property
    def total_count(self) -> int:
        """The number of orphaned objects and leftovers."""
        return self.objects + self.leftovers.count

    @property
    def total_bytes(self) -> int:
        """Their size in the storage."""
        return self.object_bytes + self.leftovers.size


def iter_orphans(
    catalogue: Catalogue, storage: Storage, written_before: dt.datetime, prefix: str = ""
) -> Iterator[list[StoredObject]]:
    """Yield the orphaned objects below a folder in batches of up to a thousand, each looked up just before.

    Objects that were written, or lost their last row, later than `written_before` are left out.
    """
    lake = catalogue.lake.find()
    if lake is not None and lake.epoch > 1 and lake.epoch_started_at > min(written_before, now() - SAFETY_AGE):
        # A catalogue was restored. It may turn out that another catalogue is the right one, with rows that this one
        # does not have.
        logger.warning("The epoch of the lake is younger than a day, or than the age given: nothing is garbage yet.")
        return
    # In an adopted lake, an object of the published package's layout is orphaned if neither its tables nor ours name
    # it, or if ours did; elsewhere it is somebody else's.
    listed = (
        stored
        for stored in storage.iter_objects(prefix)
        # Other files in the folder, such as the catalogue itself, are not objects of the lake.
        if stored.modified_at <= written_before and is_object_path(stored.path, is_adopted=catalogue.is_adopted)
    )
    while batch := list(itertools.islice(listed, _AT_ONCE)):
        # The listing comes before the look-up, so that a row that is committed in between is seen.
        orphaned = catalogue.deletions.find_orphaned([stored.path for stored in batch], since=written_before)
        if garbage := [stored for stored in batch if stored.path in orphaned]:
            yield garbage


def collect_garbage(
    store: DatasetStore,
    *,
    older_than: dt.timedelta = SAFETY_AGE,
    dry_run: bool = False,
    on_object: Callable[[StoredObject], object] = lambda _: None,
) -> Garbage:
    """Remove orphaned objects, of all buckets, and the history that the lake's retention does not keep.

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
    # A writer that begins after this writes later than `written_before`, and a suspended run keeps its lease.
    writers = [held for held in catalogue.leases.find() if held.what != REMOVING]
    if writers and not dry_run and older_than < SAFE_BESIDE_A_RUN:
        raise StoreError(
            f"Somebody writes to the lake ({writers[0]}), and the newest files belong to no dataset yet. Wait for its "
            f"end, or give an age of 1h or more."
        )
    if not dry_run:
        store.identity.claim()
    thinned = list(_iter_thinned(store, dry_run=dry_run))
    objects = size = 0
    with contextlib.closing(_iter_removed(catalogue, storage, written_before, dry_run=dry_run)) as removed:
        for stored in removed:
            objects += 1
            size += stored.size
            on_object(stored)
    leftovers = Leftovers() if writers else storage.remove_leftovers(written_before, dry_run=dry_run)
    if not dry_run:
        # An object that lost its rows up to then is removed now, or it is named or written anew.
        catalogue.deletions.forget(written_before)
    forgotten = catalogue.retention.enforce(store.retention or Retention(), dry_run=dry_run)
    if not dry_run:
        catalogue.maintain()  # and have the room back
    return Garbage(objects, size, leftovers, forgotten, thinned, is_removed=not dry_run)


def _iter_thinned(store: DatasetStore, *, dry_run: bool) -> Iterator[Thinned]:
    """Thin the provisional revisions of matches that have settled, and yield what was thinned, or would be."""
    spacing = None if store.retention is None else store.retention.live_revisions
    if spacing is None:
        return
    catalogue, moment = store.catalogue, now()

    def choose(dataset: Dataset, kept: Collection[int]) -> Sequence[int]:
        assert spacing is not None
        return choose_thinned(dataset, store.zone_of(dataset), spacing, kept, moment)

    ids = iter(catalogue.datasets.find_with_revisions(_LEAST_TO_THIN))
    while some := list(itertools.islice(ids, _THINNED_AT_ONCE)):
        kept = catalogue.kept_revisions.find(some)
        due = [
            Thinned(one, numbers, without_revisions(one, numbers))
            for one in catalogue.datasets.get(some)
            if (numbers := choose(one, kept.get(one.dataset_id, ())))
        ]
        yield from due if dry_run or not due else store.commits.thin([one.dataset.dataset_id for one in due], choose)


def _iter_removed(
    catalogue: Catalogue, storage: Storage, written_before: dt.datetime, *, dry_run: bool
) -> Generator[StoredObject, None, None]:
    """Remove orphaned objects, and yield each that was removed, or would be."""
    if dry_run:
        yield from itertools.chain.from_iterable(iter_orphans(catalogue, storage, written_before))
        return
    with lease(catalogue.leases, REMOVING) as lease_id:
        catalogue.removals.end_dead()
        for batch in iter_orphans(catalogue, storage, written_before):
            yield from _remove(catalogue, storage, lease_id, batch, written_before)


def _remove(
    catalogue: Catalogue, storage: Storage, lease_id: str, batch: Sequence[StoredObject], written_before: dt.datetime
) -> Sequence[StoredObject]:
    """Return the objects that are gone. An object that gets a row, or is written again, at this moment stays."""
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
