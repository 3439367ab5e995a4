"""Reads the objects of a lake of the published package, once each, and copies them to another lake if wanted."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, cast

from ingestify.domain.adoption import ObjectFacts, find_damage
from ingestify.domain.file import File
from ingestify.domain.ports import Storage, TemporaryObject
from ingestify.errors import IntegrityError, StoreError
from ingestify.inflation import GZIP_MAGIC
from ingestify.store.maintenance.object_copy import PassingReader
from ingestify.store.objects.compression import open_decompressed
from ingestify.store.objects.layout import is_inside

__all__ = ["AdoptedObjects"]

_CHUNK_BYTES = 1 << 20
_TRAILER_BYTES = 4

PlaceOf = Callable[[File], str]
"""Returns the path of a file in our lake; its tag is the sha256."""


class AdoptedObjects:
    """Reads objects in several threads. The end of its `with` block stops those that are not done.

    Args:
        source: Where the published package's objects are.
        target: Where they are copied to; None: they stay where they are.
        workers: How many are read at once.
        on_object: Called with the size of each object in bytes, in the thread that read it.
        dry_run: No object is read: it is only looked up whether it has its size.
    """

    def __init__(
        self,
        source: Storage,
        target: Storage | None,
        workers: int,
        *,
        on_object: Callable[[int], None],
        dry_run: bool,
    ) -> None:
        self._source = source
        self._target = target
        self._on_object = on_object
        self._dry_run = dry_run
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(workers, "adopt")

    def __enter__(self) -> AdoptedObjects:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, file: File, place_of: PlaceOf) -> Future[ObjectFacts | str]:
        """Begin to read the object of a file.

        Args:
            file: The file, with the tag of the published package.
            place_of: For a copy: the path of the file in the target.

        Returns:
            The future facts, or why it cannot be had. It may raise StoreError: the storage refused.
        """
        return self._pool.submit(self._look_up if self._dry_run else self._take, file, place_of)

    def _look_up(self, file: File, _: PlaceOf) -> ObjectFacts | str:
        if not is_inside(file.storage_path):
            return _outside(file)
        size = self._source.get_size(file.storage_path)
        if size is None:
            return "its object is missing"
        self._on_object(size)
        tag = file.tag if size == file.storage_size else ""
        return ObjectFacts(file.storage_path, file.size, tag, tag, size, tag, tag, file.size)

    def _take(self, file: File, place_of: PlaceOf) -> ObjectFacts | str:
        if not is_inside(file.storage_path):
            return _outside(file)
        if self._target is None:
            return self._read(file, None)
        temporary = self._target.create_temporary()
        try:
            facts = self._read(file, temporary)
            if isinstance(facts, str) or find_damage(file, facts) is not None:
                return facts  # nothing damaged comes into a lake
            path = place_of(facts.of_what_came(file))
            temporary.finish()
            self._target.publish([(temporary, path)])
            return dataclasses.replace(facts, path=path)
        finally:
            temporary.discard()

    def _read(self, file: File, temporary: TemporaryObject | None) -> ObjectFacts | str:
        stored, stored_sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        tail = head = b""

        def pass_on(data: bytes) -> None:
            nonlocal tail
            stored.update(data)
            stored_sha256.update(data)
            tail = (tail + data)[-_TRAILER_BYTES:]
            if temporary is not None:
                temporary.write(data)

        path = file.storage_path
        size, sha256, sha1 = 0, hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
        try:
            passing = PassingReader(self._source.open(path), pass_on, self._stop)
            with open_decompressed(file.storage_compression_method, cast(BinaryIO, passing), path) as stream:
                while data := stream.read(_CHUNK_BYTES):
                    head = head or data[: len(GZIP_MAGIC)]
                    size += len(data)
                    sha256.update(data)
                    sha1.update(data)
                while passing.read(_CHUNK_BYTES):
                    pass
        except IntegrityError as error:
            is_there = self._source.get_size(path) is not None
            return (
                f"its object cannot be decompressed: {error.__cause__ or error}"
                if is_there
                else "its object is missing"
            )
        except OSError as error:
            raise StoreError(
                f"The object {path} cannot be read: {error.strerror or error}; look at the storage, then adopt again."
            ) from error
        self._on_object(passing.count)
        return ObjectFacts(
            path=path,
            size=size,
            sha256=sha256.hexdigest(),
            sha1=sha1.hexdigest(),
            stored_size=passing.count,
            stored_sha1=stored.hexdigest(),
            stored_sha256=stored_sha256.hexdigest(),
            trailer_size=int.from_bytes(tail, "little"),
            holds_gzip=head == GZIP_MAGIC,
        )


def _outside(file: File) -> str:
    return f"its path {file.storage_path!r} may lead out of the lake"
