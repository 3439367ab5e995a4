"""Files in Git LFS: at the file's own URL the host serves a pointer, and the bytes are at another URL.

Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import BinaryIO

from ingestify.domain.content_id import git_blob_of
from ingestify.domain.file import DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.resource import FileResource
from ingestify.errors import IntegrityError, SourceError
from ingestify.fetch.loader import retrieve_http
from ingestify.masking import mask_url

__all__ = ["LfsPointer", "load_lfs_file", "read_pointer"]

MOST_BYTES = 1024
"""The specification limits pointer files to less than this."""

_VERSION = b"version https://git-lfs.github.com/spec/"
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})\r?$", re.MULTILINE)
_SIZE = re.compile(rb"^size ([0-9]+)\r?$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class LfsPointer:
    """The content of a pointer file.

    Attributes:
        sha256: The hash of the file's bytes, hexadecimal. The lake uses the same hash as the file's tag.
        size: The number of bytes.
    """

    sha256: str
    size: int


def read_pointer(stream: BinaryIO) -> LfsPointer | None:
    """Return the pointer in a stream, or None if the stream is no pointer file. The stream is rewound.

    Raises:
        SourceError: The stream begins as a pointer file and lacks the hash or the size.
    """
    head = stream.read(MOST_BYTES)
    stream.seek(0)
    if not head.startswith(_VERSION):
        return None
    oid, size = _OID.search(head), _SIZE.search(head)
    if oid is None or size is None:
        raise SourceError("it begins as a Git LFS pointer, and names no sha256 or no size")
    return LfsPointer(oid[1].decode(), int(size[1]))


def load_lfs_file(
    file_resource: FileResource,
    current_file: File | None,
    validators: Validators,
    *,
    url: str,
    media_url: str | None,
    ignore_not_found: bool = False,
) -> DraftFile | NotModifiedFile | None:
    """Load a file that may be in Git LFS. A file loader; worker threads call it.

    A run in which nothing changed costs one conditional request for the pointer, and none if the source knows the
    content id of what is at the URL. The hash in a new pointer says whether the lake has the bytes already.

    Args:
        file_resource: The announced file.
        current_file: The lake's file, or None.
        validators: The validators of the lake's file, or of its pointer.
        url: The URL of the file or of its pointer.
        media_url: The URL of the bytes of a pointer; None: no pointer is expected.
        ignore_not_found: Whether a 404 leaves the file out.

    Raises:
        FetchError: A request failed.
        SourceError: There is a pointer and no media_url; or the pointer cannot be read.
        IntegrityError: The bytes do not have the size and hash of the pointer, or what is at the URL does not have its
            content id.
    """
    url, expected = file_resource.pinned_url or url, file_resource.content_id
    if expected is None:
        found = _retrieve(file_resource, url, current_file, validators, ignore_not_found=ignore_not_found)
    else:
        found = _retrieve_listed(file_resource, url, expected, current_file)
    if not isinstance(found, DraftFile):
        return found
    try:
        pointer = read_pointer(found.stream)
    except BaseException:
        found.stream.close()
        raise
    if pointer is None:
        return found
    found.stream.close()
    if current_file is not None and current_file.tag == pointer.sha256:
        return NotModifiedFile(None, "the Git LFS pointer names the bytes that the lake has", found.validators)
    if media_url is None:
        raise SourceError(
            f"{mask_url(url)} is a Git LFS pointer, and the URL of its bytes is unknown: give the source a media_url."
        )
    media = _retrieve(file_resource, media_url, None, Validators())
    assert isinstance(media, DraftFile), "asked for in full"
    try:
        _verify(media, pointer, media_url)
    except BaseException:
        media.stream.close()
        raise
    return dataclasses.replace(media, validators=found.validators)


def _retrieve(
    file: FileResource, url: str, current_file: File | None, validators: Validators, *, ignore_not_found: bool = False
) -> DraftFile | NotModifiedFile | None:
    return retrieve_http(
        url,
        current_file,
        http_validators=validators,
        http_ignore_not_found=ignore_not_found,
        file_data_feed_key=file.data_feed_key,
        file_data_spec_version=file.data_spec_version,
        file_data_serialization_format=file.data_serialization_format,
    )


def _retrieve_listed(
    file: FileResource, url: str, expected: str, current_file: File | None
) -> DraftFile | NotModifiedFile:
    """Return a file, or its pointer, of which the content id is known.

    Raises:
        IntegrityError: It has other bytes.
    """
    found = _retrieve(file, url, None, Validators())
    assert isinstance(found, DraftFile), "asked for in full"
    try:
        size = found.stream.seek(0, os.SEEK_END)
        found.stream.seek(0)
        came = git_blob_of(found.stream, size)
        found.stream.seek(0)
        if came != expected:
            raise IntegrityError(
                f"{mask_url(url)} has {size:,} bytes with the content id {came}, and the provider's list names "
                f"{expected}; the next run asks again."
            )
        is_same = current_file is not None and current_file.tag == found.compute_tag()
    except BaseException:
        found.stream.close()
        raise
    if is_same:
        found.stream.close()
        return NotModifiedFile(None, "the provider has the same bytes", found.validators)
    return found


def _verify(media: DraftFile, pointer: LfsPointer, media_url: str) -> None:
    size = media.stream.seek(0, os.SEEK_END)
    media.stream.seek(0)
    if size != pointer.size or media.compute_tag() != pointer.sha256:
        raise IntegrityError(
            f"{mask_url(media_url)} has {size:,} bytes that are not the {pointer.size:,} bytes with the sha256 "
            f"{pointer.sha256[:12]}… that the Git LFS pointer names; the next run asks again."
        )
