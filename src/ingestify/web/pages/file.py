"""A provider's file, as it is stored: always as an attachment, which no browser opens as a page of this server."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from ingestify.progress.printable import printable
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.page import Asked, Attachment, NotShown

__all__ = ["FILE"]

_CHUNK = 1 << 18
_LONGEST_NAME = 120


def respond(asked: Asked) -> Response:
    """Return the provider's bytes."""
    dataset = numbered(asked_dataset(asked), asked.first("revision"))
    file_id = asked.parts["file_id"]
    file = dataset.files.get(file_id)
    if file is None or file.file_id != file_id:
        raise NotShown(404, f"{dataset.name} has no file {file_id}; it has {', '.join(dataset.files) or 'none'}.")
    stream = asked.lake.store.opener(file)()
    try:
        first = stream.read(_CHUNK)  # a file that is damaged here is an error, and no download that breaks off
    except BaseException:
        stream.close()
        raise
    name = (
        f"{(dataset.name or dataset.dataset_id)[:_LONGEST_NAME]} {file.data_feed_key}.{file.data_serialization_format}"
    )
    headers = {
        "Content-Disposition": _attachment(name),
        "Content-Length": str(file.size),
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }
    return StreamingResponse(_chunks(first, stream), headers=headers, media_type="application/octet-stream")


def _attachment(name: str) -> str:
    """Return the header of RFC 6266, with the name as ASCII for old programs; without what turns or breaks a line."""
    name = printable(name)
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"


def _chunks(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        chunk = first
        while chunk:
            yield chunk
            chunk = stream.read(_CHUNK)


FILE = Attachment("/datasets/{dataset_id}/files/{file_id:path}", respond)
