"""What an object really holds, against what a row says of it."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator, Sequence

from ingestify.domain.damage import DamageKind, FileRecord
from ingestify.domain.ports import Storage
from ingestify.errors import IntegrityError, StoreError
from ingestify.store.objects.compression import METHODS, open_decompressed
from ingestify.store.objects.layout import bucket_folders

__all__ = ["Finding", "ObjectLook", "compare", "find_other_tags", "look_at_object"]

_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectLook:
    """One object, read through.

    Attributes:
        stored_size: What it takes in the storage; None: it is not there.
        size: Its bytes once decompressed; `tag`: their sha256.
        problem: Why it cannot be decompressed; empty: it can.
        refusal: Why the storage does not give it out; empty: it does.
    """

    stored_size: int | None
    size: int = 0
    tag: str = ""
    problem: str = ""
    refusal: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with an object, as one row sees it.

    Attributes:
        look: What reading it brought; None: it was not read.
        tags: The hashes of what it may hold instead.
    """

    record: FileRecord
    kind: DamageKind
    what: str
    look: ObjectLook | None = None
    tags: Sequence[str] = ()


def look_at_object(storage: Storage, path: str, method: str, stop: threading.Event | None = None) -> ObjectLook:
    """Read an object through. Memory stays flat.

    Args:
        method: How it is compressed, by its row.
        stop: When set, the rest is not read, and what comes back is worth nothing.
    """
    size, digest = 0, hashlib.sha256()
    stored_size = None
    try:
        stored_size = storage.get_size(path)
        if stored_size is None:
            return ObjectLook(None)
        with open_decompressed(method, storage.open(path), path) as stream:
            while (data := stream.read(_CHUNK_BYTES)) and not (stop and stop.is_set()):
                size += len(data)
                digest.update(data)
    except IntegrityError as error:
        return ObjectLook(storage.get_size(path), problem=str(error.__cause__ or error).rstrip("."))
    except (StoreError, OSError) as error:
        return ObjectLook(stored_size, refusal=str(error).rstrip("."))
    return ObjectLook(stored_size, size, digest.hexdigest())


def compare(record: FileRecord, look: ObjectLook) -> Finding | None:
    """Return what is wrong with an object, as far as it and its row tell; None: it is as it was stored."""
    file = record.file

    def finding(kind: DamageKind, what: str) -> Finding:
        return Finding(record, kind, what, look, (look.tag,) if look.tag and look.size else ())

    if look.refusal:
        return finding(DamageKind.UNREADABLE, look.refusal)
    if look.stored_size is None:
        return finding(DamageKind.MISSING, "it is not in the storage")
    if look.tag == file.tag:
        if (look.size, look.stored_size) == (file.size, file.storage_size):
            return None
        return finding(
            DamageKind.WRONG_SIZE,
            f"its bytes are right, and there are {look.size:,}, stored in {look.stored_size:,}; the catalogue says "
            f"{file.size:,}, stored in {file.storage_size:,}",
        )
    if look.stored_size < file.storage_size:
        return finding(
            DamageKind.TRUNCATED, f"it has {look.stored_size:,} bytes, and {file.storage_size:,} were stored"
        )
    if look.problem:
        return finding(
            DamageKind.UNDECODABLE, f"its {file.storage_compression_method} cannot be undone: {look.problem}"
        )
    longer = "the same length" if look.stored_size == file.storage_size else f"{look.stored_size:,} bytes"
    return finding(
        DamageKind.ALTERED, f"it has {longer} and other bytes: sha256 {look.tag[:12]}…, and {file.tag[:12]}… was stored"
    )


def find_outside(record: FileRecord) -> Finding | None:
    """Return what is wrong with a row's path; None: it is one of its bucket."""
    parts = record.file.storage_path.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        return Finding(record, DamageKind.OUTSIDE_BUCKET, "its path leaves the lake")
    if parts[0] not in bucket_folders(record.bucket):
        what = f"its path is not below the folder of the bucket '{record.bucket}'"
        return Finding(record, DamageKind.OUTSIDE_BUCKET, what)
    return None


def find_other_tags(storage: Storage, path: str, method: str) -> Iterator[str]:
    """Yield the hashes of what an object would hold if it were compressed in another way."""
    for other in METHODS:
        if other != method:
            look = look_at_object(storage, path, other)
            if look.tag and look.size:
                yield look.tag
