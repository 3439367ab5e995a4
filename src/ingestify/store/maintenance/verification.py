"""Verifying a lake: every object against what the catalogue says of it, and the catalogue's rows against each other.

It looks while others write. An object is written before its row, and its row is removed before it; so what looks wrong
is looked at once more, and only reported if a row still names it after that.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import hashlib
import itertools
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ingestify.clock import now
from ingestify.domain.damage import Damage, DamageKind, FileRecord
from ingestify.domain.ports import Catalogue, Storage
from ingestify.domain.quarantine import QuarantineState
from ingestify.remedies import remedy
from ingestify.store.maintenance.garbage import SAFETY_AGE, iter_orphans
from ingestify.store.maintenance.object_check import (
    Finding,
    ObjectLook,
    compare,
    find_other_tags,
    find_outside,
    look_at_object,
)
from ingestify.store.objects.layout import bucket_folders

__all__ = ["Progress", "Verification"]

THREADS = min(4, os.cpu_count() or 1)
"""Hashing and decompressing leave the interpreter to others; more threads than cores would only wait for each other."""

_AHEAD = 8
"""How many objects a thread has before it."""

_TOGETHER = 200
"""For how many damaged objects it is looked up at once whose bytes they hold: each look-up reads all rows."""

_LOOKS = 2

_SWAPPABLE = frozenset({DamageKind.TRUNCATED, DamageKind.ALTERED, DamageKind.UNDECODABLE})


@dataclasses.dataclass(slots=True)
class Progress:
    """How far it is; one thread writes it, any may read it.

    Attributes:
        objects: How many were read; `size`: the bytes of the providers in them.
        skipped: How many are not in the sample.
    """

    objects: int = 0
    size: int = 0
    skipped: int = 0


class Verification:
    """One look at a whole lake. Nothing is written.

    Args:
        bucket: None: all buckets.
        safety_age: Of what nothing names, only what is older is told.
        share: How many of the objects are read, from 0 to 1; rows are all looked at.
        seed: Decides which; None: anybody's guess.

    Attributes:
        share: How many of the objects are read.
        seed: That of the sample, to look at the same objects again.
        progress: How far it is.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        storage: Storage,
        *,
        bucket: str | None = None,
        safety_age: dt.timedelta = SAFETY_AGE,
        share: float = 1.0,
        seed: int | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}; it must be above 0 and at most 1.")
        self._catalogue = catalogue
        self._storage = storage
        self._bucket = bucket
        self._safety_age = safety_age
        self.share = share
        self.seed = secrets.randbelow(1_000_000) if seed is None else seed
        self.progress = Progress()

    def iter_damages(self) -> Iterator[Damage]:
        """Yield what is wrong, as it is found: rows, then objects, then what nothing names.

        Raises:
            StoreError: The catalogue or the storage cannot be read at all.
        """
        # To most stores an object of a bucket that is not there is only missing; listing them says which it is. Else
        # each file of the lake would be damaged, and a repair would distrust all revisions.
        next(iter(self._storage.iter_objects()), None)
        yield from self.iter_row_damages()
        yield from self._iter_object_damages(self._catalogue.integrity_check.iter_file_records(self._bucket))
        yield from self._iter_orphans()

    def iter_row_damages(self) -> Iterator[Damage]:
        """Yield what is wrong with the rows themselves."""
        yield from self._catalogue.integrity_check.iter_row_damages(self._bucket)

    def look_again(self, paths: Iterable[str]) -> list[Damage]:
        """Return what is wrong now with the objects at these paths."""
        remaining = iter(dict.fromkeys(paths))
        batches = iter(lambda: list(itertools.islice(remaining, _TOGETHER)), [])
        records = (self._catalogue.integrity_check.find_file_records(batch) for batch in batches)
        again = Verification(self._catalogue, self._storage, bucket=self._bucket)
        return list(again._iter_object_damages(records))

    # ---- objects ---------------------------------------------------------------------------------------

    def _iter_object_damages(self, batches: Iterable[list[FileRecord]]) -> Iterator[Damage]:
        findings = self._iter_findings(_by_path(batches))
        while some := list(itertools.islice(findings, _TOGETHER)):
            yield from self._explain(some)

    def _iter_findings(self, groups: Iterable[list[FileRecord]]) -> Iterator[Finding]:
        """Read objects side by side; what comes out is in their order."""
        stop = threading.Event()
        pending: collections.deque[Future[tuple[list[Finding], int]]] = collections.deque()
        pool = ThreadPoolExecutor(THREADS, "verify")
        try:
            for group in groups:
                if not self._is_in_sample(group):
                    self.progress.skipped += 1
                    continue
                pending.append(pool.submit(self._verify, group, stop))
                if len(pending) >= THREADS * _AHEAD:
                    yield from self._count(pending.popleft())
            while pending:
                yield from self._count(pending.popleft())
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _count(self, done: Future[tuple[list[Finding], int]]) -> list[Finding]:
        findings, size = done.result()
        self.progress.objects += 1
        self.progress.size += size
        return findings

    def _is_in_sample(self, group: Sequence[FileRecord]) -> bool:
        if self.share >= 1:
            return True
        files = {(one.file.tag, one.file.size, one.file.storage_size) for one in group}
        if len(files) > 1:
            return True  # rows that do not agree about it
        text = f"{self.seed}/{group[0].file.storage_path}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") < self.share * 2**64

    def _verify(self, records: Sequence[FileRecord], stop: threading.Event) -> tuple[list[Finding], int]:
        """Return what is wrong with one object for the rows that name it, and how many bytes were read."""
        path = records[0].file.storage_path
        findings: list[Finding] = []
        size = 0
        for _ in range(_LOOKS):
            findings, size = self._look(records, stop)
            if not findings or stop.is_set():
                return [], size
            # Read after the object was: what is named now was named then, and should have been there.
            there = set(self._catalogue.integrity_check.find_file_records([path]))
            findings = [found for found in findings if found.record in there]
            records = [found.record for found in findings]
        return [self._with_other_tags(found) for found in findings], size

    def _look(self, records: Sequence[FileRecord], stop: threading.Event) -> tuple[list[Finding], int]:
        looks: dict[str, ObjectLook] = {}
        findings = []
        for record in records:
            found = find_outside(record)
            if found is None:
                method = record.file.storage_compression_method
                if method not in looks:
                    looks[method] = look_at_object(self._storage, record.file.storage_path, method, stop)
                found = compare(record, looks[method])
            if found is not None:
                findings.append(found)
        return findings, max((look.size for look in looks.values()), default=0)

    def _with_other_tags(self, found: Finding) -> Finding:
        if found.kind not in _SWAPPABLE:
            return found
        file = found.record.file
        others = find_other_tags(self._storage, file.storage_path, file.storage_compression_method)
        return dataclasses.replace(found, tags=(*found.tags, *others))

    def _explain(self, findings: Sequence[Finding]) -> Iterator[Damage]:
        """Yield findings as damages: with whose bytes they are, and what can be done."""
        tags = [tag for found in findings if found.kind in _SWAPPABLE for tag in found.tags]
        owners = (
            {record.file.tag: record for record in self._catalogue.integrity_check.find_records_by_tag(tags)}
            if tags
            else {}
        )
        ids = list(dict.fromkeys(found.record.dataset_id for found in findings if found.record.entry_id is None))
        current = {
            (dataset.dataset_id, file.revision_id, file_id)
            for dataset in self._catalogue.datasets.get(ids)
            for file_id, file in dataset.files.items()
        }
        for found in findings:
            record, kind, what = found.record, found.kind, found.what
            file = record.file
            owner = next((owners[tag] for tag in found.tags if tag in owners), None)
            if owner is not None and kind in _SWAPPABLE:
                kind, what = DamageKind.SWAPPED, f"it holds the bytes of {owner.place} ({owner.file.storage_path})"
            is_current = (record.dataset_id, file.revision_id, file.file_id) in current
            look = found.look
            yield Damage(
                kind,
                f"{record.place} ({file.storage_path})",
                what,
                self._remedy(record, kind, is_current=is_current),
                bucket=record.bucket,
                dataset_id=record.dataset_id,
                revision_id=None if record.entry_id else file.revision_id,
                file_id=file.file_id,
                path=file.storage_path,
                entry_id=record.entry_id,
                record=record,
                found=None if look is None or look.stored_size is None else (look.size, look.stored_size),
            )

    def _remedy(self, record: FileRecord, kind: DamageKind, *, is_current: bool) -> str:
        if kind is DamageKind.OUTSIDE_BUCKET:
            return (
                "Somebody changed the catalogue: restore it from a backup, or remove the dataset with "
                f"{remedy('delete', record.dataset_id)} and run again"
            )
        if kind is DamageKind.WRONG_SIZE:
            return f"{remedy('verify --repair')} corrects the catalogue"
        if kind is DamageKind.UNREADABLE:
            return "Look at the storage and the rights of this user, then verify again"
        if record.entry_id is not None:
            entry = self._catalogue.quarantine.find_entry(record.entry_id)
            if entry is not None and entry.state is QuarantineState.OPEN:
                return f"{remedy('quarantine retry', record.entry_id)} fetches it anew"
            return f"It was only kept as evidence: {remedy('verify --repair')} restores it if there is another copy"
        if is_current:
            return f"{remedy('verify --repair')} restores it from another copy, or fetches it anew"
        return (
            f"{remedy('verify --repair')} restores it if there is another copy; the provider has other bytes by now, "
            "so otherwise restore it from a backup"
        )

    # ---- what nothing names ----------------------------------------------------------------------------

    def _iter_orphans(self) -> Iterator[Damage]:
        folders = [""] if self._bucket is None else sorted(bucket_folders(self._bucket))
        written_before = now() - self._safety_age
        for folder in folders:
            for batch in iter_orphans(self._catalogue, self._storage, written_before, folder):
                for stored in batch:
                    yield Damage(
                        DamageKind.ORPHAN,
                        stored.path,
                        f"no dataset has it; it takes {stored.size:,} bytes",
                        f"{remedy('gc')} removes it",
                        path=stored.path,
                    )


def _by_path(batches: Iterable[list[FileRecord]]) -> Iterator[list[FileRecord]]:
    for batch in batches:
        for _, group in itertools.groupby(batch, key=lambda record: record.file.storage_path):
            yield list(group)
