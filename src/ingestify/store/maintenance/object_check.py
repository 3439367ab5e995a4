"""The check of one object: what it holds, compared with what a row says of it."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator, Sequence

from ingestify.domain.damage import DamageKind, FileRecord
from ingestify.domain.ports import Storage
from ingestify.errors import IntegrityError, StoreError
from ingestify.store.objects.compression import METHODS, open_decompressed
from ingestify.store.objects.layout import bucket_folders, is_inside

__all__ = ["Finding", "ObjectContent", "compare", "find_other_tags", "read_object"]

_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectContent:
    """What reading an object to its end found.

    Attributes:
        stored_size: Its size in the storage in bytes; None: it is not there.
        size: The number of its bytes after decompression.
        tag: The sha256 of these bytes.
        problem: Why it cannot be decompressed; empty: it can.
        refusal: Why the storage cannot read it; empty: it can.
    """

    stored_size: int | None
    size: int = 0
    tag: str = ""
    problem: str = ""
    refusal: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with an object, compared with one row.

    Attributes:
        record: The row.
        kind: The kind of damage.
        what: The damage, for people.
        content: What the object holds; None: it was not read.
        tags: The hashes of the bytes that it may hold instead.
    """

    record: FileRecord
    kind: DamageKind
    what: str
    content: ObjectContent | None = None
    tags: Sequence[str] = ()


def read_object(storage: Storage, path: str, method: str, stop: threading.Event | None = None) -> ObjectContent:
    """Read an object to its end, with the compression that its row says. Memory stays flat.

    When `stop` is set, the rest is not read, and the result means nothing.
    """
    size, digest = 0, hashlib.sha256()
    stored_size = None
    try:
        stored_size = storage.get_size(path)
        if stored_size is None:
            return ObjectContent(None)
        with open_decompressed(method, storage.open(path), path) as stream:
            while (data := stream.read(_CHUNK_BYTES)) and not (stop and stop.is_set()):
                size += len(data)
                digest.update(data)
    except IntegrityError as error:
        return ObjectContent(storage.get_size(path), problem=str(error.__cause__ or error).rstrip("."))
    except (StoreError, OSError) as error:
        return ObjectContent(stored_size, refusal=str(error).rstrip("."))
    return ObjectContent(stored_size, size, digest.hexdigest())


def compare(record: FileRecord, content: ObjectContent) -> Finding | None:
    """Return what is wrong with an object, compared with its row; None: it is as it was stored."""
    file = record.file

    def finding(kind: DamageKind, what: str) -> Finding:
        return Finding(record, kind, what, content, (content.tag,) if content.tag and content.size else ())

    if content.refusal:
        return finding(DamageKind.UNREADABLE, content.refusal)
    if content.stored_size is None:
        return finding(DamageKind.MISSING, "it is not in the storage")
    if content.tag == file.tag:
        if (content.size, content.stored_size) == (file.size, file.storage_size):
            return None
        return finding(
            DamageKind.WRONG_SIZE,
            f"its bytes are right, and there are {content.size:,}, stored in {content.stored_size:,}; the catalogue "
            f"says {file.size:,}, stored in {file.storage_size:,}",
        )
    if content.stored_size < file.storage_size:
        return finding(
            DamageKind.TRUNCATED, f"it has {content.stored_size:,} bytes, and {file.storage_size:,} were stored"
        )
    if content.problem:
        return finding(
            DamageKind.UNDECODABLE, f"it cannot be decompressed ({file.storage_compression_method}): {content.problem}"
        )
    longer = "the same length" if content.stored_size == file.storage_size else f"{content.stored_size:,} bytes"
    return finding(
        DamageKind.ALTERED,
        f"it has {longer} and other bytes: sha256 {content.tag[:12]}…, and {file.tag[:12]}… was stored",
    )


def find_outside(record: FileRecord) -> Finding | None:
    """Return what is wrong with a row's path; None: it lies in the bucket."""
    if not is_inside(record.file.storage_path):
        return Finding(record, DamageKind.OUTSIDE_BUCKET, "its path leaves the lake")
    if record.file.storage_path.split("/")[0] not in bucket_folders(record.bucket):
        what = f"its path is not below the folder of the bucket '{record.bucket}'"
        return Finding(record, DamageKind.OUTSIDE_BUCKET, what)
    return None


def find_other_tags(storage: Storage, path: str, method: str) -> Iterator[str]:
    """Yield the hashes of an object's bytes if its compression is another one than its row says."""
    for other in METHODS:
        if other != method:
            content = read_object(storage, path, other)
            if content.tag and content.size:
                yield content.tag
