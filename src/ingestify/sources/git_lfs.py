"""Files that a Git host keeps in Git LFS: where the file should be it serves a pointer, and the bytes are elsewhere.

Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import BinaryIO

from ingestify.domain.file import DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.resource import FileResource
from ingestify.errors import IntegrityError, SourceError
from ingestify.fetch.loader import retrieve_http
from ingestify.masking import mask_url

__all__ = ["LfsPointer", "load_lfs_file", "read_pointer"]

MOST_BYTES = 1024
"""A pointer file is smaller than this, by its specification."""

_VERSION = b"version https://git-lfs.github.com/spec/"
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})\r?$", re.MULTILINE)
_SIZE = re.compile(rb"^size ([0-9]+)\r?$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class LfsPointer:
    """What a pointer file says of the file that it stands for.

    Attributes:
        sha256: Of its bytes, hexadecimal: the tag that the lake gives to the same bytes.
        size: Their number.
    """

    sha256: str
    size: int


def read_pointer(stream: BinaryIO) -> LfsPointer | None:
    """Return what a pointer file says, or None if the stream holds something else; it is rewound either way.

    Raises:
        SourceError: It begins as a pointer file, and does not go on as one.
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
    """Bring a file that may be in Git LFS; a file loader, called by worker threads.

    A run in which nothing changed costs one conditional request, for the pointer; the sha256 in it says whether the
    lake has the bytes already.

    Args:
        file_resource: Which feed it is.
        current_file: What the lake has, or None.
        validators: Of what the lake has: those of the pointer, where there is one.
        url: Where the file is, or its pointer.
        media_url: Where the bytes are that a pointer stands for; None: there should be none.
        ignore_not_found: Whether a 404 leaves the file out.

    Raises:
        FetchError: It could not be had.
        SourceError: There is a pointer, and nobody says where the bytes are; or it makes no sense.
        IntegrityError: The bytes are not those that the pointer names.
    """
    found = _retrieve(file_resource, url, current_file, validators, ignore_not_found=ignore_not_found)
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
            f"{mask_url(url)} is a Git LFS pointer, and nobody says where the bytes are: give the source a media_url."
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


def _verify(media: DraftFile, pointer: LfsPointer, media_url: str) -> None:
    size = media.stream.seek(0, os.SEEK_END)
    media.stream.seek(0)
    if size != pointer.size or media.compute_tag() != pointer.sha256:
        raise IntegrityError(
            f"{mask_url(media_url)} has {size:,} bytes that are not the {pointer.size:,} bytes with the sha256 "
            f"{pointer.sha256[:12]}… that the Git LFS pointer names; the next run asks again."
        )
