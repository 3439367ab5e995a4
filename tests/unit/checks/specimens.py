"""Files in memory, in the two ways in which they are checked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from ingestify.checks.files import check_bytes, check_stream

STORED_AS_THEY_ARE = frozenset({"docx", "m4a", "m4v", "mov", "mp4", "parquet", "xlsx", "zip"})

HTML_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><title>Down for maintenance</title></head>
<body><h1>We&rsquo;ll be back soon!</h1></body></html>
"""

LFS_POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345678
"""

S3_ERROR = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>656c76696e6727</RequestId></Error>"""


class Forward(io.RawIOBase):
    """A stream that cannot seek, and gives a few bytes at a time."""

    opened = 0
    closed_again = 0

    def __init__(self, body: bytes, step: int = 7000) -> None:
        self._inner = io.BytesIO(body)
        self._step = step
        type(self).opened += 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(min(self._step, len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            type(self).closed_again += 1
        super().close()


def problem_in_stream(body: bytes, form: str | None) -> str:
    """Check a file through streams, which can seek only where the lake's can."""

    def open_stream() -> BinaryIO:
        if (form or "").rpartition(".")[2].lower() in STORED_AS_THEY_ARE:
            return io.BytesIO(body)
        return cast(BinaryIO, Forward(body))

    before = Forward.opened - Forward.closed_again
    problem = check_stream(open_stream, len(body), form).problem
    assert Forward.opened - Forward.closed_again == before, "a stream was left open"
    return problem


def problem_of(body: bytes, form: str | None, shapes: Sequence[Any] = ()) -> str:
    """Return the problem of a file, which is the same in memory and in streams, and one line."""
    problem = check_bytes(body, form, shapes).problem
    assert problem_in_stream(body, form) == problem
    assert problem == problem.strip()
    assert problem.isprintable()
    assert len(problem) < 300
    assert not problem.endswith(".")
    return problem
