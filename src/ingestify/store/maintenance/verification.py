"""Verification of a lake: every object is compared with its rows in the catalogue, and the rows with each other.

Others may write meanwhile. An object is written before its row, and its row is removed before the object. So an object
that seems damaged is read a second time, and the damage is only reported if a row still names the object after that.
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
    ObjectContent,
    compare,
    find_other_tags,
    find_outside,
    read_object,
)
from ingestify.store.objects.layout import bucket_folders

__all__ = ["Progress", "Verification"]

THREADS = min(4, os.cpu_count() or 1)
"""Hashing and decompressing release the interpreter's lock; more threads than cores would only wait for each other."""

_AHEAD = 8
"""How many objects are queued for each thread."""

_BATCH_SIZE = 200
"""How many damaged objects are explained at once: each look-up of other files' hashes reads all rows."""

_READS = 2
"""How often an object is read before it counts as damaged."""

_SWAPPABLE = frozenset({DamageKind.TRUNCATED, DamageKind.ALTERED, DamageKind.UNDECODABLE})


@dataclasses.dataclass(slots=True)
class Progress:
    """The progress of a verification. One thread writes it, any thread may read it.

    Attributes:
        objects: The number of objects that were read.
        size: The number of the providers' bytes in them.
        skipped: The number of objects outside the sample.
    """

    objects: int = 0
    size: int = 0
    skipped: int = 0


class Verification:
    """One verification of a whole lake. Nothing is written.

    Args:
        bucket: Which bucket; None: all buckets.
        safety_age: An orphaned object is only reported if it is older.
        share: Which share of the objects is read, above 0 and up to 1; all rows are checked.
        seed: Decides which objects are read; None: a random one.

    Attributes:
        share: Which share of the objects is read.
        seed: The seed of the sample, with which another verification reads the same objects.
        progress: The progress so far.
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
        """Yield each damage when it is found: first of rows, then of objects, then orphaned objects.

        Raises:
            StoreError: The catalogue or the storage cannot be read at all.
        """
        # If a cloud bucket is gone, most services say of each object that it is missing; only a listing fails. Without
        # it each file of the lake would be damaged, and a repair would distrust all revisions.
        next(iter(self._storage.iter_objects()), None)
        yield from self.iter_row_damages()
        yield from self._iter_object_damages(self._catalogue.integrity_check.iter_file_records(self._bucket))
        yield from self._iter_orphans()

    def iter_row_damages(self) -> Iterator[Damage]:
        """Yield the damages of the rows themselves."""
        yield from self._catalogue.integrity_check.iter_row_damages(self._bucket)

    def verify_again(self, paths: Iterable[str]) -> list[Damage]:
        """Return the damages that the objects at these paths have now."""
        remaining = iter(dict.fromkeys(paths))
        batches = iter(lambda: list(itertools.islice(remaining, _BATCH_SIZE)), [])
        records = (self._catalogue.integrity_check.find_file_records(batch) for batch in batches)
        again = Verification(self._catalogue, self._storage, bucket=self._bucket)
        return list(again._iter_object_damages(records))

    # ---- objects ---------------------------------------------------------------------------------------

    def _iter_object_damages(self, batches: Iterable[list[FileRecord]]) -> Iterator[Damage]:
        findings = self._iter_findings(_by_path(batches))
        while some := list(itertools.islice(findings, _BATCH_SIZE)):
            yield from self._explain(some)

    def _iter_findings(self, groups: Iterable[list[FileRecord]]) -> Iterator[Finding]:
        """Read objects in several threads; the findings keep the order of the objects."""
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
            return True  # its rows do not agree
        text = f"{self.seed}/{group[0].file.storage_path}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") < self.share * 2**64

    def _verify(self, records: Sequence[FileRecord], stop: threading.Event) -> tuple[list[Finding], int]:
        """Return the findings for each row that names one object, and how many bytes were read."""
        path = records[0].file.storage_path
        findings: list[Finding] = []
        size = 0
        for _ in range(_READS):
            findings, size = self._compare(records, stop)
            if not findings or stop.is_set():
                return [], size
            # The rows are read after the object: a row that is here now was here then, so its object should have been.
            there = set(self._catalogue.integrity_check.find_file_records([path]))
            findings = [found for found in findings if found.record in there]
            records = [found.record for found in findings]
        return [self._with_other_tags(found) for found in findings], size

    def _compare(self, records: Sequence[FileRecord], stop: threading.Event) -> tuple[list[Finding], int]:
        contents: dict[str, ObjectContent] = {}
        findings = []
        for record in records:
            found = find_outside(record)
            if found is None:
                method = record.file.storage_compression_method
                if method not in contents:
                    contents[method] = read_object(self._storage, record.file.storage_path, method, stop)
                found = compare(record, contents[method])
            if found is not None:
                findings.append(found)
        return findings, max((content.size for content in contents.values()), default=0)

    def _with_other_tags(self, found: Finding) -> Finding:
        if found.kind not in _SWAPPABLE:
            return found
        file = found.record.file
        others = find_other_tags(self._storage, file.storage_path, file.storage_compression_method)
        return dataclasses.replace(found, tags=(*found.tags, *others))

    def _explain(self, findings: Sequence[Finding]) -> Iterator[Damage]:
        """Yield findings as damages, with the file whose bytes an object holds instead, and with a remedy."""
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
            content = found.content
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
                found=None if content is None or content.stored_size is None else (content.size, content.stored_size),
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

    # ---- orphaned objects ------------------------------------------------------------------------------

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
