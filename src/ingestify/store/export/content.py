"""What a file of an export has in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from ingestify.domain.file import File
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["ExportedContent", "MadeContent", "ProvidersContent", "digest_of"]

_CHUNK_BYTES = 1 << 20


class ExportedContent(Protocol):
    """The bytes of one file of an export."""

    @property
    def tag(self) -> str | None:
        """Their sha256; None: it is known only when they are made."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""


class ProvidersContent:
    """Exactly the provider's bytes; their hash is compared before the last of them. Memory stays flat."""

    def __init__(self, store: DatasetReader, file: File) -> None:
        self._store = store
        self._file = file

    @property
    def tag(self) -> str:
        """The sha256."""
        return self._file.tag

    def __iter__(self) -> Iterator[bytes]:
        """Yield them.

        Raises:
            IntegrityError: The object is missing or damaged.
        """
        with self._store.opener(self._file)() as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk


class MadeContent:
    """Bytes that were made for the export."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.tag: str | None = hashlib.sha256(content).hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """Yield them in one chunk."""
        yield self._content


def digest_of(chunks: ExportedContent) -> str:
    """Return the sha256 of the bytes, which are made if it is not known."""
    if chunks.tag is not None:
        return chunks.tag
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
