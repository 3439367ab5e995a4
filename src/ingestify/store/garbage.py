"""What is in the storage and nothing names: left by crashes, by lost races, and by deletions.

An ingest writes an object and then the row that names it, so for a moment each new object is without a row; and who
opened a dataset goes on reading its objects when it is deleted. So only what was written, and has lost its last row,
longer ago than a safety age is removed. An ingest that needs an object always writes it, also where it exists: its time
is new then, and the storage leaves alone what was written since.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence

from ingestify.clock import now
from ingestify.domain.ports import FileRecordsPort, Leftovers, Storage, StoredObject
from ingestify.store.layout import is_object_path

__all__ = ["SAFETY_AGE", "Garbage", "collect_garbage", "iter_garbage"]

SAFETY_AGE = dt.timedelta(hours=24)
"""Longer than any ingest takes from writing an object to naming it, and than most readers keep a dataset open."""

_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Garbage:
    """What was removed, or would be.

    Attributes:
        objects: How many objects that nothing names; `object_bytes`: what they take in the storage.
        leftovers: What was on its way into the lake and never arrived.
        is_removed: Whether it is gone; False: it was only looked at.
    """

    objects: int
    object_bytes: int
    leftovers: Leftovers
    is_removed: bool

    @property
    def total_count(self) -> int:
        """How many of both."""
        return self.objects + self.leftovers.count

    @property
    def total_bytes(self) -> int:
        """What all of it takes in the storage."""
        return self.object_bytes + self.leftovers.size


def iter_garbage(
    catalogue: FileRecordsPort, storage: Storage, written_before: dt.datetime, prefix: str = ""
) -> Iterator[list[StoredObject]]:
    """Yield objects that nothing names, by up to a thousand; each was looked up just before.

    Args:
        written_before: Later ones are left out, and those that lost their last row later.
        prefix: Only below this folder.
    """
    listed = (
        stored
        for stored in storage.iter_objects(prefix)
        # Whatever else lies in the folder, such as the catalogue itself, is not ours to judge.
        if stored.modified_at <= written_before and is_object_path(stored.path)
    )
    while batch := list(itertools.islice(listed, _AT_ONCE)):
        # Listed first and looked up then: a row that is committed in between is seen.
        unnamed = catalogue.find_unnamed([stored.path for stored in batch], since=written_before)
        if garbage := [stored for stored in batch if stored.path in unnamed]:
            yield garbage


def collect_garbage(
    catalogue: FileRecordsPort,
    storage: Storage,
    *,
    older_than: dt.timedelta = SAFETY_AGE,
    dry_run: bool = False,
    on_object: Callable[[StoredObject], object] | None = None,
) -> Garbage:
    """Remove objects that nothing names, of all buckets, and temporary ones whose process is gone.

    Safe beside a running ingest if `older_than` is longer than that takes from writing an object to naming it.
    What an entry of the quarantine names is kept, whatever state it is in: it is the evidence for its reasons.

    Args:
        older_than: The safety age.
        dry_run: Only look.
        on_object: Called with each object that was removed, or would be.

    Raises:
        ValueError: A negative age.
        StoreError: The storage or the catalogue refused; what was removed before is gone.
    """
    if older_than < dt.timedelta(0):
        raise ValueError(f"older_than is {older_than}; it must not be negative.")
    written_before = now() - older_than
    objects = size = 0
    for batch in iter_garbage(catalogue, storage, written_before):
        removed = batch if dry_run else _remove(storage, batch, written_before)
        objects += len(removed)
        size += sum(stored.size for stored in removed)
        if on_object is not None:
            for stored in removed:
                on_object(stored)
    leftovers = storage.remove_leftovers(written_before, dry_run=dry_run)
    if not dry_run:
        # Whatever lost its rows up to then is removed now, or is named or written anew.
        catalogue.forget_deleted_objects(written_before)
    return Garbage(objects, size, leftovers, is_removed=not dry_run)


def _remove(storage: Storage, batch: Sequence[StoredObject], written_before: dt.datetime) -> Sequence[StoredObject]:
    """Return those that are gone: one that is written again at this moment stays."""
    count = storage.delete([stored.path for stored in batch], unless_written_since=written_before)
    if count == len(batch):
        return batch
    return [stored for stored in batch if storage.get_size(stored.path) is None]
