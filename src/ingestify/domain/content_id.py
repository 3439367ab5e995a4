"""Content ids: names of a file's content that anybody can compute from its bytes, such as a Git blob id.

A source may know the content id of a file before the file is requested, from a list of the provider. Then a file that
the lake has is not requested, and a file that comes is compared with it. Each content id has a scheme:

- `git-blob:` and 40 digits: the id that Git gives the content (the sha1 of a header with its size, and of the bytes);
- `sha256:` and 64 digits: the sha256 of the bytes, as Git LFS names a content.

Both are hexadecimal, in lower case.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, BinaryIO

__all__ = ["git_blob", "git_blob_of", "is_content_id", "is_git_blob", "json_text", "sha256", "sha256_of_json"]

_GIT_BLOB, _SHA256 = "git-blob:", "sha256:"
_CONTENT_ID = re.compile(rf"{_GIT_BLOB}[0-9a-f]{{40}}|{_SHA256}[0-9a-f]{{64}}")
_CHUNK_BYTES = 1 << 18

# Made once: json.dumps makes an encoder for each call that has options.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def is_content_id(text: object) -> bool:
    """Return whether a value is a content id of a known scheme."""
    return isinstance(text, str) and _CONTENT_ID.fullmatch(text) is not None


def is_git_blob(content_id: str) -> bool:
    """Return whether a content id is a Git blob id."""
    return content_id.startswith(_GIT_BLOB)


def git_blob(blob_id: str) -> str:
    """Return the content id of a Git blob id, 40 hexadecimal digits."""
    return _GIT_BLOB + blob_id


def sha256(digest: str) -> str:
    """Return the content id of a sha256, 64 hexadecimal digits."""
    return _SHA256 + digest


def json_text(content: Any) -> str:
    """Return JSON values as the text that the lake stores for them.

    Raises:
        TypeError, ValueError, RecursionError: It is no JSON, such as NaN.
    """
    return _encode(content)


def sha256_of_json(content: Any) -> str | None:
    """Return the content id of JSON values, as the lake stores them; None: they are no JSON."""
    try:
        return sha256(hashlib.sha256(json_text(content).encode()).hexdigest())
    except (TypeError, ValueError, RecursionError):
        return None


def git_blob_of(stream: BinaryIO, size: int) -> str:
    """Return the content id that Git gives a stream's remaining bytes.

    Args:
        stream: The bytes.
        size: Their number. With another number, the result is the id of no content.
    """
    # No secret depends on it: it is how Git names contents.
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return git_blob(digest.hexdigest())
