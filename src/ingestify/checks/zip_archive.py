"""A ZIP archive: a central directory, and members with the right CRCs. Nothing is extracted."""

from __future__ import annotations

import contextlib
from typing import BinaryIO

from ingestify.checks.appearance import mismatch
from ingestify.checks.content import Content
from ingestify.checks.problem import Problem
from ingestify.checks.zip_directory import read_directory
from ingestify.checks.zip_member import CannotInflate, iter_inflated

__all__ = ["check"]


def check(content: Content) -> None:
    """Raise a Problem unless there is a member, and each inflates to its CRC.

    A member that is encrypted, or compressed with an unsupported method, passes. Of a stream that cannot seek only the
    first bytes are checked.
    """
    head = content.head()
    if not head.startswith(b"PK"):
        raise mismatch(head, "ZIP")
    with content.open() as stream:
        if stream.seekable():
            _check_archive(stream)


def _check_archive(stream: BinaryIO) -> None:
    members = read_directory(stream)
    if members is None:
        return
    files = [member for member in members if not member.is_folder]
    if not files:
        raise Problem("the ZIP archive holds no file")
    for file in files:
        with contextlib.suppress(CannotInflate):
            for _ in iter_inflated(stream, file):  # at its end the CRC is compared
                pass
