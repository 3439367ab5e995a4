"""Checkpoints of a partial download: its hash after each MiB, so that a later process can verify and resume it.

The first line names the version of the file, each other line is `offset digest`. A digest covers the bytes up to the
offset and the first line. So data that does not fit its checkpoints after a power loss (data without checkpoints,
checkpoints without data, zeros, parts of an older version) is recognized, and nothing has to be synced meanwhile.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from ingestify.domain.ports import FileVersion, PartialObject

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Checkpoints", "ResumedObject", "resume"]

STEP_BYTES = 1 << 20
"""At most so many bytes are fetched a second time."""

_READ_BYTES = 1 << 20
_FORMAT = 1


class Checkpoints:
    """Writes checkpoints while a file arrives. Used by one thread at a time.

    Args:
        head: The first line.
        reached: The offset of the last checkpoint.
    """

    def __init__(self, partial: PartialObject, head: bytes, reached: int = 0) -> None:
        self._partial = partial
        self._head = head
        self._reached = reached

    @classmethod
    def begin(cls, partial: PartialObject, version: FileVersion) -> Checkpoints:
        """Write the first line for an object that is still empty."""
        partial.restart()
        head = json.dumps({"format": _FORMAT, **dataclasses.asdict(version)}).encode() + b"\n"
        partial.add_note(head)
        return cls(partial, head)

    def note(self, size: int, digest: _Hash, *, always: bool = False) -> None:
        """Write a checkpoint for the `size` bytes so far, if the last one is a step ago.

        With `always`, a single further byte is enough, because no more bytes come.
        """
        if size - self._reached >= (1 if always else STEP_BYTES):
            self._partial.add_note(_line(size, digest, self._head))
            self._reached = size


class ResumedObject(msgspec.Struct, frozen=True):
    """A partial object that was cut to its last valid checkpoint.

    Attributes:
        version: The version of the file.
        size: Its size in bytes.
        digest: The hash of its bytes, to be continued.
        checkpoints: Writes the next checkpoints.
    """

    version: FileVersion
    size: int
    digest: _Hash
    checkpoints: Checkpoints


def resume(partial: PartialObject) -> ResumedObject | None:
    """Read a partial object, and cut it to its last valid checkpoint; None: it has no valid one."""
    notes = partial.read_notes()
    head, newline, rest = notes.partition(b"\n")
    head += newline
    version = _version(head)
    if version is None:
        return None
    notes_size = len(head)
    size = 0
    digest = hashlib.sha256()
    seen = digest.copy()
    lines = rest.splitlines(keepends=True)
    # If the file is complete, its last step is fetched again: there is no range behind its end to request, and the
    # provider must confirm that it is still the same file.
    if version.size is None:
        lines = lines[:-1]
    with partial.open() as stream:
        for line in lines:
            offset = _offset(line)
            if offset <= size or (version.size is not None and offset >= version.size):
                break
            if not _hash_up_to(stream, offset - size, seen) or line != _line(offset, seen, head):
                break
            size, digest = offset, seen.copy()
            notes_size += len(line)
    if not size:
        return None
    partial.cut(size, notes_size)
    return ResumedObject(version, size, digest, Checkpoints(partial, head, size))


def _line(offset: int, digest: _Hash, head: bytes) -> bytes:
    bound = digest.copy()
    bound.update(head)
    return b"%d %s\n" % (offset, bound.hexdigest().encode())


def _offset(line: bytes) -> int:
    """Return a line's offset; 0 if it has none."""
    number = line.partition(b" ")[0]
    return int(number) if number.isdigit() and len(number) < 20 else 0


def _hash_up_to(stream: BinaryIO, size: int, digest: _Hash) -> bool:
    """Hash the next `size` bytes. Returns False if there are fewer."""
    while size:
        data = stream.read(min(size, _READ_BYTES))
        if not data:
            return False
        digest.update(data)
        size -= len(data)
    return True


def _version(head: bytes) -> FileVersion | None:
    """Return the version in the first line, if the line is whole; the checkpoints' digests cover the line."""
    try:
        fields = json.loads(head)
        if not head.endswith(b"\n") or fields.pop("format") != _FORMAT:
            return None
        return FileVersion(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
