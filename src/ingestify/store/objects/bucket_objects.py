"""The objects of one bucket: begun, moved to their places, and written again where they were lost."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

from ingestify.domain.change import NewFile
from ingestify.domain.file import File
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import Storage
from ingestify.failpoints import failpoint
from ingestify.store.objects.compression import check_method, is_compressed
from ingestify.store.objects.identity import LakeIdentity
from ingestify.store.objects.layout import Layout, require_inside
from ingestify.store.objects.staging import StagedFile

__all__ = ["BucketObjects"]


class BucketObjects:
    """Writes the objects of one bucket. Every method may be called from any thread.

    Args:
        layout: How they are spread over folders.
        compression: `zstd`, `gzip` or `none`, for new ones; old ones are read whatever they have.
        identity: Sees to it that the storage is the catalogue's before anything is written.
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
        """Begin a file; see `StagedFile`.

        Args:
            identity: Returns what stands for the file before its bytes are known, the same in each run, if a later
                run may go on where an earlier one was cut off. Only asked where that may come to pass: what is
                compressed on its way into the lake cannot be continued, and is a fraction of its size.
            method: How it is compressed, as far as that makes sense; None: as the lake's new objects are.
        """
        method = method or self._compression
        key = None
        is_stored_as_it_is = method == "none" or is_compressed(serialization_format, b"")
        if identity is not None and (is_stored_as_it_is or serialization_format is None):
            # With what decides on how it is stored, so that this need not be noted beside it.
            text = "\n".join((identity(), method, serialization_format or ""))
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return StagedFile(self.storage, method, serialization_format, key)

    def publish(
        self, provider: str, dataset_type: str, identifier: Identifier, drafts: Sequence[tuple[StagedFile, NewFile]]
    ) -> list[NewFile]:
        """Move persisted files to their final places, durably, and return them with their paths.

        Args:
            drafts: Each staged file with what is known of it; size, hash and path are filled in here.
        """
        place = self.places(provider, dataset_type, identifier)
        objects, files = [], []
        for staged, draft in drafts:
            assert staged.temporary is not None, "published before persist()"
            file = dataclasses.replace(
                draft,
                size=staged.size,
                tag=staged.tag,
                storage_size=staged.storage_size,
                storage_compression_method=staged.compression_method,
            )
            path = place(file)
            objects.append((staged.temporary, path))
            files.append(dataclasses.replace(file, storage_path=path))
        self._identity.claim()
        failpoint("publish.begun")
        self.storage.publish(objects)
        return files

    def places(self, provider: str, dataset_type: str, identifier: Identifier) -> Callable[[File | NewFile], str]:
        """Return what says where in this bucket a file of a dataset belongs, by its feed, hash and compression."""
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

    def restore(self, file: File, staged: StagedFile) -> None:
        """Write a file of the lake over its object, with the same bytes fetched anew and persisted."""
        assert staged.tag == file.tag, "restored with other bytes"
        assert staged.temporary is not None, "restored before persist()"
        self._identity.claim()
        self.storage.publish([(staged.temporary, file.storage_path)])
