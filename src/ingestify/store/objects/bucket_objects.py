"""The objects of one bucket: they are staged, published, and restored if they were lost."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

from ingestify.domain.file import File, NewFile
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import Storage
from ingestify.errors import IntegrityError, StoreError
from ingestify.failpoints import failpoint
from ingestify.store.objects.compression import check_method, is_compressed, open_decompressed
from ingestify.store.objects.identity import LakeIdentity
from ingestify.store.objects.layout import Layout, require_inside
from ingestify.store.objects.staging import StagedFile

__all__ = ["BucketObjects"]

_CHUNK_BYTES = 1 << 20


class BucketObjects:
    """Writes the objects of one bucket. Every method may be called from any thread.

    Args:
        layout: How objects are spread over folders.
        compression: `zstd`, `gzip` or `none`, for new objects.
        identity: Makes sure that the storage is the catalogue's before anything is written.
    """

    def __init__(self, storage: Storage, bucket: str, layout: Layout, compression: str, identity: LakeIdentity) -> None:
        self.storage = storage
        self._identity = identity
        self._bucket = bucket
        self._layout = layout
        self._compression = check_method(compression)

    def stage(
        self,
        serialization_format: str | None,
        identity: Callable[[], str] | None = None,
        *,
        method: str | None = None,
    ) -> StagedFile:
        """Begin a staged file.

        Args:
            serialization_format: The declared format, or None.
            identity: Returns a text that identifies the file before its bytes are known, the same in each run, so that
                a later run can resume the download. None: it is not resumed. It is only called for a file that is
                stored without further compression: a compressed one cannot be resumed, and is a fraction of its size.
            method: The compression, if it makes sense for the file; None: that of the lake's new objects.
        """
        method = method or self._compression
        key = None
        is_stored_as_it_is = method == "none" or is_compressed(serialization_format, b"")
        if identity is not None and (is_stored_as_it_is or serialization_format is None):
            # The key has all that decides how the file is stored, so the partial object needs no note of it.
            text = "\n".join((identity(), method, serialization_format or ""))
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return StagedFile(self.storage, method, serialization_format, key)

    def publish(
        self, provider: str, dataset_type: str, identifier: Identifier, drafts: Sequence[tuple[StagedFile, NewFile]]
    ) -> list[NewFile]:
        """Move the persisted files of a dataset to their final paths. Returns each with its path filled in."""
        place = self.places(provider, dataset_type, identifier)
        objects, files = [], []
        for staged, draft in drafts:
            assert staged.temporary is not None, "published before persist()"
            path = place(draft)
            objects.append((staged.temporary, path))
            files.append(dataclasses.replace(draft, storage_path=path))
        self._identity.claim()
        failpoint("publish.begun")
        self.storage.publish(objects)
        return files

    def places(self, provider: str, dataset_type: str, identifier: Identifier) -> Callable[[File | NewFile], str]:
        """Return a function that makes the path of a file of a dataset, from its feed, hash and compression."""
        folder = self._layout.folder(self._bucket, provider, dataset_type, identifier)

        def place(file: File | NewFile) -> str:
            name = self._layout.file_name(
                file.data_feed_key,
                file.data_spec_version,
                file.tag,
                file.data_serialization_format,
                file.storage_compression_method,
            )
            return require_inside(self._bucket, f"{folder}/{name}")

        return place

    def restore(self, file: File, staged: StagedFile) -> bool:
        """Replace the object of a file by a staged file with the same bytes, unless it is whole.

        Another compressor, such as that of the published package, makes an object of another size.

        Returns:
            Whether it was replaced.
        """
        assert staged.tag == file.tag, "restored with other bytes"
        assert staged.temporary is not None, "restored before persist()"
        if self._is_whole(file):
            return False
        self._identity.claim()
        self.storage.publish([(staged.temporary, file.storage_path)])
        self.storage.settle()  # the row is there already
        return True

    def _is_whole(self, file: File) -> bool:
        digest = hashlib.sha256()
        try:
            if self.storage.get_size(file.storage_path) != file.storage_size:
                return False
            raw = self.storage.open(file.storage_path)
            with open_decompressed(file.storage_compression_method, raw, file.storage_path) as stream:
                while data := stream.read(_CHUNK_BYTES):
                    digest.update(data)
        except (IntegrityError, StoreError, OSError):
            return False
        return digest.hexdigest() == file.tag
