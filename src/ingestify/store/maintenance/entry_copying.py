"""Copies of quarantine entries from one lake to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ingestify.domain.ports import DatasetFilter
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.copied import Copied, CopyOutcome, CopyProgress
from ingestify.store.maintenance.object_copy import ObjectCopies

__all__ = ["iter_copied_entries"]


def iter_copied_entries(
    source: DatasetStore,
    target: DatasetStore,
    wanted: DatasetFilter,
    *,
    copies: ObjectCopies,
    progress: CopyProgress,
    dry_run: bool,
) -> Iterator[Copied]:
    """Copy open entries with their files, and settle entries of the target that are settled in the source.

    Raises:
        LakeUnwritable: The target takes nothing any more.
        StoreError: A catalogue refused.
    """
    for entry in source.catalogue.quarantine.iter_entries(wanted, [QuarantineState.OPEN]):
        if target.catalogue.quarantine.find_entry(entry.entry_id) is None:
            yield _copy(entry, target, copies, progress, dry_run=dry_run)
    here = dataclasses.replace(wanted, bucket=target.bucket)
    for theirs in target.catalogue.quarantine.iter_entries(here, [QuarantineState.OPEN]):
        ours = source.catalogue.quarantine.find_entry(theirs.entry_id)
        if ours is None or ours.is_open or dry_run:
            continue
        if ours.state is QuarantineState.DISCARDED:
            target.quarantine.discard([ours.entry_id], ours.decided_by, ours.note)
        else:
            target.commits.take_over_quarantine([dataclasses.replace(ours, bucket=target.bucket)])


def _copy(
    entry: QuarantineEntry, target: DatasetStore, copies: ObjectCopies, progress: CopyProgress, *, dry_run: bool
) -> Copied:
    what = f"the bundle of {entry} in quarantine"
    removals_seen = target.commits.removals_seen
    place = target.objects.places(entry.provider, entry.dataset_type, entry.identifier)
    begun = [
        (new, path, copies.begin(new.in_revision(0, entry.created_at), path))
        for new, path in ((new, place(new)) for new in entry.files)
    ]
    if not dry_run:
        try:
            files = tuple(
                dataclasses.replace(new, storage_path=path, storage_size=copying.result())
                for new, path, copying in begun
            )
        except LakeUnwritable:
            raise
        except (IntegrityError, StoreError) as error:
            progress.failed += 1
            return Copied(CopyOutcome.FAILED, what, entry.dataset_id, str(error), is_quarantined=True)
        existing = target.catalogue.datasets.find(target.bucket, entry.provider, entry.dataset_type, entry.identifier)
        dataset_id = entry.dataset_id if existing is None else existing.dataset_id
        target.commits.take_over_quarantine(
            [dataclasses.replace(entry, bucket=target.bucket, files=files, dataset_id=dataset_id)], removals_seen
        )
    progress.quarantined += 1
    return Copied(CopyOutcome.NEW, what, entry.dataset_id, is_quarantined=True)
