"""The file loaders of deliveries: they stream a delivered file, or a member of a delivered archive."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO, cast

from ingestify.checks.archive import Archive
from ingestify.checks.zip_directory import plain_name
from ingestify.domain.delivery import DeliveredFile, Delivery
from ingestify.domain.file import DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.resource import FileResource
from ingestify.errors import FetchError, IntegrityError, SourceError
from ingestify.fetch.current_context import current_context
from ingestify.sources.files import glob

__all__ = ["load_file", "load_member", "version_of"]


def version_of(file: DeliveredFile, member: str = "") -> str:
    """Return the version of a file, or of a member of it, without reading its bytes.

    Args:
        file: As it was listed.
        member: The pattern of the member; empty: the file itself.
    """
    identity = "\n".join((file.path, file.version, member))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def load_file(
    file_resource: FileResource,
    current_file: File | None,
    validators: Validators,
    *,
    delivery: Delivery,
    file: DeliveredFile,
) -> DraftFile | NotModifiedFile:
    """Load a file, unless by its listing the lake has it. A file loader; worker threads call it.

    Raises:
        SourceError: The file cannot be read, or changes while it is read.
    """
    if current_file is not None and validators.etag == file_resource.content_version:
        return NotModifiedFile(file.modified_at, "neither its time nor its size has changed")
    return _draft(file_resource, delivery.open(file), file)


def load_member(
    file_resource: FileResource,
    current_file: File | None,
    validators: Validators,
    *,
    delivery: Delivery,
    file: DeliveredFile,
    pattern: str,
) -> DraftFile | NotModifiedFile | None:
    """Load a member of an archive, without copying the archive; None if it has no such member.

    Raises:
        SourceError: The archive cannot be read, or several members match the pattern.
        IntegrityError: The file is no archive, or an archive beyond the limits.
    """
    if current_file is not None and validators.etag == file_resource.content_version:
        return NotModifiedFile(file.modified_at, "neither the time nor the size of its archive has changed")
    stream = delivery.open(file)
    try:
        archive = Archive(stream)
        names = _names_of(archive, pattern)
        if len(names) > 1:
            raise SourceError(f"{file.path} has several members that are '{pattern}': {names[0]} and {names[1]}")
        if not names:
            stream.close()
            return None
        return _draft(file_resource, archive.open_member(names[0]), file, beside=stream)
    except IntegrityError as error:
        stream.close()
        raise IntegrityError(f"{file.path}: {error}") from error
    except BaseException:
        stream.close()
        raise


def _names_of(archive: Archive, pattern: str) -> list[str]:
    """Return the members that match a pattern; if none does, those that match without regard to case."""
    pattern = plain_name(pattern)
    return [name for name in archive.names if glob.matches(pattern, name)] or [
        name for name in archive.names if glob.matches(pattern.lower(), name.lower())
    ]


def _draft(
    file_resource: FileResource,
    stream: BinaryIO,
    file: DeliveredFile,
    *,
    beside: BinaryIO | None = None,
) -> DraftFile:
    return DraftFile.from_input(
        cast(BinaryIO, _Stoppable(stream, beside, file.path)),
        file_resource.data_feed_key,
        file_resource.data_spec_version,
        file_resource.data_serialization_format or "bin",
        modified_at=file.modified_at,
    )


class _Stoppable(io.RawIOBase):
    """A stream that ends with an error when the run is stopped, so that a stop does not wait for many GB.

    Args:
        stream: The content.
        beside: Another stream to close with this one.
        path: The path of the delivered file, for messages.
    """

    def __init__(self, stream: BinaryIO, beside: BinaryIO | None, path: str) -> None:
        self._path = path
        self._stream = stream
        self._beside = beside
        self._stop = current_context().stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._stop.is_set():
            raise FetchError("stopped before all of the file was read")
        try:
            return self._stream.readinto(buffer)  # type: ignore[attr-defined, no-any-return]
        except IntegrityError as error:
            raise IntegrityError(f"{self._path}: {error}") from error

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            if self._beside is not None:
                self._beside.close()
        super().close()
