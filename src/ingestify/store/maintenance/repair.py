"""Repair of what a verification found: from other copies in the lake, from other rows, or from the provider."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.damage import DAMAGED, Damage, DamageKind, FileRecord
from ingestify.domain.quarantine import QuarantineState
from ingestify.errors import IntegrityError, StoreError
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.layout import is_object_path

__all__ = ["DatasetToFetch", "Refetch", "Repaired", "confirm", "repair"]

_BATCH_SIZE = 200


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetToFetch:
    """The name of a dataset that a repair fetches anew."""

    bucket: str
    provider: str
    dataset_type: str
    identifier: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.provider}/{self.dataset_type}/{'/'.join(f'{k}={v}' for k, v in self.identifier.items())}"


Refetch = Callable[[DatasetToFetch], str]
"""Fetches a dataset anew now, if a plan covers it, and returns the result in words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Repaired:
    """One step of a repair. Whether it helped, the next verification says.

    Attributes:
        where: What was repaired, for people.
        what: The result, for people.
        dataset_id: The dataset that was marked for it, if any. `confirm` takes the mark back if it is whole now.
    """

    where: str
    what: str
    dataset_id: str | None = None


def repair(store: DatasetStore, damages: Sequence[Damage], refetch: Refetch | None = None) -> Iterator[Repaired]:
    """Repair damages, and yield each step when it is done. Nothing is removed that anybody can read.

    Args:
        store: A store of any bucket; damages of every bucket are repaired.
        damages: The damages that a `Verification` found.
        refetch: Fetches a file without another copy; None: the next run does.

    Raises:
        LakeIdentityError: The storage is not the catalogue's.
        StoreError: The catalogue or the storage cannot be written, or the storage is empty.
    """
    store.identity.check()
    is_missing = any(damage.kind is DamageKind.MISSING for damage in damages)
    if is_missing and not _has_objects(store):
        # The usual reason is a disk that is not mounted, or another folder, not a lake that lost all of its files.
        raise StoreError(
            "The storage holds none of the lake's files, so nothing is repaired: mount its disk, or correct file_url. "
            "If they are all lost, take a backup, or fetch them into a new lake."
        )
    yield from _repair_rows(store, damages)
    with store.commits.writer_lease("repair"):
        left = yield from _restore_from_copies(store, damages)
    yield from _fetch_anew(store, left, refetch)


def _has_objects(store: DatasetStore) -> bool:
    is_adopted = store.catalogue.is_adopted
    return any(is_object_path(one.path, is_adopted=is_adopted) for one in store.storage.iter_objects())


def confirm(store: DatasetStore, mended: Iterable[Repaired], left: Iterable[Damage]) -> int:
    """Trust the datasets again that were marked by a repair and have no damage left. Returns how many there are."""
    damaged = {damage.dataset_id for damage in left}
    whole = [one.dataset_id for one in mended if one.dataset_id is not None and one.dataset_id not in damaged]
    return store.catalogue.row_repair.confirm_revisions(whole) if whole else 0


# ---- rows ------------------------------------------------------------------------------------------------


def _repair_rows(store: DatasetStore, damages: Iterable[Damage]) -> Iterator[Repaired]:
    revisions: dict[str, str] = {}
    is_dangling = False
    for damage in damages:
        record = damage.record
        if damage.kind is DamageKind.WRONG_SIZE and record is not None and damage.found is not None:
            store.catalogue.row_repair.correct_sizes(record.file.storage_path, record.file.tag, *damage.found)
            yield Repaired(damage.where, "its sizes in the catalogue are corrected")
        elif _is_of_revisions(damage):
            revisions[str(damage.dataset_id)] = damage.where
        elif damage.kind is DamageKind.DANGLING_ROW:
            is_dangling = True
    if revisions:
        store.catalogue.row_repair.restore_revisions(list(revisions))
        for where in revisions.values():
            yield Repaired(where, "its revisions are repaired as far as the files' rows say")
    if is_dangling:
        count = store.catalogue.row_repair.remove_dangling()
        yield Repaired("the catalogue", f"{count} rows that belonged to nothing are removed")


def _is_of_revisions(damage: Damage) -> bool:
    if damage.kind is DamageKind.DANGLING_ROW:
        return damage.revision_id is not None  # its dataset is there
    return damage.kind in (DamageKind.REVISION_GAP, DamageKind.WRONG_HEAD)


# ---- objects ---------------------------------------------------------------------------------------------


def _restore_from_copies(store: DatasetStore, damages: Sequence[Damage]) -> Generator[Repaired, None, list[Damage]]:
    """Yield the files that were restored; return the damages without another copy."""
    of_objects = [one for one in damages if one.kind.is_of_object and one.kind is not DamageKind.UNREADABLE]
    left = [one for one in damages if one.kind is DamageKind.LOST_FILE_ROW]
    for start in range(0, len(of_objects), _BATCH_SIZE):
        batch = of_objects[start : start + _BATCH_SIZE]
        records = [one.record for one in batch if one.record is not None]
        copies = store.catalogue.integrity_check.find_records_by_tag([record.file.tag for record in records])
        restored: set[str] = set()
        for damage in batch:
            record = damage.record
            if record is None or damage.path in restored:
                continue
            copy = _restore(store, record, copies)
            if copy is None:
                left.append(damage)
            else:
                restored.add(record.file.storage_path)
                yield Repaired(damage.where, f"restored from {copy.place}")
    return left


def _restore(store: DatasetStore, record: FileRecord, copies: Iterable[FileRecord]) -> FileRecord | None:
    """Write an object anew from a copy with the same bytes. Returns the copy; None: no copy is whole."""
    file = record.file
    for copy in copies:
        if copy.file.tag != file.tag or copy.file.storage_path == file.storage_path:
            continue
        staged = store.objects.stage(file.data_serialization_format, method=file.storage_compression_method)
        try:
            # The stream only ends without an error if its bytes have the hash.
            with store.opener(dataclasses.replace(copy.file, size=file.size))() as stream:
                staged.copy_from(stream)
            staged.complete()
            if (staged.tag, staged.compression_method) != (file.tag, file.storage_compression_method):
                continue  # this version stores the format in another way
            staged.persist()
            store.restore_object(file, staged)
        except IntegrityError:
            continue  # the copy is damaged too
        finally:
            staged.discard()
        return copy
    return None


# ---- from the provider -----------------------------------------------------------------------------------


def _fetch_anew(store: DatasetStore, damages: Sequence[Damage], refetch: Refetch | None) -> Iterator[Repaired]:
    ids = list(dict.fromkeys(one.dataset_id for one in damages if one.dataset_id and one.entry_id is None))
    datasets = {dataset.dataset_id: dataset for dataset in store.catalogue.datasets.get(ids)}
    wanted: dict[DatasetToFetch, str | None] = {}
    for damage in damages:
        if damage.entry_id is not None:
            entry = store.catalogue.quarantine.find_entry(damage.entry_id)
            if entry is not None and entry.state is QuarantineState.OPEN:
                store.catalogue.quarantine.request_retry([entry.entry_id])
                wanted.setdefault(DatasetToFetch(entry.bucket, entry.provider, entry.dataset_type, entry.identifier))
            continue
        dataset = datasets.get(str(damage.dataset_id))
        if dataset is None:
            continue
        file = dataset.files.get(str(damage.file_id))
        if damage.kind is not DamageKind.LOST_FILE_ROW and (file is None or file.revision_id != damage.revision_id):
            yield Repaired(
                damage.where,
                "there is no other copy, and the provider has served other bytes since: the bytes of this old revision "
                "are gone, unless a backup has them",
            )
            continue
        store.invalidate_revision(dataset, f"{DAMAGED}{damage.file_id}: {damage.what}"[:500])
        store.catalogue.row_repair.request_full_fetch([dataset.dataset_id])  # it may have been marked before
        one = DatasetToFetch(dataset.bucket, dataset.provider, dataset.dataset_type, dataset.identifier)
        wanted[one] = dataset.dataset_id
    for one, dataset_id in wanted.items():
        marked = "there is no other copy; the dataset is marked, and the next run fetches it anew"
        yield Repaired(str(one), marked if refetch is None else refetch(one), dataset_id)
